"""A rule of any table, from its expressions over nfnetlink: what it compares and does. Pure, no socket.

nft's bytecode loads a value into a register, changes it there, and compares it; so the registers are followed as far as
the packet mark and the protocol go. Numbers: include/uapi/linux/netfilter/nf_tables.h.
"""

from collections.abc import Iterator, Mapping

from offload.model.live_rule import LiveChain, LiveRule
from offload.nouns import dataclass, field
from offload.system.netlink.wire import Attributes, attributes, each, number, text
from offload.system.nft import messages
from offload.system.nft.messages import integer

FAMILIES = {1: "inet", 2: "ip", 5: "netdev", 7: "bridge", 10: "ip6"}
IP_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
NETDEV_HOOKS = ("ingress", "egress")
WHOLE_MARK = 0xFFFFFFFF
CHAIN_HOOK_NAME, VALUE, VERDICT, VERDICT_CODE, VERDICT_CHAIN = 3, 1, 2, 1, 2

DROP, ACCEPT, JUMP, GOTO = 0, 1, 0xFFFFFFFD, 0xFFFFFFFC
EQUAL = 0
META_LENGTH, META_PRIORITY, META_MARK, META_NFPROTO, META_L4PROTO = 0, 2, 3, 15, 16
META_TIMES = (30, 31, 32)  # NFT_META_TIME_NS, _DAY, _HOUR
CT_STATE = 0
# Attributes of expressions; SOURCE and TARGET are registers
META_TARGET, META_KEY, META_SOURCE = 1, 2, 3
PAYLOAD_TARGET, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LENGTH, PAYLOAD_SOURCE = 1, 2, 3, 4, 5
BITWISE_SOURCE, BITWISE_TARGET, BITWISE_MASK = 1, 2, 4
COMPARE_SOURCE, COMPARE_OPERATION, COMPARE_DATA = 1, 2, 3
LOOKUP_SOURCE, LOOKUP_TARGET = 2, 3
IMMEDIATE_TARGET, IMMEDIATE_DATA = 1, 2
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
IPV4, IPV6 = 2, 10
TCP_FLAGS = 13  # offset in the TCP header
OFFLOADED = {6, 17}  # TCP, UDP
VERDICTS = 0  # the register of verdicts
SETS = {META_PRIORITY: "priority", META_MARK: "mark"}
PLAIN = {"reject", "queue", "log", "limit", "quota", "tproxy", "dup", "fwd"}
OBJECTS = {2: "quota", 4: "limit"}  # NFT_OBJECT_QUOTA, NFT_OBJECT_LIMIT
# Of the network header (offset, length) by family: what is read or written there.
FIELDS: Mapping[int, dict[int, str]] = {
    IPV4: {1: "dscp", 2: "length", 8: "ttl"},
    IPV6: {0: "dscp", 4: "length", 7: "ttl"},
}


@dataclass(slots=True)
class _Reading:
    """A rule as far as it was read. `held`: by register, what was loaded, and of a mark its mask."""

    protocol: int  # of the network header: IPv4, IPv6, or 0 while it is not known
    does: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    matches: set[str] = field(default_factory=set)
    mark: tuple[int | None, int] | None = None
    ip_only: bool = False
    held: dict[int, tuple[str, int]] = field(default_factory=dict)


def live_chain(family: int, found: Attributes) -> LiveChain | None:
    """A chain; None for one of a family that carries no IP."""
    if family not in FAMILIES:
        return None
    hook = attributes(found.get(messages.CHAIN_HOOK, b""))
    names = NETDEV_HOOKS if FAMILIES[family] == "netdev" else IP_HOOKS
    at = integer(hook, messages.HOOK_NUMBER)
    named = names[at] if messages.HOOK_PRIORITY in hook and at < len(names) else ""
    priority = integer(hook, messages.HOOK_PRIORITY, messages.SIGNED)
    table, name = messages.name(found, messages.TABLE), messages.name(found, CHAIN_HOOK_NAME)
    return LiveChain(FAMILIES[family], table, name, named, priority)


def live_rule(family: int, found: Attributes) -> LiveRule | None:
    """A rule; None for one of a family that carries no IP."""
    if family not in FAMILIES:
        return None
    reading = _Reading(family if family in {IPV4, IPV6} else 0)
    for name, data in _expressions(found):
        _read(reading, name, data)
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
    )


def _expressions(rule: Attributes) -> Iterator[tuple[str, Attributes]]:
    for _, value in each(rule.get(messages.RULE_EXPRESSIONS, b"")):
        expression = attributes(value)
        name = text(expression.get(messages.EXPRESSION_NAME, b""))
        yield name, attributes(expression.get(messages.EXPRESSION_DATA, b""))


def _read(rule: _Reading, name: str, data: Attributes) -> None:
    match name:
        case "meta":
            _meta(rule, data)
        case "ct" if META_TARGET in data and integer(data, META_KEY) == CT_STATE:  # numbered like meta's
            rule.matches.add("state")
        case "payload":
            _payload(rule, data)
        case "cmp" | "range":
            _compare(rule, integer(data, COMPARE_SOURCE), data if name == "cmp" else {})
        case "lookup":
            _compare(rule, integer(data, LOOKUP_SOURCE), {})
            rule.does += ["vmap"] if LOOKUP_TARGET in data and integer(data, LOOKUP_TARGET) == VERDICTS else []
        case "objref":  # NFTA_OBJREF_IMM_TYPE
            rule.does += [OBJECTS[kind]] if (kind := integer(data, 1)) in OBJECTS else []
        case "match" if text(data.get(1, b"")) == "mark":  # of iptables-nft, whose own code compares
            rule.mark = (None, WHOLE_MARK)
        case _ if name in PLAIN:
            rule.does.append(name)
    _change(rule, name, data)


def _change(rule: _Reading, name: str, data: Attributes) -> None:
    """What happens to registers, and the verdict, which is a register too."""
    match name:
        case "bitwise":
            what, mask = rule.held.get(integer(data, BITWISE_SOURCE), ("", 0))
            rule.held[integer(data, BITWISE_TARGET)] = what, mask & number(_value(data.get(BITWISE_MASK, b"")))
        case "byteorder":  # numbered like bitwise's
            rule.held[integer(data, BITWISE_TARGET)] = rule.held.get(integer(data, BITWISE_SOURCE), ("", 0))
        case "immediate" if integer(data, IMMEDIATE_TARGET) == VERDICTS:
            _verdict(rule, attributes(attributes(data.get(IMMEDIATE_DATA, b"")).get(VERDICT, b"")))
        case "immediate":
            rule.held.pop(integer(data, IMMEDIATE_TARGET), None)
        case "ct":
            rule.held.pop(integer(data, META_TARGET), None)


def _meta(rule: _Reading, data: Attributes) -> None:
    key = integer(data, META_KEY)
    if META_SOURCE in data:
        rule.does += [SETS[key]] if key in SETS else []
        return
    loaded = {META_MARK: "mark", META_NFPROTO: "family", META_L4PROTO: "protocol"}.get(key, "")
    rule.held[integer(data, META_TARGET)] = loaded, WHOLE_MARK if loaded == "mark" else 0
    rule.matches |= {"length"} if key == META_LENGTH else {"time"} if key in META_TIMES else set()


def _payload(rule: _Reading, data: Attributes) -> None:
    base, offset, writes = integer(data, PAYLOAD_BASE), integer(data, PAYLOAD_OFFSET), PAYLOAD_SOURCE in data
    what = ""
    if base == NETWORK_HEADER:
        fields = FIELDS.get(rule.protocol, {})
        last = offset + integer(data, PAYLOAD_LENGTH) - 1
        what = next((name for at, name in fields.items() if offset <= at <= last and last - offset <= 1), "")
    elif base == TRANSPORT_HEADER and offset == TCP_FLAGS and not writes:
        what = "flags"
    if writes:
        rule.does += [what] if what in {"dscp", "ttl"} else []
        return
    rule.held[integer(data, PAYLOAD_TARGET)] = what, 0


def _compare(rule: _Reading, register: int, data: Attributes) -> None:
    """A comparison; without `data` one whose value is not known."""
    what, mask = rule.held.get(register, ("", 0))
    equal = bool(data) and integer(data, COMPARE_OPERATION) == EQUAL
    value = _value(data.get(COMPARE_DATA, b""))
    if what == "mark":
        rule.mark = (number(value) & mask, mask) if equal and rule.mark is None else (None, mask)
    elif what == "family" and equal:
        rule.protocol = value[0] if value else 0
    elif what == "protocol" and equal:
        rule.ip_only = bool(value) and value[0] not in OFFLOADED
    elif what in {"length", "ttl", "flags"}:
        rule.matches.add(what)


def _verdict(rule: _Reading, verdict: Attributes) -> None:
    code = integer(verdict, VERDICT_CODE)
    if code in {JUMP, GOTO}:
        rule.targets.append(messages.name(verdict, VERDICT_CHAIN))
    elif code in {DROP, ACCEPT} and VERDICT_CODE in verdict:
        rule.does.append("drop" if code == DROP else "accept")


def _value(data: bytes) -> bytes:
    """The value in a nested NFTA_DATA."""
    return attributes(data).get(VALUE, b"")
