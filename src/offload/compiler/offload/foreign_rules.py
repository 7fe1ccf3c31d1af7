"""Find the rules in nft that packets of established connections meet, and those that must see every packet. Pure.

The connections are forwarded ones. Such packets do not meet the rules behind `ct state established accept` in a chain.
"""

from collections.abc import Iterable, Iterator, Sequence

from offload.compiler.offload.rule_ways import Met, Rules, behind_ours, effect, grouped, may, met, passing, reached
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

REFUSING = frozenset({"drop", "reject"})
ENDING, ACCEPTING = REFUSING | {"vmap"}, frozenset({"accept"})
# What a rule does, the most important first
TREATMENTS = ("quota", "limit", "priority", "dscp", "mark", "ttl", "change", "dup", "offload")
# Of these, what the rules of a device are needed for in hardware, where nothing reads the mark of a packet
OF_DEVICES = frozenset({*TREATMENTS, "drop"}) - {"mark", "offload"}
# A packet that leaves has passed our chain, which may have put its flow into hardware once more: so bans count as well
OF_HOOKS = {"ingress": OF_DEVICES, "egress": OF_DEVICES | {"ban"}}
# What changes from packet to packet, or without a notification that could be awaited: rules that drop by these hold
SHAPES = frozenset({"length", "ttl", "flags", "dscp", "contents", "chance", "connection", "ipset"})
COUNTS = frozenset({"packets", "bytes"})  # of a connection so far: a rule that drops by these limits its size
BY_PACKET = SHAPES | COUNTS | {"time"}
MOST_DROPS = 64  # of a chain whose conditions are compared with those of rules that accept
MOST_RULES = 512  # that are considered one by one; of more only the devices
ANONYMOUS = "__"  # prefix of the names of sets inside of rules


def mark_readers(chains: Iterable[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> tuple[MarkReader, ...]:
    """The rules of other programs that compare the packet mark of established packets, and then treat these packets.

    To treat is one of EFFECTS: to drop, reject, limit, queue, change, ... them, or to send them to a verdict map; a
    chain that the rule jumps to may do so. `does` of a result is such an effect. Equal results come once. `chains`,
    `rules`: the kernel's whole ruleset. `ours`: names of the tables of offload. Rules of these tables, and rules from
    /etc/config/firewall, are left out.
    """
    by_chain = grouped(rule for rule in rules if rule.table not in frozenset(ours))
    readers = (
        MarkReader(f"{rule.family} {rule.table}", rule.chain, found, *rule.mark)
        for rule in reached(chains, by_chain)
        if rule.mark is not None
        and rule.mark[1]
        and not rule.comment.startswith(CONFIGURED)
        and (found := effect(rule, by_chain, frozenset()))
    )
    return tuple(dict.fromkeys(readers))


def packet_rules(chains: Sequence[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> tuple[PacketRule, ...]:
    """The rules of other programs that must see every packet of established connections, at most MOST_RULES (512).

    They are those of `treating`, equal ones once. If there are more than MOST_RULES, they lose their comments and all
    conditions except devices, equal ones become one, and the rest is cut off. `chains`, `rules`: the kernel's whole
    ruleset. `ours`: names of the tables of offload. Rules of these tables, and rules from /etc/config/firewall, are
    left out.
    """
    found = dict.fromkeys(treated for _, treated in treating(chains, rules, ours))
    if len(found) <= MOST_RULES:
        return tuple(found)
    wide = (replace(each, match=RuleMatch(each.match.iif, each.match.oif), comment="") for each in found)
    return tuple(dict.fromkeys(wide))[:MOST_RULES]


def treating(
    chains: Sequence[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]
) -> Iterator[tuple[LiveRule, PacketRule]]:
    """Yield (rule, the PacketRule that describes it) for the rules of other programs that must see every packet.

    In chains behind ours (`behind_ours`) rules that drop or reject packets of TCP, UDP or GRE count as such; for a
    policy drop that established packets reach, a rule is made. A rule may come several times, with the conditions of
    each way to it (jumps from base chains). On ingress and egress hooks rules count for what OF_HOOKS names. `chains`,
    `rules`: the whole ruleset. `ours`: names of the tables of offload. Rules of these tables, and rules from
    /etc/config/firewall, are left out.
    """
    by_chain = grouped(rule for rule in rules if rule.table not in frozenset(ours))
    written = _marks_that_change(chains, by_chain)
    for chain in chains:
        for rule, before, lets in _walks(chain, by_chain, written):
            does = "" if rule.comment.startswith(CONFIGURED) else _does(rule, by_chain, written, lets=lets)
            if behind_ours(chain) and does not in OF_HOOKS.get(chain.hook, TREATMENTS) and _refuses(rule):
                does = "drop"
            if does in OF_HOOKS[chain.hook] if chain.hook in DEVICE_HOOKS else does:
                yield rule, _packet_rule(chain.hook, rule, does, rule.match.within(before))


# Whatever it refuses by: before it our chain takes a reply for accepted, which a flowtable would then deliver.
def _refuses(rule: LiveRule) -> bool:
    return not (rule.ip_only or rule.comment.startswith(CONFIGURED) or REFUSING.isdisjoint(rule.does))


# Each rule that established packets meet from this base chain on, the way's conditions, and whether it lets pass: it
# accepts by what may change, and a later rule, or the chain's policy, drops what it no longer accepts. A policy that
# drops behind our chain comes last, as a rule.
def _walks(chain: LiveChain, rules: Rules, written: int) -> Iterator[tuple[LiveRule, RuleMatch, bool]]:
    ways: dict[tuple[str, str, str], set[RuleMatch]] = {}
    first = rules.get((chain.family, chain.table, chain.name), ())
    policy = chain.drops and not any(rule.ends for rule in first)
    for match in passing(chain):
        walk = list(met((chain.family, chain.table, chain.name), match, rules, ways))
        found = _letting(walk, rules, written, policy=policy)
        for at, (rule, before) in enumerate(walk):
            yield rule, before, at in found
        if policy and behind_ours(chain):
            yield LiveRule(chain.family, chain.table, chain.name, ("drop",)), match, False


# Positions in `walk` of the rules that let pass; `policy`: the chain drops at its end. With a drop of every packet, or
# more than MOST_DROPS different ones, conditions are compared no more, so that the time grows with the rules only.
def _letting(walk: Sequence[Met], rules: Rules, written: int, *, policy: bool) -> set[int]:
    found, drops, every = set[int](), set[RuleMatch](), policy
    for at in reversed(range(len(walk))):
        rule, before = walk[at]
        accepts = (every or drops) and _accepts_for_now(rule, rules, written)
        if accepts and (every or any(map(rule.match.within(before).meets, drops))):
            found.add(at)
        if not (every or rule.ip_only or ENDING.isdisjoint(rule.does)):
            drops.add(rule.match.within(before))
            every = EVERY_PACKET in drops or len(drops) > MOST_DROPS
    return found


# A `return` in a chain that it jumps to accepts nothing: packets come back to the next rule.
def _accepts_for_now(rule: LiveRule, rules: Rules, written: int) -> bool:
    if not (rule.sets or rule.mark or rule.matches) or rule.ip_only:  # most rules
        return False
    changes = _named(rule) or _by_mark(rule, written) or not rule.matches.isdisjoint(BY_PACKET)
    return changes and ("return" in rule.does or may(rule, rules, ACCEPTING))


# bits of the packet mark that rules write by what may change, such as the mark of the connection
def _marks_that_change(chains: Iterable[LiveChain], rules: Rules) -> int:
    written = 0
    for rule in reached(chains, rules):
        if rule.marks and (rule.matches & BY_PACKET or _named(rule)):
            written |= rule.marks
    return written


def _by_mark(rule: LiveRule, written: int) -> bool:
    return rule.mark is not None and bool(rule.mark[1] & written)


# the word for PacketRule, or "" for a rule that need not see every packet; a drop that it jumps to counts, and with
# `lets` one that comes later. `written`: bits of the packet mark that change
def _does(rule: LiveRule, rules: Rules, written: int, *, lets: bool) -> str:
    if _by_mark(rule, written):
        rule = replace(rule, matches=rule.matches | {"connection"})
    ends = effect(rule, rules, frozenset()) if rule.targets and BY_PACKET & rule.matches else ""
    ends = "drop" if lets else ends
    add = ends in REFUSING and ends not in rule.does
    whole = replace(rule, does=(*rule.does, ends)) if add else rule
    return treatment(whole) or ("ban" if _bans(whole, rules) else "")


def _packet_rule(hook: str, rule: LiveRule, does: str, match: RuleMatch) -> PacketRule:
    place = f"{rule.family} {rule.table}", rule.chain, hook
    if does == "ban":  # there may be thousands
        return PacketRule(*place, does, RuleMatch(match.iif, match.oif))
    return PacketRule(*place, does, match, rule.comment, rule.marks)


def ingress_last(chains: Iterable[LiveChain]) -> int | None:
    """The highest priority of a chain on the ingress hook of a device, of any table; None: there is no such chain."""
    return max((each.priority for each in chains if each.hook == "ingress" and each.devices), default=None)


def deciding(chains: Sequence[LiveChain], rules: Iterable[LiveRule], ours: Iterable[str]) -> Deciding:
    """A hash of the rules that packets of established forwarded connections meet, and sets, times and maps of some.

    Sets and times (when they begin and end) are those of the rules that may drop a packet, or that accept what a later
    rule drops. `maps` has what the rules with a verdict map look up: the map, and sets. Sets and maps are given by
    (table, name), without their elements. `chains`, `rules`: the kernel's whole ruleset. `ours`: names of the tables of
    offload, whose rules are left out.
    """
    by_chain = grouped(rule for rule in rules if rule.table not in frozenset(ours))
    every = list(reached(chains, by_chain))
    written = _marks_that_change(chains, by_chain)
    letting = {id(rule) for chain in chains for rule, _, lets in _walks(chain, by_chain, written) if lets}
    ending = [rule for rule in every if id(rule) in letting or may(rule, by_chain, ENDING)]
    return Deciding(
        hash(tuple((rule.family, rule.table, rule.chain, rule.digest) for rule in every)),
        frozenset((rule.table, name) for rule in ending for name in rule.sets),
        frozenset(edge for rule in ending for edge in rule.edges),
        frozenset((rule.table, name) for rule in every if "vmap" in rule.does for name in rule.sets),
    )


def treatment(rule: LiveRule) -> str:
    """Why a rule must see every packet, as PacketRule's `does` (limit, quota, drop, ...); empty: it need not.

    It need not, for instance, if no packet of an established TCP or UDP connection matches it, or if it drops by
    addresses alone. Chains that it jumps to, and drops by a set (`ban`), are not considered.
    """
    if rule.ip_only or rule.opening:
        return ""
    limits = "limit" in rule.does and rule.does[-1] != "log"
    own = next((each for each in TREATMENTS if each in rule.does and (each != "limit" or limits)), "")
    if own:
        return own
    if "queue" in rule.does and "packets" not in rule.matches:
        return "queue"
    if REFUSING & set(rule.does) and "limit" not in rule.does:
        if COUNTS & rule.matches:
            return "quota"
        return "drop" if SHAPES & rule.matches else "time" if "time" in rule.matches else ""
    return "log" if "log" in rule.does and "state" not in rule.matches else ""


def _bans(rule: LiveRule, rules: Rules) -> bool:
    return _named(rule) and not rule.ip_only and effect(rule, rules, frozenset()) in REFUSING


# Elements of a named set may change while flows live; an anonymous set cannot.
def _named(rule: LiveRule) -> bool:
    return any(not name.startswith(ANONYMOUS) for name in rule.sets)
