"""A router with ports of the emulated chip, and zones in all modes: lan in hardware, guest in software, iot in none.

Zone work requests hardware too, but gets none, because it sends only IPv6, which the chip's driver does not take.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from kernel import chip
from kernel.house import FORWARDING, House, Shape, house
from kernel.lab import Router
from kernel.sides import bridge
from kernel.traffic import Talk

SHAPE = Shape(
    {
        "lan": bridge(chip.port("lan1"), chip.port("lan2", "eth1")),
        "guest": bridge(chip.port("guest1"), name="br-guest"),
        "iot": chip.port("iot1"),
        "work": chip.port("work1"),
        "wan": chip.port("wan"),
    }
)
PORTS = ("lan1", "lan2", "guest1", "iot1", "work1", "wan")
MODES = {"lan": "hardware", "guest": "software", "iot": "none", "work": "hardware", "wan": "hardware"}
ZONE = "\nconfig zone '{0}'\n\toption name '{0}'\n\toption mode '{1}'\n"
ENOUGH = 100  # flows that stay in software: after so many the service reports that hardware refuses them


@dataclass(frozen=True)
class Mixed:
    """The router, and who talks through it."""

    router: Router
    talks: list[Talk]
    crowd: list[Talk]

    def talk(self) -> None:
        """Everybody says something."""
        for number, talk in enumerate(self.talks, 1):
            if talk.proto == "tcp":
                talk.fetch(100_000 // number)
        for talk in (*self.talks, *self.crowd):
            talk.echo(3)


@contextmanager
def mixed() -> Iterator[Mixed]:
    """Build the router, write its configuration, and let everybody call."""
    with house() as lab, lab.shaped(SHAPE), ExitStack() as stack:
        _configure(lab)
        for port in PORTS:
            stack.enter_context(chip.fault(lab.router, port, "refuse-ipv6"))
        talks = [
            lab.call("lan", "wan"),
            lab.call("guest", "wan"),
            lab.call("lan", "wan"),
            lab.call("lan", "wan", proto="udp"),
            lab.call("guest", "wan", 6, "udp"),
            lab.call("iot", "wan"),
            lab.call("iot", "wan", 6, "udp"),
        ]
        crowd = [Talk(lab.hosts["work"], lab.target("wan", 6), "udp") for _ in range(ENOUGH)]
        lab.talks += crowd
        yield Mixed(lab.router, talks, crowd)


def _configure(lab: House) -> None:
    """Permit forwarding from every zone to wan, and none between the others."""
    firewall = (
        (lab.router.config / "firewall").read_text().replace("option forward 'ACCEPT'", "option forward 'REJECT'")
    )
    zones = firewall.partition("\nconfig forwarding")[0]
    lab.router.write(
        "firewall", zones + "".join(FORWARDING.format(src=zone, dest="wan") for zone in MODES if zone != "wan")
    )
    lab.router.write("offload", "config globals 'globals'\n" + "".join(ZONE.format(*each) for each in MODES.items()))
