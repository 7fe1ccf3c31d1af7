"""Which rules of the live ruleset established forwarded packets meet, and which of them treat each packet. Pure.

A rule that offloaded packets pass by has an effect on the first packets only. What stands behind `ct state established
accept` never sees more than those anyway.
"""

from collections.abc import Iterable, Iterator

from offload.model.kernel.live_rule import EVERY_PACKET, Deciding, LiveChain, LiveRule, PacketRule, RuleMatch
from offload.model.network import MarkReader
from offload.nouns import replace

HOOKS = frozenset({"prerouting", "forward", "postrouting", "egress"})
# Statements that change a packet's treatment, whichever packet of its connection it is
EFFECTS = ("drop", "reject", "limit", "quota", "priority", "dscp", "ttl", "queue", "vmap")
ENDING = frozenset({"drop", "reject", "vmap"})
IP_HOOKS = frozenset({"prerouting", "forward", "postrouting"})  # that offloaded packets pass by
# Treatments of a rule, the strongest first
TREATMENTS = ("quota", "limit", "priority", "dscp", "mark", "ttl")
SHAPES = frozenset({"length", "ttl", "flags"})  # by which it drops packets of any connection
MOST_RULES = 512  # that are named one by one; of more only the devices count
MOST_WAYS = 16  # from which a chain is reached with conditions of their own
ANONYMOUS = "__"  # begins the names of sets that stand in a rule
CONFIGURED = "!fw4: "  # the comment of rules that come from /etc/config/firewall

Place = tuple[str, str, str]  # family, table and chain
Rules = dict[Place, list[LiveRule]]


def mark_readers(chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> tuple[MarkReader, ...]:
    """The rules outside /etc/config/firewall that compare the mark of established packets, and do something by it."""
    grouped = _grouped(rule for rule in rules if rule.table not in frozenset(ours))
    readers = (
        MarkReader(f"{rule.family} {rule.table}", rule.chain, effect, *rule.mark)
        for rule in reached(chains, grouped)
        if rule.mark is not None
        and rule.mark[1]
        and not rule.comment.startswith(CONFIGURED)
        and (effect := _effect(rule, grouped, frozenset()))
    )
    return tuple(dict.fromkeys(readers))


def packet_rules(chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> tuple[PacketRule, ...]:
    """The rules outside /etc/config/firewall that treat the packets of established connections one by one."""
    grouped = _grouped(rule for rule in rules if rule.table not in frozenset(ours))
    found: dict[PacketRule, None] = {}
    for chain in chains:
        if chain.hook in IP_HOOKS:
            ways: dict[Place, set[RuleMatch]] = {}
            for rule, before in _met((chain.family, chain.table, chain.name), EVERY_PACKET, grouped, ways):
                if not rule.comment.startswith(CONFIGURED) and (does := _does(rule, grouped)):
                    found[_packet_rule(chain.hook, rule, does, rule.match.within(before))] = None
    if len(found) <= MOST_RULES:
        return tuple(found)
    wide = (replace(each, match=RuleMatch(each.match.iif, each.match.oif), comment="") for each in found)
    return tuple(dict.fromkeys(wide))[:MOST_RULES]


def _does(rule: LiveRule, rules: Rules) -> str:
    return treatment(rule) or ("ban" if _bans(rule, rules) else "")


def _packet_rule(hook: str, rule: LiveRule, does: str, match: RuleMatch) -> PacketRule:
    place = f"{rule.family} {rule.table}", rule.chain, hook
    if does == "ban":  # there may be thousands
        return PacketRule(*place, does, RuleMatch(match.iif, match.oif))
    return PacketRule(*place, does, match, rule.comment, rule.marks)


def deciding(chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> Deciding:
    """The rules, sets and times that may decide differently about a live connection than when it was offloaded.

    Sets of rules that only set marks (to route domains, for instance) are left out.
    """
    grouped = _grouped(rule for rule in rules if rule.table not in frozenset(ours))
    met = list(reached((chain for chain in chains if chain.hook in IP_HOOKS), grouped))
    ending = [rule for rule in met if _may_end(rule, grouped, frozenset())]
    return Deciding(
        hash(tuple((rule.family, rule.table, rule.chain, rule.digest) for rule in met)),
        frozenset((rule.table, name) for rule in ending for name in rule.sets),
        frozenset(edge for rule in ending for edge in rule.edges),
    )


def _may_end(rule: LiveRule, rules: Rules, path: frozenset[str]) -> bool:
    """Whether the rule, or one of a chain that it jumps to, may drop what it matches."""
    if ENDING & set(rule.does):
        return True
    below = (
        each
        for target in rule.targets
        if target not in path
        for each in rules.get((rule.family, rule.table, target), ())
    )
    return any(_may_end(each, rules, path | set(rule.targets)) for each in below)


def treatment(rule: LiveRule) -> str:
    """The rule's treatment of each packet; empty if it decides about connections only."""
    if rule.ip_only or rule.opening:
        return ""
    # an established connection sends no SYN, which is what limits by flags are about
    limits = "limit" in rule.does and "flags" not in rule.matches and rule.does[-1] != "log"
    own = next((each for each in TREATMENTS if each in rule.does and (each != "limit" or limits)), "")
    if own:
        return own
    if "queue" in rule.does and "packets" not in rule.matches:
        return "queue"
    if {"drop", "reject"} & set(rule.does) and "limit" not in rule.does:
        return "drop" if SHAPES & rule.matches else "time" if "time" in rule.matches else ""
    return "log" if "log" in rule.does and "state" not in rule.matches else ""


def _bans(rule: LiveRule, rules: Rules) -> bool:
    """Whether the rule drops by a named set, to which elements may be added later."""
    named = any(not name.startswith(ANONYMOUS) for name in rule.sets)
    return named and not rule.ip_only and _effect(rule, rules, frozenset()) in {"drop", "reject"}


def _met(
    place: Place, match: RuleMatch, rules: Rules, ways: dict[Place, set[RuleMatch]]
) -> Iterator[tuple[LiveRule, RuleMatch]]:
    """The rules of a chain and of those it jumps to, each with the matches of the rules that jump to its chain."""
    known = ways.setdefault(place, set())
    match = match if len(known) < MOST_WAYS else EVERY_PACKET
    if match in known:
        return
    known.add(match)
    for rule in rules.get(place, ()):
        if _ends(rule):
            return
        if rule.opening:
            continue
        yield rule, match
        for target in rule.targets:
            yield from _met((rule.family, rule.table, target), rule.match.within(match), rules, ways)


def _ends(rule: LiveRule) -> bool:
    """Whether established packets come no further."""
    return "state" in rule.matches and not rule.opening and bool({"accept", "vmap"} & set(rule.does))


def reached(chains: Iterable[LiveChain], rules: Rules) -> Iterator[LiveRule]:
    """The rules that established packets of forwarded connections may meet, each once."""
    done: set[Place] = set()
    for chain in chains:
        if chain.hook in HOOKS:
            yield from _walk((chain.family, chain.table, chain.name), rules, done)


def _walk(place: Place, rules: Rules, done: set[Place]) -> Iterator[LiveRule]:
    if place in done:
        return
    done.add(place)
    for rule in rules.get(place, ()):
        if _ends(rule):
            return
        if rule.opening:
            continue
        yield rule
        for target in rule.targets:
            yield from _walk((rule.family, rule.table, target), rules, done)


def _effect(rule: LiveRule, rules: Rules, path: frozenset[str]) -> str:
    """The treatment by the rule, or by a rule of a chain that it jumps to; empty if it treats all packets alike."""
    own = next((each for each in EFFECTS if each in rule.does), "")
    if own:
        return own
    for target in rule.targets:
        if target not in path:
            below = rules.get((rule.family, rule.table, target), ())
            if found := next(filter(None, (_effect(each, rules, path | {target}) for each in below)), ""):
                return found
    return ""


def _grouped(rules: Iterable[LiveRule]) -> Rules:
    grouped: Rules = {}
    for rule in rules:
        grouped.setdefault((rule.family, rule.table, rule.chain), []).append(rule)
    return grouped
