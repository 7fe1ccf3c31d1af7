"""Which rules in nft packets of established forwarded connections meet, and which of them must see every packet. Pure.

Offloaded packets bypass such a rule. A rule after `ct state established accept` never sees them anyway.
"""

from collections.abc import Iterable, Iterator

from offload.model.kernel.live_rule import (
    CONFIGURED,
    DEVICE_HOOKS,
    EVERY_PACKET,
    Deciding,
    LiveChain,
    LiveRule,
    MarkReader,
    PacketRule,
    RuleMatch,
)
from offload.nouns import replace

# Statements that act on every packet of a connection
EFFECTS = ("drop", "reject", "limit", "quota", "priority", "dscp", "ttl", "change", "dup", "queue", "vmap")
ENDING = frozenset({"drop", "reject", "vmap"})
# Hooks that forwarded packets pass and offloaded ones bypass: of IP, and of the bridges on which they come and leave
IP_HOOKS = frozenset({"prerouting", "forward", "postrouting"})
BRIDGE_HOOKS = frozenset({"prerouting", "input", "output", "postrouting"})
# What a rule does, the most important first
TREATMENTS = ("quota", "limit", "priority", "dscp", "mark", "ttl", "change", "dup", "offload")
# Of these, what the rules of a device are needed for in hardware, where nothing reads the mark of a packet
OF_DEVICES = frozenset({*TREATMENTS, "drop"}) - {"mark", "offload"}
# A packet that leaves has passed our chain, which may have put its flow into hardware once more: so bans count as well
OF_HOOKS = {"ingress": OF_DEVICES, "egress": OF_DEVICES | {"ban"}}
# Properties of single packets by which rules drop
SHAPES = frozenset({"length", "ttl", "flags", "dscp", "contents", "chance"})
COUNTS = frozenset({"packets", "bytes"})  # of a connection so far: a rule that drops by these limits its size
BY_PACKET = SHAPES | COUNTS | {"time"}
MOST_RULES = 512  # that are considered one by one; of more only the devices
MOST_WAYS = 16  # ways into a chain whose conditions are considered
BRIDGE = "bridge"  # the family
ANONYMOUS = "__"  # prefix of the names of sets inside of rules

Place = tuple[str, str, str]  # family, table and chain
Rules = dict[Place, list[LiveRule]]


def mark_readers(chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> tuple[MarkReader, ...]:
    """The rules of other programs that treat established packets by their mark: limit, drop, prioritize them, ...

    Of a rule that jumps to a chain the first of EFFECTS in that chain counts. Equal results come once. `chains`,
    `rules`: the kernel's whole ruleset. `ours`: names of the tables of offload, whose rules are left out, as are those
    from /etc/config/firewall.
    """
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
    """The rules of other programs that must see every packet of established connections, at most MOST_RULES.

    A rule in a chain that several rules jump to comes once for each way with other conditions. If there are more than
    MOST_RULES, only their devices are kept as conditions, equal rules become one, and the rest is cut off. Of rules on
    ingress and egress hooks, which only packets in hardware bypass, only some count (OF_HOOKS). `chains`, `rules`: the
    kernel's whole ruleset. `ours`: names of the tables of offload, whose rules are left out, as are those from
    /etc/config/firewall.
    """
    found = dict.fromkeys(treated for _, treated in treating(chains, rules, ours))
    if len(found) <= MOST_RULES:
        return tuple(found)
    wide = (replace(each, match=RuleMatch(each.match.iif, each.match.oif), comment="") for each in found)
    return tuple(dict.fromkeys(wide))[:MOST_RULES]


def treating(
    chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]
) -> Iterator[tuple[LiveRule, PacketRule]]:
    """The rules of other programs that must see every packet, each with a PacketRule for it, however many they are.

    A rule comes once for each way to it (jumps from base chains) with other conditions. `chains`, `rules`: the whole
    ruleset. `ours`: names of the tables of offload, whose rules are left out, as are those from /etc/config/firewall.
    """
    grouped = _grouped(rule for rule in rules if rule.table not in frozenset(ours))
    for chain in chains:
        ways: dict[Place, set[RuleMatch]] = {}
        for match in _passing(chain):
            for rule, before in _met((chain.family, chain.table, chain.name), match, grouped, ways):
                does = "" if rule.comment.startswith(CONFIGURED) else _does(rule, grouped)
                if does in OF_HOOKS[chain.hook] if chain.hook in DEVICE_HOOKS else does:
                    yield rule, _packet_rule(chain.hook, rule, does, rule.match.within(before))


# The forwarded packets that pass a base chain, as conditions: EVERY_PACKET, or one for each device of its hook.
def _passing(chain: LiveChain) -> Iterator[RuleMatch]:
    if chain.hook in (BRIDGE_HOOKS if chain.family == BRIDGE else IP_HOOKS):
        yield EVERY_PACKET
    elif chain.hook in DEVICE_HOOKS:
        yield from (RuleMatch(each) if chain.hook == "ingress" else RuleMatch(oif=each) for each in chain.devices)


# the word for PacketRule, or "" for a rule that need not see every packet; a drop that it jumps to counts
def _does(rule: LiveRule, rules: Rules) -> str:
    ends = _effect(rule, rules, frozenset()) if rule.targets and BY_PACKET & rule.matches else ""
    whole = replace(rule, does=(*rule.does, ends)) if ends in {"drop", "reject"} else rule
    return treatment(whole) or ("ban" if _bans(rule, rules) else "")


def _packet_rule(hook: str, rule: LiveRule, does: str, match: RuleMatch) -> PacketRule:
    place = f"{rule.family} {rule.table}", rule.chain, hook
    if does == "ban":  # there may be thousands
        return PacketRule(*place, does, RuleMatch(match.iif, match.oif))
    return PacketRule(*place, does, match, rule.comment, rule.marks)


def ingress_last(chains: Iterable[LiveChain]) -> int | None:
    """The highest priority of a chain on the ingress hook of a device, of any table; None: there is no such chain."""
    return max((each.priority for each in chains if each.hook == "ingress" and each.devices), default=None)


def deciding(chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> Deciding:
    """A digest of the rules that packets of live forwarded connections meet, and the sets, times and maps in them.

    If a field of the result changes, the firewall may now refuse a live connection that is offloaded. Rules on hooks of
    single devices are among them. Sets and times are only those of rules that may drop a packet, not of rules that, for
    instance, mark domains for routing. `chains`, `rules`: the kernel's whole ruleset. `ours`: names of the tables of
    offload, whose rules are left out.
    """
    grouped = _grouped(rule for rule in rules if rule.table not in frozenset(ours))
    met = list(reached(chains, grouped))
    ending = [rule for rule in met if _may_end(rule, grouped, frozenset())]
    return Deciding(
        hash(tuple((rule.family, rule.table, rule.chain, rule.digest) for rule in met)),
        frozenset((rule.table, name) for rule in ending for name in rule.sets),
        frozenset(edge for rule in ending for edge in rule.edges),
        frozenset((rule.table, name) for rule in met if "vmap" in rule.does for name in rule.sets),
    )


# `path`: chains on the way, against loops
def _may_end(rule: LiveRule, rules: Rules, path: frozenset[str]) -> bool:
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
    """Why a rule must see every packet, in a word as PacketRule has it (limit, quota, drop, ...); empty: it need not.

    It need not if no established TCP or UDP packet matches it, or if it drops whole connections. Chains that it jumps
    to are not looked at, nor is whether it drops by a set (`ban`).
    """
    if rule.ip_only or rule.opening:
        return ""
    limits = "limit" in rule.does and rule.does[-1] != "log"
    own = next((each for each in TREATMENTS if each in rule.does and (each != "limit" or limits)), "")
    if own:
        return own
    if "queue" in rule.does and "packets" not in rule.matches:
        return "queue"
    if {"drop", "reject"} & set(rule.does) and "limit" not in rule.does:
        if COUNTS & rule.matches:
            return "quota"
        return "drop" if SHAPES & rule.matches else "time" if "time" in rule.matches else ""
    return "log" if "log" in rule.does and "state" not in rule.matches else ""


# Elements of a named set may change while flows live; an anonymous set cannot.
def _bans(rule: LiveRule, rules: Rules) -> bool:
    named = any(not name.startswith(ANONYMOUS) for name in rule.sets)
    return named and not rule.ip_only and _effect(rule, rules, frozenset()) in {"drop", "reject"}


# `match`: the conditions of the rules that jump here. `ways`: by chain, the conditions with which it was walked
# already; after MOST_WAYS of them it is walked once more, without conditions.
def _met(
    place: Place, match: RuleMatch, rules: Rules, ways: dict[Place, set[RuleMatch]]
) -> Iterator[tuple[LiveRule, RuleMatch]]:
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
            yield from _met((rule.family, rule.table, target), rule.match.within(match), rules, ways)


def reached(chains: Iterable[LiveChain], rules: Rules) -> Iterator[LiveRule]:
    """The rules that packets of established forwarded connections may meet, each once, chain by chain.

    `chains`: their base chains are where packets begin. `rules`: by (family, table, chain). A chain ends at a rule that
    accepts all such packets; rules that match no such packet are left out.
    """
    done: set[Place] = set()
    for chain in chains:
        if any(True for _ in _passing(chain)):
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


# the first of EFFECTS in the rule, else in a chain that it jumps to; `path`: chains on the way, against loops
def _effect(rule: LiveRule, rules: Rules, path: frozenset[str]) -> str:
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
