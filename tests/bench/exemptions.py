"""The cost of exempts for a packet on the slow path: a thousand of one shape, compared with ten. Run by `make bench`.

The measured flow matches none of them, and sends too few packets to be offloaded, so that each of its packets is looked
up in every set.
"""

from collections.abc import Callable

from bench.packets import Measured, measured
from bench.rows import against
from kernel.house import OFFLOAD, House, house
from kernel.inside import applied, decided, observed
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


def cost_of(lab: House, shape: str, count: int, before: Measured | None) -> Measured:
    """What a packet takes with so many exemptions of a shape."""
    exempts = "".join(EXEMPT + SHAPES[shape](number) for number in range(count))
    (lab.router.config / "offload").write_text(OFFLOAD + NEVER + exempts)
    applied(lab.router, decided(lab.router, observed(lab.router)))
    return measured(lab, "lan", "wan", before)


def main() -> None:
    """Print a row for each shape."""
    with house() as lab, lab.shaped(TOPOLOGIES["static"].shape):
        few = None
        for shape in SHAPES:
            few = cost_of(lab, shape, FEW, few)
            figures = (few.microseconds, cost_of(lab, shape, MANY, few).microseconds)
            work = f"slow packet with {MANY} exempts by {shape}"
            against(work, f"{FEW} of them", "us", figures, GOAL, "counted instructions").show()


if __name__ == "__main__":
    main()
