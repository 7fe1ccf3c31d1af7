"""Parse chains and rules of any table from nfnetlink: what a rule compares and does. Pure, no socket.

Numbers of attributes: include/uapi/linux/netfilter/nf_tables.h.
"""

from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch
from offload.system.netlink.wire import Attributes, attributes, each, text
from offload.system.nft.iptables.extensions import iptables
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.comparisons import DAY, compare, compare_value
from offload.system.nft.nfnetlink.messages import integer
from offload.system.nft.nfnetlink.registers import (
    CT_AVERAGE,
    CT_BYTES,
    CT_EXPIRATION,
    CT_LABELS,
    CT_MARK,
    CT_PACKETS,
    CT_SECMARK,
    CT_STATE,
    DROP,
    IPV4,
    IPV6,
    META_KEY,
    META_TARGET,
    OF_PACKETS,
    VERDICTS,
    WHOLE_MARK,
    Reading,
    change,
    meta,
    payload,
)

FAMILIES = {1: "inet", 2: "ip", 5: "netdev", 7: "bridge", 10: "ip6"}
IP_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
NETDEV_HOOKS = ("ingress", "egress")
CHAIN_HOOK_NAME, CHAIN_POLICY = 3, 5
HOURS = frozenset(range(0, DAY, 3600))  # assumed times of a rule whose comparison of times cannot be read
CHANGING = {"counter", "quota", "last"}  # expressions that packets change
MOST_KNOWN = 256  # expressions that are cached: 250 kB
LOOKUP_SET, LOOKUP_SOURCE, LOOKUP_TARGET, LOOKUP_FLAGS, INVERTED = 1, 2, 3, 5, 1
# Statements in a set that packets fill (`update @m { ip saddr limit rate ... }`): one, or a list
DYNSET_EXPRESSION, DYNSET_EXPRESSIONS = 7, 10
OBJREF_KIND, OBJREF_SET = 1, 4
NAMES = {IPV4: "ipv4", IPV6: "ipv6"}
CONNECTION = {
    CT_STATE: "state",
    CT_PACKETS: "packets",
    **dict.fromkeys((CT_BYTES, CT_AVERAGE), "bytes"),
    **dict.fromkeys((CT_MARK, CT_SECMARK, CT_EXPIRATION, CT_LABELS), "connection"),
}
# Expressions without a condition. READ: with those that compare, whose conditions are read one by one
NEUTRAL = frozenset(
    {"meta", "ct", "payload", "exthdr", "bitwise", "byteorder", "immediate", "counter", "log", "last", "notrack"}
)
READ = NEUTRAL | {"cmp", "range", "lookup", "match"}
# Expressions that load what differs from packet to packet
DIFFERING = {"numgen": frozenset({"chance"}), "inner": frozenset({"contents"})}
PLAIN = {  # statements, and their words in LiveRule's `does`
    **{name: name for name in ("reject", "queue", "log", "limit", "quota", "tproxy", "dup", "fwd")},
    "connlimit": "limit",  # `ct count`: which of a host's packets pass depends on its other connections
    "flow_offload": "offload",
}
OBJECTS = {2: "quota", 4: "limit"}  # NFT_OBJECT_QUOTA, NFT_OBJECT_LIMIT


def live_chain(family: int, found: Attributes) -> LiveChain | None:
    """Make a LiveChain from a chain's attributes; its hook is empty if it is no base chain, or the hook is not known.

    None if the family (its number) is none of inet, ip, ip6, netdev and bridge.
    """
    if family not in FAMILIES:
        return None
    hook = attributes(found.get(messages.CHAIN_HOOK, b""))
    names = NETDEV_HOOKS if FAMILIES[family] == "netdev" else IP_HOOKS
    at = integer(hook, messages.HOOK_NUMBER)
    named = names[at] if messages.HOOK_PRIORITY in hook and at < len(names) else ""
    priority = integer(hook, messages.HOOK_PRIORITY, messages.SIGNED)
    drops = bool(named) and CHAIN_POLICY in found and integer(found, CHAIN_POLICY) == DROP
    table, name = messages.name(found, messages.TABLE), messages.name(found, CHAIN_HOOK_NAME)
    return LiveChain(FAMILIES[family], table, name, named, priority, messages.chain_devices(hook), drops)


def live_rule(family: int, found: Attributes) -> LiveRule | None:
    """Make a LiveRule, which has what a rule compares and does, from the rule's attributes.

    The elements of its sets and maps are not read; `asked` names those that have yet to be read. None if the family
    (its number) is none of inet, ip, ip6, netdev and bridge.
    """
    if family not in FAMILIES:
        return None
    reading = Reading(family if family in {IPV4, IPV6} else 0)
    for name, data, written in _expressions(found):
        _read(reading, name, data)
        reading.digest = crc32(name.encode() if name in CHANGING else written, reading.digest)
    if reading.protocol in NAMES:
        reading.match["family"] = NAMES[reading.protocol]
    return LiveRule(
        FAMILIES[family],
        messages.name(found, messages.TABLE),
        messages.name(found, messages.RULE_CHAIN),
        tuple(dict.fromkeys(reading.does)),
        tuple(reading.targets),
        frozenset(reading.matches),
        reading.mark,
        messages.comment(found),
        reading.ip_only,
        RuleMatch(**reading.match),
        reading.marks,
        reading.opening,
        "state" in reading.matches and not (reading.narrow or reading.opening) and _may_accept(reading),
        tuple(reading.asked),
        tuple(reading.sets),
        frozenset(reading.edges or HOURS) if "time" in reading.matches else frozenset(),
        reading.digest,
    )


def _expressions(rule: Attributes) -> Iterator[tuple[str, Attributes, bytes]]:
    for _, value in each(rule.get(messages.RULE_EXPRESSIONS, b"")):
        yield *_expression(value), value


@lru_cache(MOST_KNOWN)
def _expression(value: bytes) -> tuple[str, Attributes]:
    # cached, because many rules use the same expressions
    expression = attributes(value)
    name = text(expression.get(messages.EXPRESSION_NAME, b""))
    return name, attributes(expression.get(messages.EXPRESSION_DATA, b""))


def _read(rule: Reading, name: str, data: Attributes) -> None:
    match name:
        case "meta":
            meta(rule, data)
        case "ct" if META_TARGET in data and (key := integer(data, META_KEY)) in CONNECTION:  # numbered like meta's
            rule.matches.add(CONNECTION[key])
        case "payload":
            payload(rule, data)
        case "cmp" | "range":
            compare_value(rule, name, data)
        case "lookup":
            _looked_up(rule, data)
        case "dynset":
            _for_each_element(rule, data)
        case "objref":
            rule.does += [OBJECTS[kind]] if (kind := integer(data, OBJREF_KIND)) in OBJECTS else []
            rule.asked += [(messages.name(data, OBJREF_SET), "object")] if OBJREF_SET in data else []
        case "match" | "target":  # of iptables-nft, with code of their own
            iptables(rule, name, data)
        case _ if name in PLAIN:
            rule.does.append(PLAIN[name])
    rule.matches |= DIFFERING.get(name, frozenset())
    rule.narrow |= name not in READ
    change(rule, name, data)


def _for_each_element(rule: Reading, data: Attributes) -> None:
    several = [value for _, value in each(data.get(DYNSET_EXPRESSIONS, b""))]
    for name, _ in map(_expression, (data.get(DYNSET_EXPRESSION, b""), *several)):
        rule.does += [PLAIN[name]] if name in PLAIN else []


def _looked_up(rule: Reading, data: Attributes) -> None:
    source, name = integer(data, LOOKUP_SOURCE), messages.name(data, LOOKUP_SET)
    of_state = rule.held.get(source, ("", 0)) == ("state", WHOLE_MARK)
    verdict = LOOKUP_TARGET in data and integer(data, LOOKUP_TARGET) == VERDICTS
    inverted = bool(integer(data, LOOKUP_FLAGS) & INVERTED)
    compare(rule, source, {})
    rule.matches |= {what for register, (what, _) in rule.held.items() if register > source and what in OF_PACKETS}
    rule.narrow |= not of_state
    rule.sets.append(name)
    rule.does += ["vmap"] if verdict else []
    if verdict or (of_state and LOOKUP_TARGET not in data):
        use = f"{'not ' * inverted}{'state' * of_state}{' vmap' * verdict}".strip()
        rule.asked.append((name, use))


def _may_accept(rule: Reading) -> bool:
    # A verdict map of states decides too, but its elements are not known yet.
    return "accept" in rule.does or any(use == "state vmap" for _, use in rule.asked)
