"""Recognize plain rules, which compare packets and decide, by one regular expression over the kernel's bytes.

The patterns are what the dump functions of the kernel write (nft_meta_get_dump(), nft_payload_dump(), nft_cmp_dump()
and so on), to the byte. A rule with another expression (a comparison of the mark, a limit, a jump) is not plain, and
rules.py parses it.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple
from zlib import crc32

from offload.nouns import dataclass
from offload.system.netlink.wire import NLATTR, attribute, text
from offload.system.nft.nfnetlink.comparisons import EQUAL, IFNAMSIZ, OFFLOADED
from offload.system.nft.nfnetlink.messages import NUMBER
from offload.system.nft.nfnetlink.registers import ACCEPT, DROP, META_IIFNAME, META_L4PROTO, META_OIFNAME, RETURN

Part = tuple[int, int, bytes]  # of an expression: attribute's type, size of the payload, and a pattern for that
Match = re.Match[bytes]

LONGEST = 16  # bytes of an address of IPv6 or of a device's name
USUAL = (1, 2, 4, LONGEST)  # sizes of values
LONGEST_NUMBER = 5  # digits in the name of a set
# What these load has no part in the treatment of established packets. Left out: length (0), mark (3), a random
# number (24), times (30 to 32)
META_KEYS = bytes(key for key in range(40) if key not in {0, 3, 24, 30, 31, 32})
OF_SETS = bytes((META_IIFNAME, META_OIFNAME, META_L4PROTO))  # keys that matter where a rule decides by a named set
INPUT, OUTPUT, PROTOCOL = (bytes([key]) for key in OF_SETS)
LINK, NETWORK, TRANSPORT = 0, 1, 2  # headers
NEXT_HEADER = 6  # offset in the header of IPv6


def _plain(payload: bytes) -> bytes:
    return re.escape(payload)


def _number(values: bytes) -> bytes:
    # a number of four bytes in network byte order
    return rb"\0\0\0[%b]" % b"".join(rb"\x%02x" % value for value in values)


def _attribute(kind: int, size: int, payload: bytes) -> bytes:
    return _plain(NLATTR.pack(NLATTR.size + size, kind)) + payload + rb"\0" * (-size % 4)


def _whole(size: int) -> int:
    # with header and padding
    return NLATTR.size + (size + 3 & ~3)


def _expression(name: str, *parts: Part) -> bytes:
    named = attribute(1, name.encode() + b"\0")
    size = sum(_whole(size) for _, size, _ in parts)
    data = _attribute(2, size, b"".join(_attribute(*each) for each in parts))
    return _attribute(1, len(named) + _whole(size), _plain(named) + data)


def _register(kind: int) -> Part:
    return kind, 4, rb"\0\0\0[^\0]"  # 0 is the register of verdicts


def _value(kind: int, size: int) -> Part:
    return kind, _whole(size), _attribute(1, size, b".{%d}" % size)


def _any(patterns: Iterable[bytes]) -> bytes:
    return b"(?:" + b"|".join(patterns) + b")"


def _loads() -> Iterator[bytes]:
    # fields that are the same in all packets of a connection
    yield _expression("meta", (2, 4, _number(META_KEYS)), _register(1))
    yield _any(_payloads())  # `re` compares what these begin with only once


def _payloads() -> Iterator[bytes]:
    target, length = _register(1), (4, 4, b".{4}")
    for base, offsets, lengths in (
        (NETWORK, rb"[\x09\x0c\x10\x18]", length),  # protocol and addresses, of IPv6 the destination
        (NETWORK, rb"\x08", (4, 4, rb"\0\0\0[^\0\1\2]")),  # of IPv6 the source; of IPv4 a byte or two are the TTL
        (NETWORK, b"%c" % NEXT_HEADER, (4, 4, _number(b"\1"))),
        (TRANSPORT, rb"[\0]", (4, 4, _number(bytes(range(1, 5))))),  # ports; what is behind them differs
        (TRANSPORT, rb"[\2]", (4, 4, _number(bytes(range(1, 3))))),
        (LINK, rb"[\0-\x0d]", (4, 4, _number(bytes(range(1, 7))))),
    ):
        yield _expression("payload", target, (2, 4, _number(bytes([base]))), (3, 4, rb"\0\0\0" + offsets), lengths)


def _comparisons() -> Iterator[bytes]:
    source, operation = _register(1), (2, 4, b".{4}")
    for size in (*USUAL, *(size for size in range(LONGEST) if size not in {0, *USUAL})):
        yield _expression("cmp", source, operation, _value(3, size))  # of a network the bytes that count
    for size in USUAL:
        yield _expression("range", source, operation, _value(3, size), _value(4, size))
        numbers = (3, 4, b".{4}"), (6, 4, _number(b"\0"))  # bytes, and the operation NFT_BITWISE_MASK_XOR
        yield _expression("bitwise", source, _register(2), *numbers, _value(4, size), _value(5, size))
    yield from _lookups()


def _lookups() -> Iterator[bytes]:
    # in anonymous sets, which are written within the rule
    for digits in range(1, LONGEST_NUMBER + 1):
        name = 1, len("__set") + digits + 1, rb"__(?:set|map)\d{%d}\0" % digits
        yield _expression("lookup", name, _register(2), (5, 4, b".{4}"))


def _begin_of_lookup() -> bytes:
    # The sizes of the expression's data and of the name are free.
    free = b"(?s:..)"
    data, name = (free + _plain(struct.pack("=H", kind)) for kind in (2, 1))
    return _plain(attribute(1, b"lookup\0")) + data + name


def _named_lookup() -> bytes:
    outer = b"(?s:..)" + _plain(struct.pack("=H", 1))
    parts = _attribute(*_register(2)) + _attribute(5, 4, b".{4}")
    return outer + _begin_of_lookup() + rb"[^_\0][^\0]*+\0{1,4}" + parts


def _counters() -> Iterator[bytes]:
    # on some machines there is padding before the numbers (nla_put_be64())
    padding, packets, octets = (3, 0, b""), (2, 8, b".{8}"), (1, 8, b".{8}")
    yield _expression("counter", octets, packets)
    yield _expression("counter", octets, padding, packets)
    yield _expression("counter", padding, octets, padding, packets)


def _verdict(code: int) -> bytes:
    held = _attribute(2, _whole(4), _attribute(1, 4, _plain(NUMBER.pack(code))))
    return _expression("immediate", (1, 4, _number(b"\0")), (2, NLATTR.size + _whole(4), held))


def _rejects() -> Iterator[bytes]:
    kind = 1, 4, _number(bytes(range(3)))
    yield _expression("reject", kind, (2, 1, b"."))
    yield _expression("reject", kind)


NAMED, COUNTERS, DROPS, ACCEPTS, RETURNS = 1, 2, 3, 4, 5  # groups of the pattern
WORDS = {DROPS: "drop", ACCEPTS: "accept", RETURNS: "return"}  # in LiveRule's `does`


@cache
def _patterns() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    # Compiled once, when needed: that takes as long as parsing a hundred rules. The group of the second: the set's
    # name.
    named = b"(%b)" % _named_lookup()
    comparisons, counters = _any((*_loads(), *_comparisons(), named)), _any(_counters())
    drops, accepts, returns = _any((_verdict(DROP), *_rejects())), _verdict(ACCEPT), _verdict(RETURN)
    rule = b"%b*+(%b?)(?:(%b)|(%b)|(%b))?" % (comparisons, counters, drops, accepts, returns)
    return re.compile(rule, re.DOTALL), re.compile(rb"%b([^\0]+)" % _begin_of_lookup())


@cache
def _of_sets() -> re.Pattern[bytes]:
    # A load of one of OF_SETS and the comparison after it, if that is a usual one. Groups: the key, the register, the
    # device's name or the protocol that it is compared with for equality; only protocols that can be offloaded.
    key, register = (2, 4, rb"\0\0\0([%b])" % re.escape(OF_SETS)), (1, 4, rb"(\0\0\0[^\0])")
    protocols = b"[%b]" % b"".join(rb"\x%02x" % each for each in OFFLOADED)
    compared = (
        _expression(
            "cmp", (1, 4, rb"\2"), (2, 4, _number(bytes([EQUAL]))), (3, _whole(size), _attribute(1, size, value))
        )
        for size, value in ((IFNAMSIZ, b"(.{%d})" % IFNAMSIZ), (1, b"(%b)" % protocols))
    )
    return re.compile(b"%b%b?" % (_expression("meta", key, register), _any(compared)), re.DOTALL)


class BySet(NamedTuple):
    """The verdict of a plain rule that looks up a named set, and the devices that it compares.

    Names of devices are padded with zero bytes; b"": it compares none. All fields are empty if a rule looks up no named
    set, or has no verdict.
    """

    does: str = ""  # drop (also for reject), accept or return
    iif: bytes = b""  # input device
    oif: bytes = b""  # output device


NOT_BY_SET = BySet()


@dataclass(frozen=True, slots=True)
class PlainRules:
    """What offload needs of several plain rules that follow each other."""

    does: tuple[str, ...]  # their verdicts, each once: drop (also for reject), accept, return
    # names of all sets that are looked up by rules that drop, or that have a verdict and look up a named set
    sets: tuple[str, ...]
    digest: int  # CRC-32 of their expressions without counters


def plain(expressions: bytes) -> tuple[Match, BySet] | None:
    """Match a rule's expressions (payload of NFTA_RULE_EXPRESSIONS) with the pattern of plain rules: (match, BySet).

    None if the rule has to be parsed: it is not plain, as with a mark, a limit or a jump; or it has a verdict, looks up
    a named set, and compares a device or the protocol in another way than for equality with one full name, or with TCP,
    UDP or GRE.
    """
    found = _patterns()[0].fullmatch(expressions)
    if not found:
        return None
    verdict = found.lastindex
    if verdict not in WORDS or found.start(NAMED) < 0:
        return found, NOT_BY_SET
    devices: dict[bytes, bytes] = {}
    for key, _, device, protocol in _of_sets().findall(expressions):
        if not (protocol if key == PROTOCOL else device):
            return None
        devices.setdefault(key, device)
    return found, BySet(WORDS[verdict], devices.get(INPUT, b""), devices.get(OUTPUT, b""))


def together(rules: Iterable[Match]) -> PlainRules:
    """Sum up plain rules of one chain that follow each other; `rules`: their matches, as `plain` gives them."""
    digest = 0
    verdicts: dict[int | None, None] = {}
    names: dict[bytes, None] = {}
    for rule in rules:
        held, verdict = rule.string, rule.lastindex
        begin, end = rule.span(COUNTERS)
        digest = crc32(held[end:], crc32(held[:begin], digest))
        verdicts[verdict] = None
        if (verdict == DROPS or (verdict != COUNTERS and rule.start(NAMED) >= 0)) and b"lookup" in held:
            names |= dict.fromkeys(_patterns()[1].findall(held))
    return PlainRules(tuple(WORDS[each] for each in verdicts if each in WORDS), tuple(map(text, names)), digest)
