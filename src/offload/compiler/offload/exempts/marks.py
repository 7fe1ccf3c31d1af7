"""Which MARK rules of the firewall keep traffic on the slow path: all but those whose mark only chooses a route. Pure.

An offloaded flow keeps the route of its first packets, so a mark that only routing rules compare has done its work by
then, and when that route goes away the kernel ends the flow's offload at once. A mark that a qdisc, a tc filter or an
nft rule compares has to stand on every packet.

The tc actions connmark and ctinfo look the connection up by the packet's addresses where the packet does not lead to it
(net/sched/act_connmark.c), and an offloaded packet does not. Behind masquerade the addresses of a packet that leaves
are not in conntrack's table, so it gets no mark. Packets that come in are found. A connection without a mark misses
nothing.
"""

from collections.abc import Iterable, Iterator

from offload.model.config import Config, Family, MarkRule
from offload.model.network import Snapshot
from offload.model.plan import Element, ExemptMatch
from offload.model.sections.exempts import Exempt
from offload.nouns import replace


def without_routing(config: Config, snapshot: Snapshot) -> Config:
    """The Config without the MARK rules that only choose a route on this router."""
    return replace(config, mark_rules=tuple(each for each in config.mark_rules if not only_routes(each, snapshot)))


def only_routes(mark_rule: MarkRule, snapshot: Snapshot) -> bool:
    """Whether a routing rule compares the mark, and nothing else does."""
    sets = mark_rule.sets
    if sets is None:
        return False
    rules = [rule for rule in snapshot.rules if Family(rule.family) & mark_rule.family is not Family.NEITHER]
    # a rule with `not` fails because of the mark it names
    routed = any(_compared(sets, None if rule.inverted else rule.fwmark, rule.fwmask) for rule in rules)
    return routed and not any(_compared(sets, *reader) for reader in _readers(snapshot))


def restoring(snapshot: Snapshot, elements: Iterable[Element]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The devices with such filters, each with what packets cross by it: itself, or the bridge that it is a port of."""
    crossed = {device for each in elements for device in (each.iif, each.oif)}
    masters = {link.name: link.master for link in snapshot.links}
    for device in dict.fromkeys(each.device for each in snapshot.filters if each.restores):
        if names := {device, masters.get(device, "")} & crossed:
            yield device, tuple(sorted(names))


def of_connmarks(config: Config, snapshot: Snapshot, elements: Iterable[Element]) -> Iterator[ExemptMatch]:
    """Connections with a mark that cross such a device, in either direction; none with auto_exempt 0."""
    for device, names in restoring(snapshot, elements) if config.globals.auto_exempt else ():
        called = f"the tc filter on {device} that restores the marks of connections"
        yield ExemptMatch(Exempt("", ""), oifs=names, called=called, connmark=True)
        yield ExemptMatch(Exempt("", ""), iifs=names, called=called, connmark=True)


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
