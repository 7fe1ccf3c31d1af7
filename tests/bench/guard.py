"""The cost of the set of accepted replies for UDP packets on the slow path, in both directions. Run by `make bench`.

The flow sends too few packets to be offloaded, so that each of its packets passes the firewall and our whole chain: one
of the original direction is looked up in the set, and a reply updates its element.
"""

from bench.packets import OURS, Measured, measured
from bench.pktgen import COUNT
from bench.rows import against
from kernel.house import OFFLOAD, House, house
from kernel.topologies import TOPOLOGIES

# Of all that our chain costs a slow packet, and of the guard's part.
GOAL, GUARD_GOAL = 1.40, 1.20
NEVER = "\toption after_packets '1000000'\n"
METHOD = "counted instructions"


def slow_packet(lab: House, before: Measured | None = None) -> Measured:
    """What packets that all are slow take."""
    found = measured(lab, "lan", "wan", before)
    assert found.slow > 2 * COUNT, f"only {found.slow} packets took the slow path"
    return found


def main() -> None:
    """Measure the firewall alone, then with our table, then with our table without the guard, and print the rows."""
    with house() as lab, lab.shaped(TOPOLOGIES["static"].shape):
        alone = slow_packet(lab)
        lab.router.write("offload", OFFLOAD + NEVER)
        lab.router.offload("apply")
        assert "jump guard" in lab.router.table(OURS[0])
        guarded = slow_packet(lab, alone)
        lab.router.nft(f"flush chain inet {OURS[0]} guard")
        unguarded = slow_packet(lab, alone)
    pairs = (
        ("slow UDP packet with our table", "fw4 alone", alone, GOAL),
        ("slow UDP packet, guarded", "without guard", unguarded, GUARD_GOAL),
    )
    for work, peer, other, goal in pairs:
        against(work, peer, "us", (other.microseconds, guarded.microseconds), goal, METHOD).show()


if __name__ == "__main__":
    main()
