"""Find the MARK rules and tc filters whose traffic must not be offloaded. Pure.

Of MARK rules these are all except those that only choose a route. An offloaded flow keeps the route of its first
packets, so a mark that only `ip rule` compares is not needed any more. A mark that a qdisc, a tc filter or an nft rule
compares must be on every packet.

Of tc filters these are the ones that restore conntrack's mark: copy it into packets. Their actions connmark and ctinfo
find an offloaded packet's connection by its addresses (net/sched/act_connmark.c). After masquerading, the addresses of
a packet that leaves are not in conntrack's table, so it gets no mark; packets that come in do.
"""

from collections.abc import Iterable, Iterator

from offload.model.config import Config, Family, MarkRule
from offload.model.network import Snapshot
from offload.model.plan import Element, ExemptMatch
from offload.model.sections.exempts import Exempt
from offload.nouns import replace


def without_routing(config: Config, snapshot: Snapshot) -> Config:
    """The Config without the MARK rules that only choose a route (`only_routes`): no traffic stays slow for them."""
    return replace(config, mark_rules=tuple(each for each in config.mark_rules if not only_routes(each, snapshot)))


def only_routes(mark_rule: MarkRule, snapshot: Snapshot) -> bool:
    """Whether an `ip rule` of its family compares the mark that `mark_rule` sets, and no qdisc, tc filter or nft rule.

    False also if it is not known which mark `mark_rule` sets.
    """
    sets = mark_rule.sets
    if sets is None:
        return False
    rules = [rule for rule in snapshot.rules if Family(rule.family) & mark_rule.family is not Family.NEITHER]
    # a rule with `not` depends on the mark that it names
    routed = any(_compared(sets, None if rule.inverted else rule.fwmark, rule.fwmask) for rule in rules)
    return routed and not any(_compared(sets, *reader) for reader in _readers(snapshot))


def mark_restorers(snapshot: Snapshot, elements: Iterable[Element]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (device, names) once for each device with tc filters that restore conntrack's mark.

    Names: of its own name and its master's (a bridge, say) those that `elements` have, sorted; a device without any is
    left out. `elements`: which connections tables offload.
    """
    crossed = {device for each in elements for device in (each.iif, each.oif)}
    masters = {link.name: link.master for link in snapshot.links}
    for device in dict.fromkeys(each.device for each in snapshot.filters if each.restores):
        if names := {device, masters.get(device, "")} & crossed:
            yield device, tuple(sorted(names))


def of_connmarks(config: Config, snapshot: Snapshot, elements: Iterable[Element]) -> Iterator[ExemptMatch]:
    """Yield exempts (traffic not to be offloaded) for connections with a conntrack mark that tc filters restore.

    There are two for each device that `mark_restorers` gives, however many such filters it has: for connections that
    leave by one of the names there, and for those that come in by one. The name of a bridge stands for all its ports.
    With `auto_exempt 0` there are none. `elements`: which connections a table offloads.
    """
    for device, names in mark_restorers(snapshot, elements) if config.globals.auto_exempt else ():
        called = f"the tc filter on {device} that restores the marks of connections"
        yield ExemptMatch(Exempt("", ""), oifs=names, called=called, connmark=True)
        yield ExemptMatch(Exempt("", ""), iifs=names, called=called, connmark=True)


# They compare `mark & mask == value`; value None: not known. With mask 0 they do not read the mark.
def _readers(snapshot: Snapshot) -> Iterator[tuple[int | None, int]]:
    yield from ((None, each.fwmask) for each in snapshot.qdiscs)
    yield from ((each.fwmark, each.fwmask) for each in snapshot.filters)
    yield from ((each.fwmark, each.fwmask) for each in snapshot.mark_readers)


# Whether a packet with the bits that a rule `sets` (value, mask) can fulfil `mark & mask == value`: other bits may have
# any value. False if the rule sets no bit of `mask`.
def _compared(sets: tuple[int, int], value: int | None, mask: int) -> bool:
    bits, known = sets
    shared = known & mask
    return bool(shared) and (value is None or bits & shared == value & shared)
