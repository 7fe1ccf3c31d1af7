"""The types of condition values (network, port, mark, ...), and how each is written and compared."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from offload.model.sections.match import EVERY_ADDRESS, WHOLE_DSCP, Address, Bits, Item, families
from offload.model.text.addresses import WIDTH, address, mask, network

Span = tuple[int, int]  # an inclusive range of numbers; one address or port is a range of one

PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "gre": 47}  # those that the kernel offloads, GRE without NAT only
PORTED = ("tcp", "udp")  # those of them with ports


class Kind(NamedTuple):
    """A type of condition values (network, port, mark, ...), and the functions that convert and compare them."""

    called: str  # `a MAC address`, for the sentence about an empty list; empty: the condition takes no list
    text: Callable[[Any], str] = attrgetter("text")  # value -> its text in UCI and JSON, without `!`
    # value -> (first, last) as numbers: addresses of a network, ports of a range; of a mark its value, without the mask
    span: Callable[[Any], Span] = lambda bits: (bits.value, bits.value)
    key: Callable[[Span, int], str] = lambda span, _: str(span[0])  # (first, last), family -> nft text of a set's key
    # text as `text` gives it, or of all kinds but MARK and PROTOCOL `key` -> value; ValueError: unreadable
    read: Callable[[str], Any] = Item
    joins: bool = False  # values that overlap become one element of an nft set
    anything: Callable[[Any], bool] = lambda _: False  # value -> whether every packet has it (mask 0)
    # values -> a function that tells whether the value of a conntrack entry is among them
    test: Callable[[Any], Callable[[Any], bool]] = lambda values: values.__contains__
    others: Callable[[Any], Any] = lambda _: ()  # negated values -> the values that they are taken from; empty: all


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
    # of a packed address (4 or 16 bytes)
    ranges = [(WIDTH[each.family] // 8, *_net_span(each)) for each in nets]

    def within(packed: bytes) -> bool:
        number, size = int.from_bytes(packed, "big"), len(packed)
        return any(size == octets and first <= number <= last for octets, first, last in ranges)

    return within


def _net_others(nets: tuple[Address, ...]) -> tuple[Address, ...]:
    # a condition with only `!` means all other addresses of these families
    return tuple(EVERY_ADDRESS[family] for family in families(nets))


def _mac_span(mac: Item) -> Span:
    number = int(mac.text.replace(":", ""), 16)
    return number, number


def _mac_key(span: Span, _: int) -> str:
    return ":".join(f"{span[0]:012x}"[at : at + 2] for at in range(0, 12, 2))


def _mac_read(text: str) -> Item:
    return Item(_mac_key(_mac_span(Item(text)), 0))


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


def _mark_read(text: str) -> Bits:
    value, _, mask_text = text.partition("/")
    return Bits(int(value, 16), int(mask_text, 16))


def _protocol_test(names: Iterable[Item]) -> Callable[[int], bool]:
    return frozenset(PROTOCOL_NUMBERS[each.text] for each in names).__contains__


NETWORK = Kind(
    "an address or a network", span=_net_span, key=_net_key, read=_net_read, test=_net_test, others=_net_others
)
MAC = Kind("a MAC address", span=_mac_span, key=_mac_key, read=_mac_read)
PROTOCOL = Kind("a protocol", span=lambda item: (PROTOCOL_NUMBERS[item.text],) * 2, test=_protocol_test)
PORT = Kind("a port or a range of ports", span=_port_span, key=_port_key, read=_port_read, joins=True, test=_port_test)
MARK = Kind(
    "",
    lambda bits: f"{bits.value:#x}/{bits.mask:#x}",
    key=lambda span, _: f"{span[0]:#010x}",
    read=_mark_read,
    anything=lambda bits: bits.mask == 0,
)
DSCP = Kind("", lambda bits: str(bits.value), read=lambda text: Bits(int(text), WHOLE_DSCP))
