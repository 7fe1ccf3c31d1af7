"""The conditions that an exempt can have: one table of them, and everything else is made of its rows.

A row is a field of Match, and it gives the option of `config exempt` and of `offload exempt add`, its parser (by its
Kind), its JSON, its part of the keys of nft sets, its value in conntrack. A rule of the firewall has more conditions
than these; what the two share is named alike.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from offload.model.sections.match import Address, Item, Match
from offload.model.text.addresses import WIDTH, address, mask, network

Span = tuple[int, int]  # an inclusive range of numbers; one address or port is a range of one

PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}


class Kind(NamedTuple):
    """A type of values, and how each is written.

    `called`: what a sentence about a blank value calls it. `text`: as UCI and JSON have it. `span`: as numbers, and
    `key`: those as an element of an nft set has them, in the address family 4 or 6; `read`: the value of such text.
    `joins`: spans that touch are one. `anything`: whether a value matches every packet. `test`: values -> whether
    conntrack's value is among them.
    """

    called: str
    text: Callable[[Any], str] = attrgetter("text")
    span: Callable[[Any], Span] = lambda bits: (bits.value, bits.value)
    key: Callable[[Span, int], str] = lambda span, _: str(span[0])
    read: Callable[[str], Any] = Item
    joins: bool = False
    anything: Callable[[Any], bool] = lambda _: False
    test: Callable[[Any], Callable[[Any], bool]] = lambda values: values.__contains__


class Field(NamedTuple):
    """A condition of an exempt.

    `name`: the option, the field of Match and the key in JSON. `help`: for the command line. `key`: how a rule of nft
    names it, with blanks for `ip` or `ip6` and for the protocol. `word`: in the name of an nft set, empty where no set
    can hold it; `type`: of that part of the set's key. `many`: a list. `host`: it names a host, so the exempt still has
    a meaning without its other conditions. `port`: only TCP and UDP have it. `conntrack`: the value in a conntrack
    entry; None where it has none.
    """

    name: str
    kind: Kind
    help: str
    key: str
    word: str = ""
    type: str = ""
    many: bool = True
    host: bool = False
    port: bool = False
    conntrack: Callable[[Any], Any] | None = None

    def given(self, match: Match) -> bool:
        """Whether the condition is there."""
        return getattr(match, self.name) not in {None, ()}

    def narrows(self, match: Match) -> bool:
        """Whether the condition leaves out some packets."""
        return self.given(match) and not self.kind.anything(getattr(match, self.name))

    def json(self, match: Match) -> Any:
        """Its values as UCI writes them."""
        value = getattr(match, self.name)
        return [self.kind.text(each) for each in value] if self.many else self.kind.text(value)


def _net_span(net: Address) -> Span:
    first = net.value & mask(net)
    return first, first | (1 << WIDTH[net.family]) - 1 - mask(net)


def _net_key(span: Span, family: int) -> str:
    low, high = span
    found = network(family, low, WIDTH[family] - (high - low).bit_length())
    return found.text if found else ""


def _net_read(text: str) -> Address:
    found = address(text)
    if found is None:
        raise ValueError(text)
    return found


def _net_test(nets: Iterable[Address]) -> Callable[[bytes], bool]:
    """Of a packed address."""
    ranges = [(WIDTH[each.family] // 8, *_net_span(each)) for each in nets]

    def within(packed: bytes) -> bool:
        number, size = int.from_bytes(packed, "big"), len(packed)
        return any(size == octets and first <= number <= last for octets, first, last in ranges)

    return within


def _mac_span(mac: Item) -> Span:
    number = int(mac.text.replace(":", ""), 16)
    return number, number


def _mac_key(span: Span, _: int) -> str:
    return ":".join(f"{span[0]:012x}"[at : at + 2] for at in range(0, 12, 2))


def _port_span(ports: Item) -> Span:
    low, _, high = ports.text.partition("-")
    return int(low), int(high or low)


def _port_key(span: Span, _: int) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _port_read(text: str) -> Item:
    return Item(_port_key(_port_span(Item(text)), 0))


def _port_test(ports: Iterable[Item]) -> Callable[[int], bool]:
    spans = [_port_span(each) for each in ports]
    return lambda number: any(low <= number <= high for low, high in spans)


def _protocol_test(names: Iterable[Item]) -> Callable[[int], bool]:
    return frozenset(PROTOCOL_NUMBERS[each.text] for each in names).__contains__


NETWORK = Kind("an address or a network", span=_net_span, key=_net_key, read=_net_read, test=_net_test)
MAC = Kind("a MAC address", span=_mac_span, key=_mac_key)
PROTOCOL = Kind("a protocol", span=lambda item: (PROTOCOL_NUMBERS[item.text],) * 2, test=_protocol_test)
PORT = Kind("a port or a range of ports", span=_port_span, key=_port_key, read=_port_read, joins=True, test=_port_test)
MARK = Kind(
    "",
    lambda bits: f"{bits.value:#x}/{bits.mask:#x}",
    key=lambda span, _: f"{span[0]:#010x}",
    anything=lambda bits: bits.mask == 0,
)
DSCP = Kind("", lambda bits: str(bits.value))

# In the order in which they stand in the key of a set. Conntrack has destinations after they were translated in the
# source of replies.
FIELDS = (
    Field(
        "src_ip",
        NETWORK,
        "an address or network that opens it",
        "{ip} saddr",
        "saddr",
        "{ip}_addr",
        host=True,
        conntrack=attrgetter("original.src"),
    ),
    Field(
        "dest_ip",
        NETWORK,
        "an address or network that it leads to",
        "{ip} daddr",
        "daddr",
        "{ip}_addr",
        host=True,
        conntrack=attrgetter("reply.src"),
    ),
    Field(
        "src_port",
        PORT,
        "a port or range (8000-8080) that it comes from",
        "{proto} sport",
        "sport",
        "inet_service",
        port=True,
        conntrack=attrgetter("original.sport"),
    ),
    Field(
        "dest_port",
        PORT,
        "a port or range that it leads to",
        "{proto} dport",
        "dport",
        "inet_service",
        port=True,
        conntrack=attrgetter("reply.sport"),
    ),
    Field("src_mac", MAC, "a MAC address that opens it", "ether saddr", "mac", "ether_addr", host=True),
    Field("proto", PROTOCOL, "tcp, udp, tcpudp or all", "meta l4proto", conntrack=attrgetter("proto")),
    Field(
        "mark", MARK, "the packet's mark: a number or 0xhex, optionally /mask", "meta mark", "mark", "mark", many=False
    ),
    Field("dscp", DSCP, "a class (EF, AF11, CS1) or 0 to 63", "{ip} dscp", many=False),
)
KEYS = {each.name: each.key for each in FIELDS}  # the rules of the firewall name them so as well
LISTS = tuple(each.name for each in FIELDS if each.many)
IN_CONNTRACK = tuple(each for each in FIELDS if each.conntrack)


def combinations(match: Match) -> int:
    """How many elements of sets it becomes at most: one for each combination of its lists' values."""
    count = 1
    for name in LISTS:
        count *= max(len(getattr(match, name)), 1)
    return count
