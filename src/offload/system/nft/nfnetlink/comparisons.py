"""Parse a rule's comparisons: the values that registers are compared with, and the times when a rule changes. Pure."""

import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network

from offload.system.netlink.wire import Attributes, device_name, number
from offload.system.nft.nfnetlink.messages import integer
from offload.system.nft.nfnetlink.registers import IPV4, IPV6, OF_PACKETS, Reading, value_of

EQUAL, UNEQUAL, LESS, AT_MOST, MORE, AT_LEAST = range(6)  # NFT_CMP_EQ and so on
OPERATIONS: Mapping[int, Callable[[int, int], bool]] = {
    EQUAL: operator.eq,
    UNEQUAL: operator.ne,
    LESS: operator.lt,
    AT_MOST: operator.le,
    MORE: operator.gt,
    AT_LEAST: operator.ge,
}
FIN, SYN, RST, ACK = 1, 2, 4, 16
# TCP flags of packets that flowtables forward. Packets with FIN or RST they leave alone, and with SYN, or without ACK,
# an established connection has none.
FORWARDED = tuple(flags for flags in range(256) if flags & (FIN | SYN | RST | ACK) == ACK)
ESTABLISHED = 2  # the bit of a connection's state, NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
DAY = 86_400  # seconds
NANOSECONDS = 1_000_000_000
IFNAMSIZ = 16  # bytes of a full name; a shorter comparison is a wildcard
COMPARE_SOURCE, COMPARE_OPERATION, COMPARE_DATA, RANGE_END = 1, 2, 3, 4
OFFLOADED = {6: "tcp", 17: "udp", 47: ""}  # GRE, which RuleMatch does not name, without NAT
NETWORKS: Mapping[int, type[IPv4Network | IPv6Network]] = {IPV4: IPv4Network, IPV6: IPv6Network}
NUMBER_BYTES = 4
NOW = 2**61  # nanoseconds since 1970, in this century: a value in the other byte order is far from it
ETHERTYPES = {0x0800: IPV4, 0x86DD: IPV6}  # include/uapi/linux/if_ether.h
WIDTHS = {IPV4: 4, IPV6: 16}  # bytes of an address


def compare_value(rule: Reading, name: str, data: Attributes) -> None:
    """Note in `rule`, as read so far, what an expression `cmp` or `range` compares.

    `name`: `cmp` or `range`; `data`: its attributes. If it compares a time, the moments at which its result changes are
    added to `edges`. If a `range` compares anything else, its two values are not noted.
    """
    source = integer(data, COMPARE_SOURCE)
    if rule.held.get(source, ("", 0))[0] == "time":
        last = name == "cmp" and integer(data, COMPARE_OPERATION) in {AT_MOST, MORE}
        rule.edges |= {
            *_changes_at(value_of(data, COMPARE_DATA), later=last),
            *_changes_at(value_of(data, RANGE_END), later=True),
        }
    compare(rule, source, data if name == "cmp" else {})


def compare(rule: Reading, register: int, data: Attributes) -> None:
    """Note in `rule`, as read so far, that an expression compares this register.

    `data`: attributes of a `cmp`; empty: it compares with several values (range, lookup). What is noted depends on what
    the register holds:

    - the packet mark: `mark`; its value is None except for one comparison for equality with one value;
    - the connection's state or TCP flags: `opening` becomes True if no packet that a flowtable forwards matches a
      `cmp`;
    - one of OF_PACKETS: its name is added to `matches`, but not `flags` if `opening` becomes True by it;
    - a field of RuleMatch that is compared for equality with one value: `match`; of the protocol also `ip_only`;
    - the address family, compared so: `protocol`.

    `narrow` becomes True for all but the connection's state.
    """
    what, mask = rule.held.get(register, ("", 0))
    rule.narrow |= what != "state"
    equal = bool(data) and integer(data, COMPARE_OPERATION) == EQUAL
    value = value_of(data, COMPARE_DATA)
    if what == "mark":
        rule.mark = (number(value) & mask, mask) if equal and rule.mark is None else (None, mask)
    elif what == "flags" and data and not _of_forwarded(mask, value, integer(data, COMPARE_OPERATION)):
        rule.opening = True
    elif what in OF_PACKETS:
        rule.matches.add(what)
    elif what == "state" and data:
        same = ESTABLISHED & mask == number(value)
        rule.opening |= not same if equal else same if integer(data, COMPARE_OPERATION) == UNEQUAL else False
    elif equal and value:
        _note_equal(rule, what, mask, value)


def _of_forwarded(mask: int, value: bytes, operation: int) -> bool:
    compare = OPERATIONS.get(operation, OPERATIONS[EQUAL])
    return any(compare(flags & mask, int.from_bytes(value, "big")) for flags in FORWARDED)


def _changes_at(value: bytes, *, later: bool) -> Iterator[int]:
    # The size of the value tells what it is: 1, a day of the week (changes at midnight); 4, a second of a day; 8,
    # nanoseconds.
    orders = [int.from_bytes(value, order) for order in ("big", sys.byteorder)]
    if len(value) == 1:
        yield 0
    elif len(value) == NUMBER_BYTES:
        yield from (each + later for each in sorted({each for each in orders if each <= DAY})[:1])
    elif value:
        yield min(orders, key=lambda each: abs(each - NOW)) // NANOSECONDS


def _note_equal(rule: Reading, what: str, mask: int, value: bytes) -> None:
    if what == "family":
        rule.protocol = value[0]
    elif what == "ethertype":
        rule.protocol = ETHERTYPES.get(int.from_bytes(value, "big"), rule.protocol)
    elif what == "protocol":
        rule.ip_only = value[0] not in OFFLOADED
        if proto := OFFLOADED.get(value[0], ""):
            rule.equals("proto", proto)
    elif what in {"iif", "oif"} and len(value) == IFNAMSIZ:
        rule.equals(what, device_name(value))
    elif what in {"sport", "dport"}:
        rule.equals(what, int.from_bytes(value, "big"))
    elif what in {"src", "dest"} and (found := _network(rule.protocol, value, mask)):
        rule.equals(what, found)


def _network(family: int, value: bytes, mask: int) -> IPv4Network | IPv6Network | None:
    # None if the mask has gaps, or the family is not known.
    width, gaps = WIDTHS.get(family, 0), (1 << 8 * len(value)) - 1 ^ mask
    if len(value) > width or gaps & (gaps + 1):
        return None
    whole = int.from_bytes(value.ljust(width, b"\0"), "big")
    return NETWORKS[family]((whole, mask.bit_count()), strict=False)
