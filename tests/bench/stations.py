"""What ports of both kinds in a bridge cost: those of the emulated chip, and one whose driver offloads nothing.

A wired flow in hardware beside the bridge without that port, and a flow of the station at that port with both tables
beside the same router in software alone. Run by `make bench`; the engine's own work is told apart, as in hardware.py.
"""

import time
from collections.abc import Callable

from bench.hardware import CHOICE, emulation, through
from bench.hardware import flows as opened
from bench.pktgen import Flow, Sink, blast
from bench.rows import Figure, against
from kernel import chip
from kernel.desk import plain, served
from kernel.house import House, Shape, house
from kernel.sides import bridge

WIRED = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan")})
BESIDE = Shape({"lan": bridge(chip.port("lan1"), plain("ap0", "eth1")), "wan": chip.port("wan")})
AT_AP = Shape({"lan": bridge(plain("ap0", "eth0"), chip.port("lan1", "eth1")), "wan": chip.port("wan")})
ENGINE = ("lan1", "wan")
COUNT = 10_000
WIRED_GOAL, AP_GOAL = 1.02, 1.05
METHOD = "counted instructions"


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


def measured(lab: House, entry: str, *, hardware: bool) -> Figure:
    """Guest microseconds per packet, both directions' mean, without the engine's; `entry`: the port of the station."""
    figures = []
    directions = opened(lab)
    directions = {entry: directions.pop("lan1")} | directions
    for device, flow in directions.items():
        settled(lab, flow, (lambda taken: taken >= 100) if hardware else (lambda taken: taken == 0))
        with Sink(lab.router, (device,)).dropping():
            around = blast(flow, COUNT)
        if hardware:
            whole, engine = through(lab, device, flow)
            figures.append(whole - around - engine)
            continue
        beyond = lab.hosts["wan" if device == entry else "lan"]
        with Sink(beyond, ("eth0",)).dropping():
            figures.append(blast(flow, COUNT) - around)
    return Figure(sum(figures) / len(figures), 1)


def main() -> None:
    """Print both rows."""
    with house() as lab:
        with served(lab, WIRED):
            alone = measured(lab, "lan1", hardware=True)
        with served(lab, BESIDE):
            beside = measured(lab, "lan1", hardware=True)
        work = "wired flow in hardware, Wi-Fi in its bridge"
        against(work, "without Wi-Fi", "us", (alone, beside), WIRED_GOAL, METHOD).show()
        with lab.shaped(AT_AP):
            lab.router.write("offload", CHOICE.format("software"))
            lab.router.offload("apply")
            software = measured(lab, "ap0", hardware=False)
        with served(lab, AT_AP):
            both = measured(lab, "ap0", hardware=False)
        work = "Wi-Fi flow in software, hardware beside it"
        against(work, "software alone", "us", (software, both), AP_GOAL, METHOD).show()


if __name__ == "__main__":
    main()
