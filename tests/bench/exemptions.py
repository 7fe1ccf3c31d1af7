"""What exemptions cost a packet on the slow path: ten of a shape against a thousand. Run by `make bench`.

The flow measured matches none of them, and never sends enough packets to be offloaded, so that each of its packets
looks every set up in vain. Ends with status 1 where a thousand cost more than 1.05 times what ten do.
"""

import sys
from collections.abc import Callable

from bench.packets import measured
from kernel.house import OFFLOAD, House, house
from kernel.topologies import TOPOLOGIES

FEW, MANY, GOAL = 10, 1000, 1.05
NEVER = "\toption after_packets '1000000'\n"
EXEMPT = "\nconfig exempt\n"
SHAPES: dict[str, Callable[[int], str]] = {
    "addresses": lambda n: f"\tlist src_ip '10.1.{n // 250}.{n % 250}'\n",
    "networks": lambda n: f"\tlist dest_ip '10.{n // 250}.{n % 250}.0/25'\n",
    "ports": lambda n: f"\toption proto 'udp'\n\tlist dest_port '{20000 + 2 * n}'\n",
    "address and ports": lambda n: (
        f"\tlist src_ip '10.2.{n // 250}.{n % 250}'\n\toption proto 'udp'\n\tlist dest_port '5-9'\n"
    ),
    "MAC": lambda n: f"\tlist src_mac '02:00:00:00:{n // 250:02x}:{n % 250:02x}'\n",
}


def cost_of(lab: House, shape: str, count: int) -> float:
    """Guest microseconds per packet with so many exemptions of a shape."""
    exempts = "".join(EXEMPT + SHAPES[shape](number) for number in range(count))
    (lab.router.config / "offload").write_text(OFFLOAD + NEVER + exempts)
    lab.router.offload("apply")
    return measured(lab, "lan", "wan").microseconds


def main() -> int:
    """Measure each shape, print, and say which goals are missed."""
    missed = False
    print(f"{'exempt by':20}{f'{FEW} us':>10}{f'{MANY} us':>10}{'ratio':>8}{'goal':>7}", flush=True)
    with house() as lab, lab.shaped(TOPOLOGIES["static"].shape):
        for shape in SHAPES:
            few, many = (cost_of(lab, shape, count) for count in (FEW, MANY))
            print(f"{shape:20}{few:10.2f}{many:10.2f}{many / few:8.2f}{GOAL:7.2f}", flush=True)
            missed = missed or many / few > GOAL
    return missed


if __name__ == "__main__":
    sys.exit(main())
