"""Which rules of the live ruleset established forwarded packets meet, and which of those read marks. Pure.

A rule that offloaded packets pass by has an effect on the first packets only. What stands behind `ct state established
accept` never sees more than those anyway.
"""

from collections.abc import Iterable, Iterator

from offload.model.live_rule import LiveChain, LiveRule
from offload.model.network import MarkReader

HOOKS = frozenset({"prerouting", "forward", "postrouting", "egress"})
# What makes a difference to a packet, whichever of its connection it is
EFFECTS = ("drop", "reject", "limit", "quota", "priority", "dscp", "ttl", "queue", "vmap")
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
        if "state" in rule.matches and {"accept", "vmap"} & set(rule.does):
            return  # established packets come no further
        yield rule
        for target in rule.targets:
            yield from _walk((rule.family, rule.table, target), rules, done)


def _effect(rule: LiveRule, rules: Rules, path: frozenset[str]) -> str:
    """What the rule, or a rule of a chain that it jumps to, does; empty where it makes no difference."""
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
