"""Parse chains and rules of any table from nfnetlink: what a rule compares and does. Pure, no socket.

Numbers: include/uapi/linux/netfilter/nf_tables.h.
"""

from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch
from offload.system.netlink.wire import Attributes, attributes, each, text
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.comparisons import DAY, compare, compare_value
from offload.system.nft.nfnetlink.messages import integer
from offload.system.nft.nfnetlink.registers import (
    CT_PACKETS,
    CT_STATE,
    IPV4,
    IPV6,
    META_KEY,
    META_TARGET,
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
CHAIN_HOOK_NAME = 3
HOURS = frozenset(range(0, DAY, 3600))  # assumed times of a rule whose comparison of times cannot be read
CHANGING = {"counter", "quota", "last"}  # expressions that packets change
MOST_KNOWN = 256  # expressions that are cached: 250 kB
LOOKUP_SET, LOOKUP_SOURCE, LOOKUP_TARGET = 1, 2, 3
NAMES = {IPV4: "ipv4", IPV6: "ipv6"}
IPTABLES = {  # matches and targets of iptables-nft, and what they do in terms of LiveRule
    **dict.fromkeys(("limit", "hashlimit"), "limit"),
    **dict.fromkeys(("DSCP", "TOS"), "dscp"),
    **dict.fromkeys(("TTL", "HL"), "ttl"),
    "quota": "quota",
    "CLASSIFY": "priority",
    "NFQUEUE": "queue",
    "LOG": "log",
}
CONNECTION = {CT_STATE: "state", CT_PACKETS: "packets"}
PLAIN = {"reject", "queue", "log", "limit", "quota", "tproxy", "dup", "fwd"}
OBJECTS = {2: "quota", 4: "limit"}  # NFT_OBJECT_QUOTA, NFT_OBJECT_LIMIT


def live_chain(family: int, found: Attributes) -> LiveChain | None:
    """The chain with these attributes; None if its family is not in FAMILIES. Unknown hooks have an empty name."""
    if family not in FAMILIES:
        return None
    hook = attributes(found.get(messages.CHAIN_HOOK, b""))
    names = NETDEV_HOOKS if FAMILIES[family] == "netdev" else IP_HOOKS
    at = integer(hook, messages.HOOK_NUMBER)
    named = names[at] if messages.HOOK_PRIORITY in hook and at < len(names) else ""
    priority = integer(hook, messages.HOOK_PRIORITY, messages.SIGNED)
    table, name = messages.name(found, messages.TABLE), messages.name(found, CHAIN_HOOK_NAME)
    return LiveChain(FAMILIES[family], table, name, named, priority, messages.chain_devices(hook))


def live_rule(family: int, found: Attributes) -> LiveRule | None:
    """The rule with these attributes; None if its family is not in FAMILIES."""
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
        tuple(reading.sets),
        frozenset(reading.edges or HOURS) if "time" in reading.matches else frozenset(),
        reading.digest,
    )


def _expressions(rule: Attributes) -> Iterator[tuple[str, Attributes, bytes]]:
    """(name, attributes, bytes) of each expression of a rule."""
    for _, value in each(rule.get(messages.RULE_EXPRESSIONS, b"")):
        yield *_expression(value), value


@lru_cache(MOST_KNOWN)
def _expression(value: bytes) -> tuple[str, Attributes]:
    """Name and attributes of an expression, from its bytes; cached, because many rules use the same expressions."""
    expression = attributes(value)
    name = text(expression.get(messages.EXPRESSION_NAME, b""))
    return name, attributes(expression.get(messages.EXPRESSION_DATA, b""))


def _read(rule: Reading, name: str, data: Attributes) -> None:
    """Note in `rule` what one expression loads, compares or does; `name`: in the kernel; `data`: its attributes."""
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
            compare(rule, integer(data, LOOKUP_SOURCE), {})
            rule.sets.append(messages.name(data, LOOKUP_SET))
            rule.does += ["vmap"] if LOOKUP_TARGET in data and integer(data, LOOKUP_TARGET) == VERDICTS else []
        case "objref":  # NFTA_OBJREF_IMM_TYPE
            rule.does += [OBJECTS[kind]] if (kind := integer(data, 1)) in OBJECTS else []
        case "match" | "target":  # of iptables-nft, with code of their own
            _of_iptables(rule, text(data.get(1, b"")))
        case _ if name in PLAIN:
            rule.does.append(name)
    change(rule, name, data)


def _of_iptables(rule: Reading, name: str) -> None:
    if name == "mark":
        rule.mark = (None, WHOLE_MARK)
    rule.does += [IPTABLES[name]] if name in IPTABLES else []
