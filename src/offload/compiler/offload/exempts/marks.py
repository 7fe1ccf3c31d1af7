"""Which MARK rules of the firewall keep traffic on the slow path: all but those whose mark only chooses a route. Pure.

An offloaded flow keeps the route of its first packets, so a mark that only routing rules compare has done its work by
then, and when that route goes away the kernel ends the flow's offload at once. A mark that a qdisc, a tc filter or an
nft rule compares has to stand on every packet.
"""

from collections.abc import Iterator

from offload.model.config import Config, Family, Marking
from offload.model.network import Snapshot
from offload.nouns import replace


def without_routing(config: Config, snapshot: Snapshot) -> Config:
    """The Config without the MARK rules that only choose a route on this router."""
    return replace(config, markings=tuple(each for each in config.markings if not only_routes(each, snapshot)))


def only_routes(marking: Marking, snapshot: Snapshot) -> bool:
    """Whether a routing rule compares the mark, and nothing else does."""
    sets = marking.sets
    if sets is None:
        return False
    rules = [rule for rule in snapshot.rules if Family(rule.family) & marking.family is not Family.NEITHER]
    # a rule with `not` fails because of the mark it names
    routed = any(_compared(sets, None if rule.inverted else rule.fwmark, rule.fwmask) for rule in rules)
    return routed and not any(_compared(sets, *reader) for reader in _readers(snapshot))


def _readers(snapshot: Snapshot) -> Iterator[tuple[int | None, int]]:
    """(value or None, mask) of everything besides routing rules that compares the mark."""
    yield from ((None, each.fwmask) for each in snapshot.qdiscs)
    yield from ((each.fwmark, each.fwmask) for each in snapshot.filters)
    yield from ((each.fwmark, each.fwmask) for each in snapshot.mark_readers)


def _compared(sets: tuple[int, int], value: int | None, mask: int) -> bool:
    """Whether a packet with these bits may pass the comparison `mark & mask == value`; None: with any value.

    Bits of the comparison that the rule does not set may have any value.
    """
    bits, known = sets
    shared = known & mask
    return bool(shared) and (value is None or bits & shared == value & shared)
