"""What an exempt matches: one noun, and one table of its conditions.

A condition is a field of Exempt and a row of FIELDS. The row gives everything else: the option of `config exempt` and
of `offload exempt add`, its parser (by its Kind), its JSON, its part of the keys of nft sets, its value in conntrack.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from offload.nouns import dataclass

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

Span = tuple[int, int]  # an inclusive range of numbers; one address or port is a range of one

PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}
IPV4, IPV4_BITS, IPV6_BITS = 4, 32, 128


@dataclass(frozen=True, slots=True)
class Exempt:
    """`config exempt`: traffic that stays on the slow path. Empty fields match everything.

    Ports are inclusive ranges, mark is (value, mask), dscp a number from 0 to 63. A faulty exempt matches nothing
    in the kernel; the pairs it may have meant stay slow instead.
    """

    name: str
    section: str
    src: str = "*"
    dest: str = "*"
    src_ip: "tuple[IPv4Network | IPv6Network, ...]" = ()
    dest_ip: "tuple[IPv4Network | IPv6Network, ...]" = ()
    src_mac: tuple[str, ...] = ()
    proto: tuple[str, ...] = ()
    src_port: tuple[Span, ...] = ()
    dest_port: tuple[Span, ...] = ()
    mark: Span | None = None
    dscp: int | None = None
    faulty: bool = False

    @property
    def everything(self) -> bool:
        """Whether it means all traffic between its zones that can be offloaded: TCP and UDP together are that."""
        some_protocols = bool(self.proto) and not {"tcp", "udp"} <= set(self.proto)
        return not some_protocols and not any(each.narrows(self) for each in FIELDS if each.kind is not PROTOCOL)


class Kind(NamedTuple):
    """A type of values, and how each is written.

    `called`: what a sentence about a blank value calls it. `text`: as UCI and JSON have it. `span`: as numbers, and
    `key`: those as an element of an nft set has them, in the address family 4 or 6; `read`: the value of such text.
    `joins`: spans that touch are one. `anything`: whether a value matches every packet. `test`: values -> whether
    conntrack's value is among them.
    """

    called: str
    text: Callable[[Any], str] = str
    span: Callable[[Any], Span] = lambda number: (number, number)
    key: Callable[[Span, int], str] = lambda span, _: str(span[0])
    read: Callable[[str], Any] = str
    joins: bool = False
    anything: Callable[[Any], bool] = lambda _: False
    test: Callable[[Any], Callable[[Any], bool]] = lambda values: values.__contains__


class Field(NamedTuple):
    """A condition of an exempt.

    `name`: the option, the field of Exempt and the key in JSON. `help`: for the command line. `key`: how a rule of nft
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

    def narrows(self, exempt: Exempt) -> bool:
        """Whether the exempt has this condition."""
        value = getattr(exempt, self.name)
        return value is not None and value != () and not self.kind.anything(value)


def _network(net: "IPv4Network | IPv6Network") -> str:
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def _net_span(net: "IPv4Network | IPv6Network") -> Span:
    return int(net.network_address), int(net.broadcast_address)


def _net_key(span: Span, version: int) -> str:
    from ipaddress import IPv4Network, IPv6Network

    low, high = span
    kind, size = (IPv4Network, IPV4_BITS) if version == IPV4 else (IPv6Network, IPV6_BITS)
    return _network(kind((low, size - (high - low).bit_length())))


def _net_read(text: str) -> "IPv4Network | IPv6Network":
    from ipaddress import ip_network

    return ip_network(text)


def _net_test(nets: "Iterable[IPv4Network | IPv6Network]") -> Callable[[bytes], bool]:
    """Of a packed address."""
    ranges = [(each.max_prefixlen // 8, *_net_span(each)) for each in nets]

    def within(address: bytes) -> bool:
        number, size = int.from_bytes(address, "big"), len(address)
        return any(size == octets and first <= number <= last for octets, first, last in ranges)

    return within


def _mac_span(mac: str) -> Span:
    number = int(mac.replace(":", ""), 16)
    return number, number


def _mac_key(span: Span, _: int) -> str:
    return ":".join(f"{span[0]:012x}"[at : at + 2] for at in range(0, 12, 2))


def _range(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _range_read(text: str) -> Span:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _range_test(spans: Iterable[Span]) -> Callable[[int], bool]:
    return lambda number: any(low <= number <= high for low, high in spans)


def _protocol_test(names: Iterable[str]) -> Callable[[int], bool]:
    return frozenset(PROTOCOL_NUMBERS[name] for name in names).__contains__


NETWORK = Kind("an address or a network", _network, _net_span, _net_key, _net_read, test=_net_test)
MAC = Kind("a MAC address", span=_mac_span, key=_mac_key)
PROTOCOL = Kind("a protocol", test=_protocol_test)
PORT = Kind(
    "a port or a range of ports",
    _range,
    span=lambda span: span,
    key=lambda span, _: _range(span),
    read=_range_read,
    joins=True,
    test=_range_test,
)
MARK = Kind(
    "",
    lambda mark: f"{mark[0]:#x}/{mark[1]:#x}",
    span=lambda mark: (mark[0], mark[0]),
    key=lambda span, _: f"{span[0]:#010x}",
    anything=lambda mark: mark[1] == 0,
)
DSCP = Kind("")

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
ENDS = {"src": "the zone that opens the connection", "dest": "the zone that it leads to"}  # with help, as FIELDS has it
KEYS = {each.name: each.key for each in FIELDS}  # the rules of the firewall name them so as well
LISTS = tuple(each.name for each in FIELDS if each.many)
IN_CONNTRACK = tuple(each for each in FIELDS if each.conntrack)


def combinations(exempt: Exempt) -> int:
    """How many elements of sets it becomes at most: one for each combination of its lists' values."""
    count = 1
    for name in LISTS:
        count *= max(len(getattr(exempt, name)), 1)
    return count


def match_json(exempt: Exempt) -> dict[str, Any]:
    """What it matches in the words of `config exempt`."""
    zones = {end: zone for end in ENDS if (zone := getattr(exempt, end)) != "*"}
    return zones | {each.name: _field_json(each, exempt) for each in FIELDS if _given(each, exempt)}


def _given(field: Field, exempt: Exempt) -> bool:
    return getattr(exempt, field.name) not in {None, ()}


def _field_json(field: Field, exempt: Exempt) -> Any:
    value = getattr(exempt, field.name)
    return [field.kind.text(each) for each in value] if field.many else field.kind.text(value)
