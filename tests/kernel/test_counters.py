"""Conntrack counts all bytes of offloaded flows, also while their flowtable is changed."""

import time
from collections.abc import Callable, Iterator

import pytest

from kernel import chip, netns
from kernel.house import OFFLOAD, House, Shape
from kernel.inside import applied, decided, observed
from kernel.netns import Namespace
from kernel.sides import bridge, port
from kernel.traffic import Talk
from offload.system.netlink.ct.conntrack import Conntrack

ENOUGH = 50
STATISTICS = 8  # seconds; the kernel asks the driver a tenth of the flowtable's timeout after the last packet
Cable = Callable[[Namespace, str, Namespace, str], None]
LOST = "add flowtable inet {table} {flowtable} {{ hook ingress priority filter{flags} }}"


class Router:
    """A house whose pairs have one mode, and how another port gets into its bridge."""

    def __init__(self, house: House, mode: str, cable: Cable) -> None:
        self.house, self.mode, self._cable = house, mode, cable

    def choose(self, text: str = "") -> None:
        """Write /etc/config/offload and bring the kernel there."""
        self.house.router.write("offload", OFFLOAD.replace("software", self.mode) + text)
        applied(self.house.router, decided(self.house.router, observed(self.house.router)))

    def plug(self, name: str) -> None:
        """Another port comes into the bridge."""
        self._cable(self.house.router, name, self.house.hosts["lan"], f"to{name}")
        # or it would answer there for the address of its other port
        self.house.hosts["lan"].sysctl({"net/ipv4/conf/all/arp_ignore": 1})
        router = self.house.router
        # a bridge without an address of its own takes the lowest of its ports', and hosts would ask for the old one
        router.ip(f"link set br-lan address {router.mac('br-lan')}", f"link set {name} master br-lan")
        self.choose()

    def unplug(self, name: str) -> None:
        """It goes again."""
        self.house.router.ip(f"link del {name}")
        self.choose()

    def counted(self, talk: Talk) -> int:
        """Bytes of both directions that conntrack has counted for a conversation."""
        with self.house.router.entered():
            entries = Conntrack().entries()
        (entry,) = [each for each in entries if each.original.sport == talk.near[1]]
        return sum(entry.bytes or ())

    def counts(self, talk: Talk) -> bool:
        """Whether every byte of an exchange is counted; both directions of it were fast."""
        talk.echo(10)
        if self.mode == "hardware":
            chip.settled(self.house.router, ("lan1", "wan"), talk)
        before = self.counted(talk)
        (seen,) = self.house.watch([talk], ENOUGH)
        assert seen.fast(ENOUGH)
        for _ in range(1 if self.mode == "software" else STATISTICS):
            if self.counted(talk) - before >= 2 * ENOUGH * 100:
                return True
            time.sleep(1)
        return False


@pytest.fixture(scope="module", params=["software", "hardware"], name="lab")
def _lab(house: House, request: pytest.FixtureRequest) -> Iterator[Router]:
    hardware = request.param == "hardware"
    made, cable = (chip.port, chip.cable) if hardware else (port, netns.cable)
    with house.shaped(Shape({"lan": bridge(made("lan1")), "wan": made("wan")})):
        yield Router(house, request.param, cable)


def test_a_device_more_and_a_device_less(lab: Router) -> None:
    lab.choose()
    talk = lab.house.call("lan", "wan")
    assert lab.counts(talk)
    lab.plug("lan2")
    assert "lan2" in lab.house.listed()
    assert lab.counts(talk)
    lab.unplug("lan2")
    assert lab.counts(talk)
    assert lab.counts(lab.house.call("lan", "wan", 6, "udp"))


def test_a_policy_more_and_an_exempt_more(lab: Router) -> None:
    lab.choose()
    talk = lab.house.call("lan", "wan")
    assert lab.counts(talk)
    for text in ("\toption after_packets '9'\n", "config exempt\n\tlist src_ip '192.168.1.99'\n", ""):
        lab.choose(text)
        assert lab.counts(talk), text


def test_an_adopted_flowtable_that_lost_its_counter_gets_it_back(lab: Router) -> None:
    """As version 0.1.0 left it after the first device that came later."""
    lab.choose()
    talk = lab.house.call("lan", "wan")
    assert lab.counts(talk)
    hardware = lab.mode == "hardware"
    table, flowtable = ("flow_offload_hw", "hw") if hardware else ("flow_offload", "sw")
    flags = " + 1; flags offload;" if hardware else ";"
    lab.house.router.nft(LOST.format(table=table, flowtable=flowtable, flags=flags))
    assert not lab.counts(talk)
    lab.choose()
    assert lab.counts(talk)
    assert "counter" in lab.house.router.run("nft", "list", "flowtables", "inet")
