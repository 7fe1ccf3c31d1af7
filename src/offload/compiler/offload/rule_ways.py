"""The rules of a ruleset that packets of established forwarded connections meet, chain by chain. Pure."""

from collections.abc import Iterable, Iterator

from offload.model.kernel.live_rule import DEVICE_HOOKS, EVERY_PACKET, LiveChain, LiveRule, RuleMatch
from offload.model.plan import ACCEPTED_PRIORITY

# Statements that act on every packet of a connection
EFFECTS = ("drop", "reject", "limit", "quota", "priority", "dscp", "ttl", "change", "dup", "queue", "vmap")
# Hooks that forwarded packets pass and offloaded ones bypass: of IP, and of the bridges on which they come and leave
IP_HOOKS = frozenset({"prerouting", "forward", "postrouting"})
BRIDGE_HOOKS = frozenset({"prerouting", "input", "output", "postrouting"})
# Of these, and of devices, the hooks behind the forward hook
BEHIND_OURS = frozenset({"output", "postrouting", "egress"})
MOST_WAYS = 16  # ways into a chain whose conditions are considered
BRIDGE = "bridge"  # the family

Place = tuple[str, str, str]  # family, table and chain
Rules = dict[Place, list[LiveRule]]
Met = tuple[LiveRule, RuleMatch]  # a rule, and the conditions of those that lead to its chain


def grouped(rules: Iterable[LiveRule]) -> Rules:
    """{(family, table, chain): the rules of this chain, in their order}."""
    found: Rules = {}
    for rule in rules:
        found.setdefault((rule.family, rule.table, rule.chain), []).append(rule)
    return found


def passing(chain: LiveChain) -> Iterator[RuleMatch]:
    """Yield the conditions of forwarded packets that pass a base chain: EVERY_PACKET, or one for each of its devices.

    A chain on the ingress hook has input devices, one on the egress hook output devices. Nothing is yielded for a hook
    that no forwarded packet passes, nor for a chain without a hook.
    """
    if chain.hook in (BRIDGE_HOOKS if chain.family == BRIDGE else IP_HOOKS):
        yield EVERY_PACKET
    elif chain.hook in DEVICE_HOOKS:
        yield from (RuleMatch(each) if chain.hook == "ingress" else RuleMatch(oif=each) for each in chain.devices)


def behind_ours(chain: LiveChain) -> bool:
    """Whether packets reach a base chain only after ours on the forward hook, so ours has decided about their flow.

    Such are chains on the forward hook at ACCEPTED_PRIORITY (INT_MAX - 1) or higher, and all on hooks of BEHIND_OURS.
    """
    last = chain.hook == "forward" and chain.priority >= ACCEPTED_PRIORITY
    return last or chain.hook in BEHIND_OURS


def met(
    place: Place, match: RuleMatch, rules: Rules, ways: dict[Place, set[RuleMatch]]
) -> Iterator[tuple[LiveRule, RuleMatch]]:
    """Yield (rule, conditions of the jumps to its chain) for rules that established packets may meet from `place` on.

    `place` is a chain; chains to which its rules jump are followed. Left out: rules that match no such packet by state
    or TCP flags (`opening`); and a rule that accepts all of them by their state (`ends`), with the rules behind it.
    `match`: the conditions of the jumps to `place`. `ways`: {chain: the conditions with which it was walked}; new ones
    are added. A chain is not walked twice with equal conditions, and after MOST_WAYS (16) of them with EVERY_PACKET.
    """
    known = ways.setdefault(place, set())
    match = match if len(known) < MOST_WAYS else EVERY_PACKET
    if match in known:
        return
    known.add(match)
    for rule in rules.get(place, ()):
        if rule.ends:
            return
        if rule.opening:
            continue
        yield rule, match
        for target in rule.targets:
            yield from met((rule.family, rule.table, target), rule.match.within(match), rules, ways)


def reached(chains: Iterable[LiveChain], rules: Rules) -> Iterator[LiveRule]:
    """The rules that packets of established forwarded connections may meet, each once.

    `chains`: all chains; the walk begins at those that forwarded packets pass (`passing`). `rules`: by chain
    (`grouped`).
    """
    done: set[Place] = set()
    for chain in chains:
        if any(True for _ in passing(chain)):
            yield from _walk((chain.family, chain.table, chain.name), rules, done)


def _walk(place: Place, rules: Rules, done: set[Place]) -> Iterator[LiveRule]:
    if place in done:
        return
    done.add(place)
    for rule in rules.get(place, ()):
        if rule.ends:
            return
        if rule.opening:
            continue
        yield rule
        for target in rule.targets:
            yield from _walk((rule.family, rule.table, target), rules, done)


def effect(rule: LiveRule, rules: Rules, path: frozenset[str]) -> str:
    """The effect of a rule, one of EFFECTS (`drop`, `limit`, ...); empty: it has none.

    Of several it is the first in EFFECTS. A rule without one has that of the first rule with one in the chains that it
    jumps to. `rules`: by chain (`grouped`). `path`: names of the chains on the way, which are not followed again.
    """
    own = next((each for each in EFFECTS if each in rule.does), "")
    if own:
        return own
    for target in rule.targets:
        if target not in path:
            below = rules.get((rule.family, rule.table, target), ())
            if found := next(filter(None, (effect(each, rules, path | {target}) for each in below)), ""):
                return found
    return ""


def may(rule: LiveRule, rules: Rules, wanted: frozenset[str], path: frozenset[str] = frozenset()) -> bool:
    """Whether the rule, or a rule of a chain that it jumps to, does one of `wanted` (words of LiveRule's `does`).

    `rules`: by chain. `path`: names of the chains on the way to it, which are not followed again.
    """
    if not wanted.isdisjoint(rule.does):
        return True
    if not rule.targets:
        return False
    below = (
        each
        for target in rule.targets
        if target not in path
        for each in rules.get((rule.family, rule.table, target), ())
    )
    return any(may(each, rules, wanted, path | set(rule.targets)) for each in below)
