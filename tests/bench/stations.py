"""The cost of a bridge with ports of both kinds: those of the emulated chip, and one whose driver offloads nothing.

Compared are a wired flow in hardware with and without that port in the bridge, and a flow of the station at that port
with both tables and in software alone. Run by `make bench`; the engine's own work is reported separately, as in
hardware.py.
"""

import time
from collections.abc import Callable

from bench.established import Flow, fast
from bench.hardware import CHOICE, around, emulation, through
from bench.hardware import flows as opened
from bench.pktgen import Sink, blast, dropped
from bench.rows import Figure, against, mean
from kernel import chip
from kernel.desk import plain, served
from kernel.house import House, Shape, house
from kernel.sides import bridge

WIRED = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan")})
BESIDE = Shape({"lan": bridge(chip.port("lan1"), plain("ap0", "eth1")), "wan": chip.port("wan")})
AT_AP = Shape({"lan": bridge(plain("ap0", "eth0"), chip.port("lan1", "eth1")), "wan": chip.port("wan")})
ENGINE = ("lan1", "wan")
WIRED_GOAL, AP_GOAL = 1.02, 1.05
METHOD = "counted instructions"
# Late news of the network (a device's carrier, a route) make the kernel drop its cached routes, and with them each flow
# in software; a generator that sends in one direction does not bring it back.
TRIES = 3


def moved(lab: House) -> int:
    """Packets that the engine has forwarded."""
    return sum(emulation(lab, device)[0] for device in ENGINE)


def settled(lab: House, flow: Flow, wanted: Callable[[int], bool]) -> None:
    """Send until the engine forwards as many of 100 packets as wanted; it is asked by a thread of the kernel's own."""
    for _ in range(100):
        before = moved(lab)
        blast(flow, 100)
        if wanted(moved(lab) - before):
            return
        time.sleep(0.2)
    raise AssertionError("the flow is not where it should be")


def wired(lab: House, without: dict[str, Figure]) -> Figure:
    """Guest microseconds per packet of a flow that the engine forwards, both directions' mean, without its own work."""
    figures = []
    for device, flow in opened(lab).items():
        settled(lab, flow, lambda taken: taken >= 100)
        figures.append(through(lab, device, flow) - without[device])
    return mean(figures)


def by_air(lab: House) -> Figure:
    """The same of a flow of the station at the plain port, of which the engine takes nothing."""
    for _ in range(TRIES):
        found = _by_air(lab)
        if fast(lab.router):
            return found
    raise AssertionError("the flow leaves the flowtable")


def _by_air(lab: House) -> Figure:
    figures = []
    forth, back = opened(lab).values()
    assert fast(lab.router), f"the flow is slow by {lab.router.run('nft', 'list', 'ruleset')}"
    for device, flow, beyond in (("ap0", forth, "wan"), ("wan", back, "lan")):
        settled(lab, flow, lambda taken: taken == 0)
        without = dropped(flow, Sink(lab.router, (device,)))
        figures.append(dropped(flow, Sink(lab.hosts[beyond], ("eth0",))) - without)
    return mean(figures)


def main() -> None:
    """Print both rows."""
    with house() as lab:
        with lab.shaped(WIRED):
            without = around(lab)
        with served(lab, WIRED):
            alone = wired(lab, without)
        with served(lab, BESIDE):
            beside = wired(lab, without)
        work = "wired flow in hardware, Wi-Fi in its bridge"
        against(work, "without Wi-Fi", "us", (alone, beside), WIRED_GOAL, METHOD).show()
        with lab.shaped(AT_AP):
            lab.router.write("offload", CHOICE.format("software"))
            lab.router.offload("apply")
            software = by_air(lab)
        with served(lab, AT_AP):
            both = by_air(lab)
        work = "Wi-Fi flow in software, hardware beside it"
        against(work, "software alone", "us", (software, both), AP_GOAL, METHOD).show()


if __name__ == "__main__":
    main()
