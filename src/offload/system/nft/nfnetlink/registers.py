"""Note what a rule's expressions load into registers, change there and write to the packet, and verdicts. Pure.

nf_tables' bytecode loads a field of the packet into a register, may change it there (a mask), and compares it;
comparisons.py notes what it is compared with. Numbers of attributes and keys:
include/uapi/linux/netfilter/nf_tables.h.
"""

from collections.abc import Mapping
from typing import Any

from offload.nouns import dataclass, field
from offload.system.netlink.wire import Attributes, attributes, number
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.messages import integer

WHOLE_MARK = 0xFFFFFFFF
VALUE, VERDICT, VERDICT_CODE, VERDICT_CHAIN = 1, 2, 1, 2
DROP, ACCEPT, JUMP, GOTO, RETURN = 0, 1, 0xFFFFFFFD, 0xFFFFFFFC, 0xFFFFFFFB
META_LENGTH, META_PROTOCOL, META_PRIORITY, META_MARK, META_IIFNAME, META_OIFNAME = 0, 1, 2, 3, 6, 7
META_NFPROTO, META_L4PROTO, META_RANDOM = 15, 16, 24
META_TIMES = (30, 31, 32)  # NFT_META_TIME_NS, _DAY, _HOUR
CT_STATE, CT_MARK, CT_SECMARK, CT_EXPIRATION, CT_LABELS, CT_PACKETS, CT_BYTES, CT_AVERAGE = 0, 3, 4, 5, 13, 14, 15, 16
# Attributes of expressions; SOURCE and TARGET are registers
META_TARGET, META_KEY, META_SOURCE = 1, 2, 3
PAYLOAD_TARGET, PAYLOAD_BASE, PAYLOAD_OFFSET, PAYLOAD_LENGTH, PAYLOAD_SOURCE = 1, 2, 3, 4, 5
BITWISE_SOURCE, BITWISE_TARGET, BITWISE_MASK = 1, 2, 4
IMMEDIATE_TARGET, IMMEDIATE_DATA = 1, 2
EXTHDR_TARGET, EXTHDR_KIND, EXTHDR_OPERATION = 1, 2, 6
TCP_OPTION = 1  # NFT_EXTHDR_OP_TCPOPT; packets with options of IP, and extension headers, flowtables leave alone
OPENING_OPTIONS = frozenset({2, 3, 4})  # maximum segment size, window scale, SACK permitted: of SYN packets alone
LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER = 0, 1, 2
IPV4, IPV6 = 2, 10
TCP_FLAGS, EVERY_FLAG = 13, 0xFF  # offset in the TCP header, one byte
LOADS = {
    **dict.fromkeys(META_TIMES, "time"),
    META_MARK: "mark",
    META_PROTOCOL: "ethertype",  # by which family netdev tells IPv4 from IPv6
    META_NFPROTO: "family",
    META_L4PROTO: "protocol",
    META_IIFNAME: "iif",
    META_OIFNAME: "oif",
}
# The field at an offset: of the network header by family, and of the transport header.
ADDRESSES: Mapping[int, dict[int, str]] = {IPV4: {12: "src", 16: "dest"}, IPV6: {8: "src", 24: "dest"}}
PORT_BYTES = 2
UDP_LENGTH = 4, 2  # offset and bytes in the UDP header; of TCP half of the sequence number, which also changes
PORTS = {0: "sport", 2: "dport"}
# What loading a property of the packet says of the rule
OF_META = {META_LENGTH: "length", META_RANDOM: "chance", **dict.fromkeys(META_TIMES, "time")}
# Fields (offset, bytes) that are the same in all packets of a connection, or differ only in packets that flowtables
# leave alone (fragments, options); LINK_BYTES: those of an Ethernet header with VLAN tag are the same as well.
STEADY: Mapping[int, frozenset[tuple[int, int]]] = {
    IPV4: frozenset({(0, 1), (6, 2), (9, 1)}),
    IPV6: frozenset({(1, 3), (6, 1)}),
}
LINK_BYTES = 18
# Properties of single packets of a connection: a rule that drops by these meets each of them differently
OF_PACKETS = frozenset({"length", "ttl", "flags", "dscp", "contents"})
FINAL = {DROP: "drop", ACCEPT: "accept", RETURN: "return"}  # verdicts after which the chain's next rule is not asked
VERDICTS = 0  # the register of verdicts
SETS = {META_PRIORITY: "priority", META_MARK: "mark"}  # properties of the packet that a rule may set
# Of the network header (offset, length) by family: the field that is read or written there.
FIELDS: Mapping[int, dict[int, str]] = {
    IPV4: {1: "dscp", 2: "length", 8: "ttl"},
    IPV6: {0: "dscp", 4: "length", 7: "ttl"},
}


@dataclass(slots=True)
class Reading:
    """What is known of a rule after reading some of its expressions; most fields become those of a LiveRule."""

    protocol: int  # of the network header: IPv4, IPv6, or 0 while it is not known
    does: list[str] = field(default_factory=list)  # its statements and verdicts in order, in words of LiveRule
    targets: list[str] = field(default_factory=list)  # chains that it jumps or goes to
    # properties that it reads and that change in the life of a connection (length, state, time, ...), as in LiveRule
    matches: set[str] = field(default_factory=set)
    # (value, mask) of the packet mark that it compares, value None: not with one value; None instead: it compares none
    mark: tuple[int | None, int] | None = None
    ip_only: bool = False  # packets of TCP, UDP and GRE never match it
    opening: bool = False  # no packet of an established connection matches it that a flowtable would forward
    narrow: bool = False  # it may have conditions other than the state, so that not all established packets match it
    # (name, use) of the sets and maps whose elements decide where established packets go, as in LiveRule
    asked: list[tuple[str, str]] = field(default_factory=list)
    marks: int = 0  # bits of the mark that it sets
    match: dict[str, Any] = field(default_factory=dict)  # its comparisons for equality, as fields of RuleMatch
    sets: list[str] = field(default_factory=list)  # names of the sets and maps that it looks up, anonymous ones too
    # when its times begin and end: seconds of a day in UTC; a number above 86,400: seconds since 1970
    edges: set[int] = field(default_factory=set)
    digest: int = 0  # CRC-32 of its expressions; of those that packets change (counters), only of the name
    # register -> (what was loaded into it, empty for other things; the bits that count, else 0)
    held: dict[int, tuple[str, int]] = field(default_factory=dict)

    def equals(self, what: str, value: object) -> None:
        """Note in `match` that the rule matches only packets whose field `what` (of RuleMatch) is `value`.

        Nothing is noted if the field has a value already, or if `does` has a statement, such as `limit`: it stands
        before this comparison, so it acts also on packets that fail the comparison.
        """
        if not self.does:
            self.match.setdefault(what, value)


def change(rule: Reading, name: str, data: Attributes) -> None:
    """Note in `rule`, as read so far, an expression (name, attributes) that loads or changes a register.

    These are `bitwise`, `byteorder`, `immediate` (which may also set the verdict), and loads by `ct` and of TCP
    options. For other expressions nothing is noted.
    """
    match name:
        case "bitwise":
            what, mask = rule.held.get(integer(data, BITWISE_SOURCE), ("", 0))
            given = value_of(data, BITWISE_MASK)
            own = int.from_bytes(given, "big") if what in {"src", "dest"} else number(given)
            rule.held[integer(data, BITWISE_TARGET)] = what, mask & own
        case "byteorder":  # numbered like bitwise's
            rule.held[integer(data, BITWISE_TARGET)] = rule.held.get(integer(data, BITWISE_SOURCE), ("", 0))
        case "immediate" if integer(data, IMMEDIATE_TARGET) == VERDICTS:
            _verdict(rule, attributes(attributes(data.get(IMMEDIATE_DATA, b"")).get(VERDICT, b"")))
        case "immediate":
            rule.held.pop(integer(data, IMMEDIATE_TARGET), None)
        case "exthdr" if EXTHDR_TARGET in data and integer(data, EXTHDR_OPERATION) == TCP_OPTION:
            contents = integer(data, EXTHDR_KIND, messages.BYTE) not in OPENING_OPTIONS
            rule.held[integer(data, EXTHDR_TARGET)] = "contents" if contents else "", 0
        case "ct" if META_TARGET in data:
            state = integer(data, META_KEY) == CT_STATE
            rule.held[integer(data, META_TARGET)] = ("state", WHOLE_MARK) if state else ("", 0)


def meta(rule: Reading, data: Attributes) -> None:
    """Note in `rule`, as read so far, which property of the packet an expression `meta` (its attributes) loads or sets.

    Of properties that it sets only mark and priority are noted, of the mark also the bits that are written.
    """
    key = integer(data, META_KEY)
    if META_SOURCE in data:
        rule.does += [SETS[key]] if key in SETS else []
        if key == META_MARK:  # the bits that stay of the mark that was loaded
            what, kept = rule.held.get(integer(data, META_SOURCE), ("", 0))
            rule.marks |= WHOLE_MARK & ~(kept if what == "mark" else 0)
        return
    loaded = LOADS.get(key, "")
    rule.held[integer(data, META_TARGET)] = loaded, WHOLE_MARK if loaded == "mark" else 0
    rule.matches |= {OF_META[key]} if key in OF_META else set()


def payload(rule: Reading, data: Attributes) -> None:
    """Note in `rule`, as read so far, an expression `payload` (its attributes), which loads or writes a header's field.

    A load is noted in `held`: the field's name, or for fields without one `contents` if they differ between packets of
    a connection, else empty text. A write is noted in `does`: `dscp`, `ttl`, or `change` for other fields; a write to
    the link header (MAC addresses) is not noted.
    """
    base, offset, writes = integer(data, PAYLOAD_BASE), integer(data, PAYLOAD_OFFSET), PAYLOAD_SOURCE in data
    length = integer(data, PAYLOAD_LENGTH)
    what, mask = "contents", 0
    if base == NETWORK_HEADER:
        what, mask = _of_network(rule.protocol, offset, length)
    elif base == LINK_HEADER and offset + length <= LINK_BYTES:
        what = ""
    elif base == TRANSPORT_HEADER and not writes:
        what, mask = _of_transport(offset, length)
    if writes:
        rule.does += [what if what in {"dscp", "ttl"} else "change"] if base != LINK_HEADER else []
        return
    rule.held[integer(data, PAYLOAD_TARGET)] = what, mask


def _of_network(protocol: int, offset: int, length: int) -> tuple[str, int]:
    if address := ADDRESSES.get(protocol, {}).get(offset, ""):
        return address, (1 << 8 * length) - 1  # for a network nft loads only the leading bytes
    last = offset + length - 1
    fields = FIELDS.get(protocol, {}).items()
    if field := next((name for at, name in fields if offset <= at <= last and last - offset <= 1), ""):
        return field, 0
    several = [protocol] if protocol else list(ADDRESSES)
    steady = any((offset, length) in STEADY[each] or offset in ADDRESSES[each] for each in several)
    return "" if steady else "contents", 0


def _of_transport(offset: int, length: int) -> tuple[str, int]:
    if (offset, length) == UDP_LENGTH:
        return "length", 0
    if (offset, length) == (TCP_FLAGS, 1):
        return "flags", EVERY_FLAG
    if offset + length <= 2 * PORT_BYTES:
        return PORTS.get(offset, "") if length == PORT_BYTES else "", 0
    return "contents", 0


def _verdict(rule: Reading, verdict: Attributes) -> None:
    code = integer(verdict, VERDICT_CODE)
    if code in {JUMP, GOTO}:
        rule.targets.append(messages.name(verdict, VERDICT_CHAIN))
    elif code in FINAL and VERDICT_CODE in verdict:
        rule.does.append(FINAL[code])


def value_of(data: Attributes, number: int) -> bytes:
    """The bytes of the value that is nested in attribute `number` as NFTA_DATA_VALUE; empty if there is none."""
    return attributes(data.get(number, b"")).get(VALUE, b"")
