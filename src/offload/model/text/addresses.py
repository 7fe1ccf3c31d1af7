"""Parse addresses as fw4 does, without the module `ipaddress`.

Valid are an address, which may have a prefix length, a mask (also with gaps), or `/-N` (all bits but the first N are
compared); and a range `A-B`. IPv4 and IPv6.
"""

from offload.model.sections.match import MASKED, RANGE, Address

WIDTH = {4: 32, 6: 128}
_OCTETS = {str(value): value for value in range(256)}
_ZEROS = ("0:0:0:0:0:0:0:0", "0:0:0:0:0:0:0", "0:0:0:0:0:0", "0:0:0:0:0", "0:0:0:0", "0:0:0", "0:0")
_GROUPS, _GROUP_DIGITS, _OCTET_COUNT = 8, 4, 4


def address(text: str, *, negated: bool = False) -> Address | None:
    """Parse an address, network, masked address or range, as fw4 does; None: not valid.

    `negated`: whether the result is negated, for a caller that has taken `!` off the text.
    """
    host, slash, suffix = text.partition("/")
    if not slash and "-" in host:
        return _range(host, negated=negated)
    family, value = number(host)
    if not family:
        return None
    if not slash:
        return Address(family, value, WIDTH[family], host.lower(), negated=negated)
    return _network(family, value, suffix, host.lower(), negated=negated)


def number(text: str) -> tuple[int, int]:
    """Family (4 or 6) and value, as a number, of an address without a prefix; (0, 0) if the text is not valid."""
    parts = text.split(".")
    if len(parts) == _OCTET_COUNT and ":" not in text:
        try:
            a, b, c, d = map(_OCTETS.__getitem__, parts)
        except KeyError:
            return 0, 0
        return 4, a << 24 | b << 16 | c << 8 | d
    return _ipv6(text) if ":" in text else (0, 0)


def written(family: int, value: int) -> str:
    """The text of an address, given as family (4 or 6) and number, as nft prints it; but IPv6 has no part with dots."""
    if family == 4:  # noqa: PLR2004 - IPv4
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
    text = f":{':'.join(f'{value >> shift & 0xFFFF:x}' for shift in range(112, -1, -16))}:"
    for zeros in _ZEROS:
        if f":{zeros}:" in text:
            before, _, after = text.partition(f":{zeros}:")
            return f"{before[1:]}::{after[:-1]}"
    return text[1:-1]


def network(family: int, value: int, bits: int, *, negated: bool = False, shown: str = "") -> Address | None:
    """The network of prefix length `bits` that has the address `value`; None if the family has no such length.

    The result keeps `value` with its host bits; its `text` is the network (`10.0.0.0/8` for 10.1.2.3). `shown`: the
    user's text of the address, used in `text` if it is the network's first address.
    """
    width = WIDTH[family]
    if not 0 <= bits <= width:
        return None
    first = value >> (width - bits) << (width - bits)
    text = shown if shown and first == value else written(family, first)
    text = text if bits == width else f"{text}/{bits}"
    return Address(family, value, bits, text, negated=negated)


def mask(each: Address) -> int:
    """The netmask of an address, network or masked address as a number; of a range, which has none, all bits."""
    width = WIDTH[each.family]
    if each.bits == MASKED:
        return each.mask
    bits = width if each.bits == RANGE else each.bits
    return (1 << width) - (1 << (width - bits))


def covers(each: Address, value: int) -> bool:
    """Whether the address `value` (a number, of the same family) is in this network or range; `negated` is ignored."""
    if each.bits == RANGE:
        return each.value <= value <= each.last
    bits = mask(each)
    return value & bits == each.value & bits


def _network(family: int, value: int, suffix: str, shown: str, *, negated: bool) -> Address | None:
    width = WIDTH[family]
    full = (1 << width) - 1
    digits = suffix.removeprefix("-")
    if digits.isascii() and digits.isdecimal():
        bits = int(suffix)
        if not suffix.startswith("-"):
            return network(family, value, bits, negated=negated, shown=shown)
        return _masked(family, value, full >> -bits, negated=negated) if -bits <= width else None
    mask_family, bits_set = number(suffix)
    if mask_family != family:
        return None
    host = ~bits_set & full
    if host & (host + 1) == 0:  # the ones are in front
        return network(family, value, width - host.bit_length(), negated=negated)
    return _masked(family, value, bits_set, negated=negated)


def _masked(family: int, value: int, bits_set: int, *, negated: bool) -> Address:
    under = value & bits_set
    text = f"{written(family, under)}/{written(family, bits_set)}"
    return Address(family, under, MASKED, text, bits_set, negated=negated)


def _range(text: str, *, negated: bool) -> Address | None:
    low, _, high = text.partition("-")
    family, first = number(low)
    other, last = number(high)
    if not family or family != other or first > last:
        return None
    return Address(family, first, RANGE, text.lower(), last=last, negated=negated)


def _ipv6(text: str) -> tuple[int, int]:
    if "." in text:
        head, _, tail = text.rpartition(":")
        family, low = number(tail)
        if family != 4:  # noqa: PLR2004 - IPv4
            return 0, 0
        text = f"{head}:{low >> 16:x}:{low & 0xFFFF:x}"
    front, gap, back = text.partition("::")
    before = front.split(":") if front else []
    after = back.split(":") if back else []
    missing = _GROUPS - len(before) - len(after)
    if (missing < 1) if gap else missing:
        return 0, 0
    groups = before + ["0"] * missing + after
    if not all(0 < len(group) <= _GROUP_DIGITS and group.isalnum() for group in groups) or not text.isascii():
        return 0, 0
    try:
        return 6, int("".join(group.zfill(_GROUP_DIGITS) for group in groups), 16)
    except ValueError:
        return 0, 0
