"""A rule of any table, from its expressions over nfnetlink: what it compares and does. Pure, no socket.

nft's bytecode loads a value into a register, changes it there, and compares it; so the registers are followed as far as
the packet mark and the protocol go. Numbers: include/uapi/linux/netfilter/nf_tables.h.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from zlib import crc32

from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch
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
EQUAL, UNEQUAL = 0, 1
AT_MOST, MORE = 3, 4  # NFT_CMP_LTE, NFT_CMP_GT
META_LENGTH, META_PRIORITY, META_MARK, META_IIFNAME, META_OIFNAME, META_NFPROTO, META_L4PROTO = 0, 2, 3, 6, 7, 15, 16
META_TIMES = (30, 31, 32)  # NFT_META_TIME_NS, _DAY, _HOUR
CT_STATE, CT_PACKETS = 0, 14
ESTABLISHED = 2  # the bit of a connection's state, NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
DAY = 86_400  # seconds
NANOSECONDS = 1_000_000_000
HOURS = frozenset(range(0, DAY, 3600))  # when a rule is asked about that compares times in a way that cannot be read
CHANGING = {"counter", "quota", "last"}  # expressions that packets change
MOST_KNOWN = 256  # expressions that are remembered, so that they are not read again: 250 kB
IFNAMSIZ = 16  # bytes of a whole name; a shorter comparison is a wildcard
# Attributes of expressions; SOURCE and TARGET are registers
META_TARGET, META_KEY, META_SOURCE = 1, 2, 3
PAYLOAD_TARGET, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LENGTH, PAYLOAD_SOURCE = 1, 2, 3, 4, 5
BITWISE_SOURCE, BITWISE_TARGET, BITWISE_MASK = 1, 2, 4
COMPARE_SOURCE, COMPARE_OPERATION, COMPARE_DATA, RANGE_END = 1, 2, 3, 4
LOOKUP_SET, LOOKUP_SOURCE, LOOKUP_TARGET = 1, 2, 3
IMMEDIATE_TARGET, IMMEDIATE_DATA = 1, 2
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
IPV4, IPV6 = 2, 10
TCP_FLAGS = 13  # offset in the TCP header
OFFLOADED = {6: "tcp", 17: "udp"}
LOADS = {
    **dict.fromkeys(META_TIMES, "time"),
    META_MARK: "mark",
    META_NFPROTO: "family",
    META_L4PROTO: "protocol",
    META_IIFNAME: "iif",
    META_OIFNAME: "oif",
}
# Offset in the header by family, and of ports in the transport header: what stands there.
ADDRESSES: Mapping[int, dict[int, str]] = {IPV4: {12: "src", 16: "dest"}, IPV6: {8: "src", 24: "dest"}}
NETWORKS: Mapping[int, type[IPv4Network | IPv6Network]] = {IPV4: IPv4Network, IPV6: IPv6Network}
NUMBER_BYTES = 4
NOW = 2**61  # nanoseconds since 1970, in this century: the other byte order is far from it
WIDTHS = {IPV4: 4, IPV6: 16}  # bytes of an address
PORT_BYTES = 2
PORTS = {0: "sport", 2: "dport"}
NAMES = {IPV4: "ipv4", IPV6: "ipv6"}
VERDICTS = 0  # the register of verdicts
SETS = {META_PRIORITY: "priority", META_MARK: "mark"}
IPTABLES = {  # its matches and targets
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
# Of the network header (offset, length) by family: the field that is read or written there.
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
    opening: bool = False
    marks: int = 0
    match: dict[str, Any] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)
    edges: set[int] = field(default_factory=set)
    digest: int = 0
    held: dict[int, tuple[str, int]] = field(default_factory=dict)

    def equals(self, what: str, value: object) -> None:
        """It compares this for equality, before it does anything."""
        if not self.does:
            self.match.setdefault(what, value)


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
    """Name, attributes and bytes of each."""
    for _, value in each(rule.get(messages.RULE_EXPRESSIONS, b"")):
        yield *_expression(value), value


@lru_cache(MOST_KNOWN)
def _expression(value: bytes) -> tuple[str, Attributes]:
    """Name and attributes: of ten thousand rules most expressions are the same few."""
    expression = attributes(value)
    name = text(expression.get(messages.EXPRESSION_NAME, b""))
    return name, attributes(expression.get(messages.EXPRESSION_DATA, b""))


def _read(rule: _Reading, name: str, data: Attributes) -> None:
    match name:
        case "meta":
            _meta(rule, data)
        case "ct" if META_TARGET in data and (key := integer(data, META_KEY)) in CONNECTION:  # numbered like meta's
            rule.matches.add(CONNECTION[key])
        case "payload":
            _payload(rule, data)
        case "cmp" | "range":
            if rule.held.get(integer(data, COMPARE_SOURCE), ("", 0))[0] == "time":
                last = name == "cmp" and integer(data, COMPARE_OPERATION) in {AT_MOST, MORE}
                ends = (_value(data.get(COMPARE_DATA, b"")), last), (_value(data.get(RANGE_END, b"")), True)
                rule.edges |= {edge for end, later in ends for edge in _edges(end, later=later)}
            _compare(rule, integer(data, COMPARE_SOURCE), data if name == "cmp" else {})
        case "lookup":
            _compare(rule, integer(data, LOOKUP_SOURCE), {})
            rule.sets.append(messages.name(data, LOOKUP_SET))
            rule.does += ["vmap"] if LOOKUP_TARGET in data and integer(data, LOOKUP_TARGET) == VERDICTS else []
        case "objref":  # NFTA_OBJREF_IMM_TYPE
            rule.does += [OBJECTS[kind]] if (kind := integer(data, 1)) in OBJECTS else []
        case "match" | "target":  # of iptables-nft, whose own code compares and acts
            _of_iptables(rule, text(data.get(1, b"")))
        case _ if name in PLAIN:
            rule.does.append(name)
    _change(rule, name, data)


def _of_iptables(rule: _Reading, name: str) -> None:
    if name == "mark":
        rule.mark = (None, WHOLE_MARK)
    rule.does += [IPTABLES[name]] if name in IPTABLES else []


def _change(rule: _Reading, name: str, data: Attributes) -> None:
    """What happens to registers, and the verdict, which is a register too."""
    match name:
        case "bitwise":
            what, mask = rule.held.get(integer(data, BITWISE_SOURCE), ("", 0))
            given = _value(data.get(BITWISE_MASK, b""))
            own = int.from_bytes(given, "big") if what in {"src", "dest"} else number(given)
            rule.held[integer(data, BITWISE_TARGET)] = what, mask & own
        case "byteorder":  # numbered like bitwise's
            rule.held[integer(data, BITWISE_TARGET)] = rule.held.get(integer(data, BITWISE_SOURCE), ("", 0))
        case "immediate" if integer(data, IMMEDIATE_TARGET) == VERDICTS:
            _verdict(rule, attributes(attributes(data.get(IMMEDIATE_DATA, b"")).get(VERDICT, b"")))
        case "immediate":
            rule.held.pop(integer(data, IMMEDIATE_TARGET), None)
        case "ct" if META_TARGET in data:
            state = integer(data, META_KEY) == CT_STATE
            rule.held[integer(data, META_TARGET)] = ("state", WHOLE_MARK) if state else ("", 0)


def _meta(rule: _Reading, data: Attributes) -> None:
    key = integer(data, META_KEY)
    if META_SOURCE in data:
        rule.does += [SETS[key]] if key in SETS else []
        if key == META_MARK:  # the bits that remain of the mark it was made of
            what, kept = rule.held.get(integer(data, META_SOURCE), ("", 0))
            rule.marks |= WHOLE_MARK & ~(kept if what == "mark" else 0)
        return
    loaded = LOADS.get(key, "")
    rule.held[integer(data, META_TARGET)] = loaded, WHOLE_MARK if loaded == "mark" else 0
    rule.matches |= {"length"} if key == META_LENGTH else {"time"} if key in META_TIMES else set()


def _payload(rule: _Reading, data: Attributes) -> None:
    base, offset, writes = integer(data, PAYLOAD_BASE), integer(data, PAYLOAD_OFFSET), PAYLOAD_SOURCE in data
    length = integer(data, PAYLOAD_LENGTH)
    what, mask = "", 0
    if base == NETWORK_HEADER:
        fields = FIELDS.get(rule.protocol, {})
        last = offset + length - 1
        what = next((name for at, name in fields.items() if offset <= at <= last and last - offset <= 1), "")
        if address := ADDRESSES.get(rule.protocol, {}).get(offset, ""):
            what, mask = address, (1 << 8 * length) - 1  # of a network nft loads the bytes that count
    elif base == TRANSPORT_HEADER and not writes:
        what = "flags" if offset == TCP_FLAGS else PORTS.get(offset, "") if length == PORT_BYTES else ""
    if writes:
        rule.does += [what] if what in {"dscp", "ttl"} else []
        return
    rule.held[integer(data, PAYLOAD_TARGET)] = what, mask


def _compare(rule: _Reading, register: int, data: Attributes) -> None:
    """A comparison; without `data` one whose value is not known."""
    what, mask = rule.held.get(register, ("", 0))
    equal = bool(data) and integer(data, COMPARE_OPERATION) == EQUAL
    value = _value(data.get(COMPARE_DATA, b""))
    if what == "mark":
        rule.mark = (number(value) & mask, mask) if equal and rule.mark is None else (None, mask)
    elif what in {"length", "ttl", "flags"}:
        rule.matches.add(what)
    elif what == "state" and data:
        # nft asks `state & bits != 0`, or `state == bit`
        bits = number(value) if equal else mask if integer(data, COMPARE_OPERATION) == UNEQUAL else ESTABLISHED
        rule.opening |= not bits & ESTABLISHED
    elif equal and value:
        _equal(rule, what, mask, value)


def _edges(value: bytes, *, later: bool) -> Iterator[int]:
    """The time of a comparison: a second of a day, a day of the week (which begins at midnight), or a moment.

    `later`: the comparison changes when that second of the day is over.
    """
    orders = [int.from_bytes(value, order) for order in ("big", sys.byteorder)]
    if len(value) == 1:
        yield 0
    elif len(value) == NUMBER_BYTES:
        yield from (each + later for each in sorted({each for each in orders if each <= DAY})[:1])
    elif value:
        yield min(orders, key=lambda each: abs(each - NOW)) // NANOSECONDS


def _equal(rule: _Reading, what: str, mask: int, value: bytes) -> None:
    """A comparison for equality, with a value that is known."""
    if what == "family":
        rule.protocol = value[0]
    elif what == "protocol":
        rule.ip_only = value[0] not in OFFLOADED
        rule.equals("proto", OFFLOADED.get(value[0], ""))
    elif what in {"iif", "oif"} and len(value) == IFNAMSIZ:
        rule.equals(what, text(value))
    elif what in {"sport", "dport"}:
        rule.equals(what, int.from_bytes(value, "big"))
    elif what in {"src", "dest"} and (found := _network(rule.protocol, value, mask)):
        rule.equals(what, found)


def _network(family: int, value: bytes, mask: int) -> IPv4Network | IPv6Network | None:
    """The network of these leading bytes; None where the mask has gaps."""
    width, gaps = WIDTHS.get(family, 0), (1 << 8 * len(value)) - 1 ^ mask
    if len(value) > width or gaps & (gaps + 1):
        return None
    whole = int.from_bytes(value.ljust(width, b"\0"), "big")
    return NETWORKS[family]((whole, mask.bit_count()), strict=False)


def _verdict(rule: _Reading, verdict: Attributes) -> None:
    code = integer(verdict, VERDICT_CODE)
    if code in {JUMP, GOTO}:
        rule.targets.append(messages.name(verdict, VERDICT_CHAIN))
    elif code in {DROP, ACCEPT} and VERDICT_CODE in verdict:
        rule.does.append("drop" if code == DROP else "accept")


def _value(data: bytes) -> bytes:
    """The value in a nested NFTA_DATA."""
    return attributes(data).get(VALUE, b"")
