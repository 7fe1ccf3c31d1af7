"""Parse the text with which a user names connections: a host, two ends, or a line of conntrack. Pure."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from offload.errors import UsageError
from offload.model.flow import (
    IPS_ASSURED,
    IPS_DST_NAT,
    IPS_HW_OFFLOAD,
    IPS_OFFLOAD,
    IPS_SEEN_REPLY,
    IPS_SRC_NAT,
    Entry,
    Tuple,
)
from offload.model.text import networks
from offload.status.why.reasons import ESTABLISHED, PROTOCOLS, TCP_STATES

LONGEST = 2000  # characters
HIGHEST_PORT, HIGHEST_PROTOCOL, HIGHEST_COUNT = 65535, 255, 2**64 - 1
NUMBERS = {name: number for number, name in PROTOCOLS.items()}
USAGE = "name a host (192.168.1.50), two ends (tcp 192.168.1.50:5000 198.51.100.9:443), or paste a line of conntrack"
END = re.compile(r"\[(?P<bracketed>[0-9a-fA-F:.]+)\](?::(?P<port6>\d{1,5}))?|(?P<plain>[0-9.]+)(?::(?P<port>\d{1,5}))?")
WORD = re.compile(r"([a-z]+)=(\S*)")
UNKNOWN = "unknown"
FLAGS = {"[OFFLOAD]": IPS_OFFLOAD, "[HW_OFFLOAD]": IPS_OFFLOAD | IPS_HW_OFFLOAD, "[ASSURED]": IPS_ASSURED}


class Named(NamedTuple):
    """What the user named: a host or network (`host`), or one connection (`entry`); the other one is None.

    `pasted`: the connection was given as a line of conntrack, not by its two ends.
    """

    host: IPv4Network | IPv6Network | None = None
    entry: Entry | None = None
    pasted: bool = False


def asked(text: str) -> Named:
    """Parse the user's text: a host or network, `[PROTOCOL] END END`, or a pasted line of conntrack (with `src=`).

    Two ends without PROTOCOL mean TCP; a port that is not given is 0 (any). UsageError for other text, ends of
    different families, a number that is too large, or a line that names no protocol (by a name in PROTOCOLS, or
    `unknown` and its number).
    """
    words = text[:LONGEST].replace(" > ", " ").replace("->", " ").split()
    if any(word.startswith("src=") for word in words):
        return Named(entry=_line(words), pasted=True)
    if len(words) == 1 and (host := networks.network(words[0])):
        return Named(host=host)
    proto = _protocol(words[0]) if words else None
    ends = [_end(word) for word in (words[1:] if proto is not None else words)]
    if len(ends) != 2:  # noqa: PLR2004 - two ends
        raise UsageError(USAGE)
    (src, sport), (dest, dport) = ends
    _of_one_family(src, dest)
    return Named(entry=made(NUMBERS["tcp"] if proto is None else proto, Tuple(src, dest, sport, dport)))


def made(proto: int, there: Tuple) -> Entry:
    """An Entry for a connection that need not exist: this protocol and original direction, no NAT, a reply seen.

    Of TCP it is in state ESTABLISHED. Its packets and bytes are None, as if the kernel did not count them.
    """
    back = Tuple(there.dst, there.src, there.dport, there.sport, there.ct_zone)
    state = ESTABLISHED if proto == NUMBERS["tcp"] else None
    return Entry(proto, there, back, IPS_SEEN_REPLY, None, 0, None, None, state, None)


def number_of(proto: str) -> int:
    """The IP protocol number for a name in PROTOCOLS (in any case) or a number as text; UsageError for other text."""
    number = _protocol(proto)
    if number is None:
        raise UsageError(f"'{_shown(proto)}' is no protocol: {USAGE}")
    return number


def _protocol(word: str) -> int | None:
    if word.lower() in NUMBERS:
        return NUMBERS[word.lower()]
    return _decimal(word, HIGHEST_PROTOCOL)


def _end(word: str) -> tuple[bytes, int]:
    found = END.fullmatch(word)
    port = found and (found["port"] or found["port6"])
    address = (found["bracketed"] or found["plain"]) if found else word  # an IPv6 address alone needs no brackets
    try:
        packed = ip_address(address).packed
    except ValueError:
        raise UsageError(f"'{_shown(word)}' is neither an address nor one with a port: {USAGE}") from None
    return packed, _number(port or "0", HIGHEST_PORT)


def _of_one_family(*ends: bytes) -> None:
    if len({len(each) for each in ends}) > 1:
        raise UsageError("one end is IPv4 and the other IPv6: both are of one family")


def _line(words: list[str]) -> Entry:
    # If the line has one direction only, the reply is that direction reversed.
    pairs = [(found[1], found[2]) for word in words if (found := WORD.fullmatch(word))]
    directions = list(_directions(pairs))
    if not directions or any(not {"src", "dst"} <= each.keys() for each in directions):
        raise UsageError(f"the line has no src= and dst=: {USAGE}")
    before = words[: next(place for place, word in enumerate(words) if word.startswith("src="))]
    proto = _protocol_of_line(before)
    if proto is None:
        raise UsageError(f"the line names no protocol: {USAGE}")
    common = dict(pairs)
    ct_zone = _number(common.get("zone", "0"), HIGHEST_PORT)
    there = _tuple(directions[0], ct_zone)
    mirrored = Tuple(there.dst, there.src, there.dport, there.sport, ct_zone)
    back = _tuple(directions[1], ct_zone) if directions[1:] else mirrored
    _of_one_family(there.src, there.dst, back.src, back.dst)
    status = 0 if "[UNREPLIED]" in words else IPS_SEEN_REPLY
    for word, bits in FLAGS.items():
        status |= bits if word in words else 0
    status |= IPS_SRC_NAT if (back.dst, back.dport) != (there.src, there.sport) else 0
    status |= IPS_DST_NAT if (back.src, back.sport) != (there.dst, there.dport) else 0
    state = next((TCP_STATES.index(word) for word in words if word in TCP_STATES), None)
    mark = _number(common.get("mark", "0"), 2**32 - 1)
    packets, octets = (_counted(directions, word) for word in ("packets", "bytes"))
    helper = common.get("helper") or None
    return Entry(proto, there, back, status, None, mark, packets, octets, state, helper)


# `ipv6 10 tcp 6`: the last name is the protocol. conntrack prints `unknown 99` for those that it has no name for.
def _protocol_of_line(words: list[str]) -> int | None:
    if UNKNOWN in words:
        return _decimal("".join(words[words.index(UNKNOWN) + 1 :][:1]), HIGHEST_PROTOCOL)
    named = [NUMBERS[word] for word in words if word in NUMBERS]
    return named[-1] if named else None


def _directions(pairs: list[tuple[str, str]]) -> Iterator[dict[str, str]]:
    # Each begins with `src=`; words behind the last one (`mark`, `zone`) are with it.
    current: dict[str, str] = {}
    for word, value in pairs:
        if word == "src" and current:
            yield current
            current = {}
        current[word] = value
    yield current


def _tuple(words: dict[str, str], ct_zone: int) -> Tuple:
    (src, _), (dst, _) = (_end(words[word]) for word in ("src", "dst"))
    sport, dport = (_number(words.get(word, "0"), HIGHEST_PORT) for word in ("sport", "dport"))
    return Tuple(src, dst, sport, dport, ct_zone)


def _counted(directions: list[dict[str, str]], word: str) -> tuple[int, int] | None:
    if not all(word in each for each in directions):
        return None
    counts = [_number(each[word], HIGHEST_COUNT) for each in directions[:2]]
    return counts[0], counts[1] if counts[1:] else 0


def _number(text: str, highest: int) -> int:
    if (number := _decimal(text, highest)) is None:
        raise UsageError(f"'{_shown(text)}' is not a whole number from 0 to {highest}")
    return number


def _decimal(text: str, highest: int) -> int | None:
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    return int(text) if digits and int(text) <= highest else None


def _shown(word: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in word[:60])
