"""A match: the conditions that packets have to fulfil. Most may be negated; a tuple holds alternatives."""

# NamedTuples and not dataclasses: every start of the command defines these classes again, and dataclasses take longer.
from collections.abc import Iterable
from typing import NamedTuple, TypeVar


class Item(NamedTuple):
    """One alternative of a condition as nft text: a port or range, a MAC address, a device, a protocol, a name.

    `negated`: `!` stands before it.
    """

    text: str
    negated: bool = False


class Address(NamedTuple):
    """An address, network, range or masked address of one family."""

    family: int  # 4 or 6
    value: int  # as a number, also with host bits (1 in `::1/64`); of a range the first
    bits: int  # length of the prefix; MASKED for a mask with gaps, RANGE for a range
    text: str  # nft form of the whole network: `::/64` for `::1/64`
    mask: int = 0  # with MASKED, the mask; bits outside of it are 0 in `value`
    last: int = 0  # with RANGE, the last address
    negated: bool = False  # `!` stands before it


MASKED, RANGE = -1, -2
EVERY_ADDRESS = {4: Address(4, 0, 0, "0.0.0.0/0"), 6: Address(6, 0, 0, "::/0")}
NO_DEVICE = "/never/"  # a device name that cannot exist; fw4 uses the same


class NetworkName(NamedTuple):
    """A netifd network, which stands for all its addresses with their prefixes."""

    name: str
    negated: bool = False


class IcmpType(NamedTuple):
    """An ICMP type for each family (None: the family does not have it), and a code (None: every code)."""

    type4: int | None
    code4: int | None
    type6: int | None
    code6: int | None


ANY_TYPE = IcmpType(-1, None, -1, None)  # the word `any`: every type of both families


class Limit(NamedTuple):
    """A rate in packets per `unit` (second, minute, ...); `negated`: above it. `burst`: packets, 0: nft's default."""

    rate: int
    unit: str
    negated: bool = False
    burst: int = 0


class Times(NamedTuple):
    """When a rule applies. Dates are (year, month, day, hour, minute, second), times (hour, minute, second).

    An empty tuple is no bound; without `weekdays` it applies on all days.
    """

    start_date: tuple[int, ...] = ()  # first moment
    stop_date: tuple[int, ...] = ()  # last moment
    start_time: tuple[int, ...] = ()  # of each day
    stop_time: tuple[int, ...] = ()  # of each day
    weekdays: tuple[str, ...] = ()  # days on which it holds
    other_weekdays: bool = False  # all days but these
    utc: bool = False  # dates and times are in UTC, not in local time


class Bits(NamedTuple):
    """A number under a mask: a packet mark (32 bits) or a DSCP value (6 bits)."""

    value: int
    mask: int
    negated: bool = False


WHOLE_MARK, WHOLE_DSCP = 0xFFFFFFFF, 0x3F  # masks of all bits


class SetMatch(NamedTuple):
    """A lookup in the named set `name`. `directions`: src or dst for each part of the key; empty: those of the set.

    `fields`: the packet's fields as nft text (`ip saddr`); empty until the set and the protocol are known.
    """

    name: str
    directions: tuple[str, ...] = ()
    negated: bool = False
    fields: tuple[str, ...] = ()


class Match(NamedTuple):
    """Conditions that all have to hold; one that is empty, None or family 0 always holds."""

    family: int | None = None  # 4, 6, 0 for both on purpose, None for not chosen
    proto: tuple[Item, ...] = ()  # protocol names or numbers, `any` for all
    iifname: tuple[Item, ...] = ()  # input devices
    oifname: tuple[Item, ...] = ()  # output devices
    src_ip: tuple[Address | NetworkName, ...] = ()  # source addresses
    dest_ip: tuple[Address | NetworkName, ...] = ()  # destination addresses
    src_port: tuple[Item, ...] = ()  # ports or ranges
    dest_port: tuple[Item, ...] = ()  # ports or ranges
    src_mac: tuple[Item, ...] = ()  # source MAC addresses
    icmp_type: tuple[IcmpType, ...] = ()  # types of ICMP or ICMPv6
    helper: Item | None = None  # conntrack helper of the connection
    limit: Limit | None = None  # rate of packets
    times: Times | None = None  # dates, hours and days of the week
    mark: Bits | None = None  # packet mark
    dscp: Bits | None = None  # DSCP value
    ipset: SetMatch | None = None  # lookup in a set
    raw: str = ""  # conditions that no section can ask for, as nft text: `ct status dnat`


EVERYTHING = Match()
Value = TypeVar("Value", bound=Address | NetworkName | Item | Bits)


def wanted(values: Iterable[Value]) -> tuple[Value, ...]:
    """The values that are not negated."""
    return tuple(each for each in values if not each.negated)


def excluded(values: Iterable[Value]) -> tuple[Value, ...]:
    """The values that are negated."""
    return tuple(each for each in values if each.negated)


def families(addresses: tuple[Address | NetworkName, ...]) -> set[int]:
    """The families (4, 6) of the addresses that are not negated; if every value is negated, of the negated addresses.

    Names of netifd networks are values too, but add no family.
    """
    return {each.family for each in wanted(addresses) or addresses if isinstance(each, Address)}


def turned(match: Match) -> Match:
    """The match for packets of the other direction: source and destination addresses and ports change places.

    All other conditions stay.
    """
    return match._replace(
        src_ip=match.dest_ip, dest_ip=match.src_ip, src_port=match.dest_port, dest_port=match.src_port
    )
