"""What a changed pair, or a new exempt, costs the flows of others: packets that are slow. Run by `make bench`.

A zone without an offloaded flow has nothing to put back, so nobody else may notice. Where it has one, its table
returns, and each flow of others takes a few packets on the slow path.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing

from bench.rows import Figure, alone
from kernel.lab import Home, home
from kernel.traffic import Talk

FLOWS = 100
WARM, AFTER = 5, 20  # messages of each flow before and after the change
GOALS = {"without": 0, "with": 5}  # slow packets of each flow of others
METHOD = f"packets in the forward hook, {FLOWS} UDP flows"


def main() -> None:
    """Print a row for each."""
    with home() as network, ExitStack() as stack:
        mode(network, "software")
        others = [stack.enter_context(closing(Talk(network.client, network.internet4, "udp"))) for _ in range(FLOWS)]
        for talk in others:
            talk.echo(WARM)
        guests: list[Talk] = []
        found = slow(network, others, lambda: exempt(network, others))
        work = "a new exempt that no flow matches: slow packets of others"
        alone(work, "", Figure(found / FLOWS, 1), 0, METHOD).show()
        for which, goal in GOALS.items():
            if which == "with":
                mode(network, "software")
                guests.append(stack.enter_context(closing(Talk(network.guest, network.internet4, "udp"))))
                guests[0].echo(WARM)
                assert not slow(network, guests, lambda: guests[0].echo(AFTER)), "the guest's flow is not offloaded"
            found = slow(network, others, lambda: change(network, others))
            work = f"`set guest none`, guest {which} a flow: slow packets of others"
            alone(work, "", Figure(found / FLOWS, 1), goal, METHOD).show()
        assert slow(network, guests, lambda: guests[0].echo(AFTER)) >= AFTER, "the guest's flow was not put back"


def mode(network: Home, word: str) -> None:
    """Give the guest's zone a mode, as a user would."""
    network.router.offload("set", "guest", word)


def change(network: Home, others: Iterable[Talk]) -> None:
    """Take the guest's zone off the fast path, while the others go on."""
    mode(network, "none")
    for talk in others:
        talk.echo(AFTER)


def exempt(network: Home, others: Iterable[Talk]) -> None:
    """Exempt a host that is not there, while the others go on."""
    network.router.append("offload", "config exempt\n list dest_ip '192.0.2.9'\n")
    network.router.offload("apply")
    for talk in others:
        talk.echo(AFTER)


def slow(network: Home, talks: list[Talk], work: Callable[[], None]) -> int:
    """Slow packets of these flows, in both directions, during the work."""

    def count() -> int:
        counted = network.evidence.counted()
        return sum(sum(network.evidence.slow(talk, counted)) for talk in talks)

    before = count()
    work()
    return count() - before


if __name__ == "__main__":
    main()
