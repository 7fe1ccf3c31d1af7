"""Parse match values as fw4 does: a string to a value; None if it is not valid.

Source: openwrt/firewall4, fw4.uc, parse_*.
"""

import re

from offload.config.fw4.options.fw4_times import number
from offload.config.fw4.options.fw4_words import enum, identifier, negation
from offload.config.fw4.options.icmp_types import IPV4, IPV6
from offload.config.numbers import DSCP, IDENTIFIER, PROTOCOL_NUMBERS
from offload.model.sections.match import ANY_TYPE, NO_DEVICE, Address, Bits, IcmpType, Item, NetworkName, SetMatch
from offload.model.text.addresses import address

HIGHEST_PORT, HIGHEST_BYTE, HIGHEST_MARK = 65535, 255, 0xFFFFFFFF
# Patterns are text: re compiles one when it is first needed, and most configurations need few.
_PORT = r"([0-9]{1,5})(?:[-:]([0-9]{1,5}))?"
_MAC = "[:-]".join([r"([0-9a-fA-F]{1,2})"] * 6)
_ICMP = r"([0-9]{1,3})(?:/([0-9]{1,3}))?"
# Device names that nft can have between quotes; `+` at the end stands for any text.
_PLAIN_DEVICE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:+@-")
_LONGEST_DEVICE = 15
_DEVICE = r"[A-Za-z0-9_.:@-][A-Za-z0-9_.:@+-]{0,14}|\+"
_NETWORK = r"[A-Za-z0-9_.:@+-]{1,64}"


def plain_device(name: str) -> bool:
    """Whether the name is 1 to 15 of A-Z a-z 0-9 _ . : + @ -, which nft can have between quotes."""
    return 0 < len(name) <= _LONGEST_DEVICE and _PLAIN_DEVICE.issuperset(name)  # a pattern takes each command longer


def device(value: str) -> Item | None:
    """A device: `name`, `name+` or `name*` (as `name+`) for names that begin so, `+` for all, with or without `!`.

    None: empty, longer than 15 characters, with others than A-Z a-z 0-9 _ . : + @ -, or a `+` at the start of a name.
    """
    name, negated = negation(value)
    if name.endswith("*"):  # nft's own wildcard; fw4 accepts it
        name = f"{name[:-1]}+"
    return Item(name, negated) if re.fullmatch(_DEVICE, name) else None


def network_name(value: str) -> Item | None:
    """The name of a netifd network, with or without `!`; None: the name is empty. Any other name is taken."""
    name, negated = negation(value)
    return Item(name, negated) if name else None


def zone_device(value: str) -> Item | None:
    """A zone's device, as `device` reads it; None: the name is empty.

    A name that `device` refuses becomes NO_DEVICE, a name that no device can have; `!` before it still negates.
    """
    name, negated = negation(value)
    return (device(value) or Item(NO_DEVICE, negated)) if name else None


def direction(value: str) -> bool | None:
    """False (input device) for in and ingress, True (output device) for out and egress; None for other words."""
    return {"in": False, "ingress": False, "out": True, "egress": True}.get(value)


def network(value: str) -> Address | NetworkName | None:
    """An address, network or range, or the name of a netifd network (for its addresses), with or without `!`.

    None: not valid. It is not checked whether the network exists.
    """
    name, negated = negation(value)
    found = address(name, negated=negated)
    if found is not None or not name or "/" in name or not re.fullmatch(_NETWORK, name):
        return found
    looks_like_an_address = (name[0].isdigit() and "." in name) or ":" in name
    return None if looks_like_an_address else NetworkName(name, negated)


def port(value: str) -> Item | None:
    """A port, or a range `low-high` or `low:high` (the result has a hyphen), with or without `!`; None: not valid."""
    name, negated = negation(value)
    found = re.fullmatch(_PORT, name)
    if found is None:
        return None
    low, high = int(found[1]), int(found[2] or found[1])
    if not low <= high <= HIGHEST_PORT:
        return None
    return Item(str(low) if low == high else f"{low}-{high}", negated)


def mac(value: str) -> Item | None:
    """A MAC address with colons or dashes, with or without `!`; None: not valid.

    The result is in lower case, with colons and two digits in each part.
    """
    name, negated = negation(value)
    found = re.fullmatch(_MAC, name)
    return Item(":".join(part.zfill(2) for part in found.groups()).lower(), negated) if found else None


def protocol(value: str) -> tuple[Item, ...] | None:
    """The protocols of a word, by name or number, with or without `!`, as nft writes them; None: not valid.

    `tcpudp` gives two Items. `all`, `any` and `*` give the word `any`, and are not valid with `!`.
    """
    name, negated = negation(value)
    name = name.lower()
    if name == "tcpudp":
        return Item("tcp", negated), Item("udp", negated)
    if name in {"all", "any", "*"}:
        return None if negated else (Item("any"),)
    known = PROTOCOL_NUMBERS.get(name)
    if known is None and name.isascii() and name.isdecimal() and int(name) <= HIGHEST_BYTE:
        known = int(name)
    return None if known is None else (Item(_BY_NUMBER.get(known, str(known)), negated),)


# Those for which nft has more than a number; others are written as numbers, which need no /etc/protocols.
_BY_NUMBER = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp", 33: "dccp", 136: "udplite"}


def icmp_type(value: str) -> IcmpType | None:
    """An ICMP type: a name, `type` or `type/code` with numbers up to 255, or `any` (ANY_TYPE); None: not valid.

    `!` is not valid. A name has values for the families that know it, numbers have the same for both. A name that only
    IPv6 knows, of a type without a code, gets code 0, as in fw4.
    """
    if value == "any":  # fw4 writes iptables' number for it, 255, which is no type of any packet
        return ANY_TYPE
    four, six = IPV4.get(value), IPV6.get(value)
    if six and not four:
        six = (six[0], six[1] or 0)
    if four or six:
        return IcmpType(*(four or (None, None)), *(six or (None, None)))
    found = re.fullmatch(_ICMP, value)
    if found is None:
        return None
    kind, code = int(found[1]), None if found[2] is None else int(found[2])
    return IcmpType(kind, code, kind, code) if max(kind, code or 0) <= HIGHEST_BYTE else None


def mark(value: str) -> Bits | None:
    """A packet mark, `value[/mask]` in decimal or 0xhex, with or without `!`; None: not valid.

    Without `/mask` the mask is all 32 bits.
    """
    name, negated = negation(value)
    numbers = [number(part) for part in name.split("/")]
    if len(numbers) > 2 or any(each is None or each > HIGHEST_MARK for each in numbers):  # noqa: PLR2004 - value, mask
        return None
    return Bits(numbers[0] or 0, HIGHEST_MARK if len(numbers) == 1 else numbers[1] or 0, negated)


def dscp(value: str) -> Bits | None:
    """A DSCP class (EF, AF11, CS1) in any case, or a number up to 63, with or without `!`; None: not valid."""
    name, negated = negation(value)
    known = DSCP.get(name.lower())
    if known is None:
        known = number(name)
    return Bits(known, 63, negated) if known is not None and known <= 63 else None  # noqa: PLR2004 - six bits


def set_match(value: str) -> SetMatch | None:
    """`SETNAME [DIRECTION[,DIRECTION...]]`, with or without `!`; None: the name is not valid.

    Directions are src, dst and dest (which becomes dst); another word becomes "", and those after the third are
    ignored. It is not checked whether the set exists.
    """
    words, negated = negation(value)
    name, _, rest = words.partition(" ")
    directions = re.split(r"[ \t,]", rest.strip(" \t"))[:3] if rest.strip(" \t") else []
    meant = tuple({"src": "src", "dst": "dst", "dest": "dst"}.get(each, "") for each in directions)
    return SetMatch(name, meant, negated) if identifier(name) else None


def set_type(value: str) -> tuple[str, str] | None:
    """One part of a set's key as (direction, type): `dest_ip` gives ("dst", "ip"); None: not valid.

    Directions are src (also for `ip` alone), dst and dest. Types are ip, port, mac, net and set; their first letters
    are enough.
    """
    start, _, rest = value.partition("_")
    kind = enum("ip", "port", "mac", "net", "set")(rest if start in {"src", "dst", "dest"} and rest else value)
    if kind is None:
        return None
    return ("dst" if start in {"dst", "dest"} and rest else "src"), kind


def helper(value: str) -> Item | None:
    """The name of a conntrack helper, with or without `!`; None: not valid.

    It is not checked whether the helper exists.
    """
    name, negated = negation(value)
    return Item(name, negated) if re.fullmatch(IDENTIFIER, name) else None
