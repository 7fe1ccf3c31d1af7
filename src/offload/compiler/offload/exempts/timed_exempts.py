"""Timed exempts (traffic not to be offloaded for some time) in the kernel: elements with a timeout. Pure.

A service that was killed reads its timed exempts back from the elements. The key of an element has addresses, ports,
MAC and mark; the name of its set says which of these, and the protocol; the comment of the element has the rest.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from offload.model.kernel.live import LiveTable, TimedElement
from offload.model.plan import TimedExempt
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import FIELDS, Field
from offload.model.sections.match import WHOLE_DSCP, Bits, Item, Match, excluded
from offload.nouns import replace

LONGEST_COMMENT = 127  # NFTNL_UDATA_COMMENT_MAXLEN without its NUL
COMMENT = re.compile(r"(\d{1,9}) (\S+) (\S+) (-1|\d{1,2}) 0x([0-9a-f]{1,8})/0x([0-9a-f]{1,8})((?: \w+!\S+)*)", re.ASCII)
NAMES = {each.name: each for each in FIELDS}
WORDS = {each.word: each for each in FIELDS if each.word}
NAME = re.compile(rf"exempt_ip[46]?(_tcp|_udp|_gre)?((?:_(?:{'|'.join(WORDS)}))+)_[0-9a-f]{{6}}_t(?:_r\d+)?")


def comment(timed_exempt: TimedExempt) -> str:
    """The text of the comment of a timed exempt's set elements, for `held_timed_exempts` to read beside their keys.

    It has the exempt's number, zones, DSCP, mark and negated conditions, but no times.
    """
    exempt = timed_exempt.exempt
    mark, dscp = _plain(exempt.match.mark) or Bits(0, 0), _plain(exempt.match.dscp) or Bits(-1, 0)
    without = [f" {each.name}{each.text(value)}" for each in FIELDS for value in excluded(each.values(exempt.match))]
    return f"{timed_exempt.id} {exempt.src} {exempt.dest} {dscp.value} {mark.value:#x}/{mark.mask:#x}{''.join(without)}"


def _plain(bits: Bits | None) -> Bits | None:
    return None if bits is None or bits.negated else bits


def held_timed_exempts(tables: Iterable[LiveTable]) -> tuple[TimedExempt, ...]:
    """The timed exempts (traffic that stays slow for some time) in the kernel's tables, sorted by number.

    All elements with the same number, in any set and table, are one exempt, with the longest of their remaining times.
    Its name is `run-time NUMBER`. Elements whose set, comment or key is not of the form that this program writes are
    ignored.
    """
    parts: dict[int, list[TimedExempt]] = defaultdict(list)
    for timed in (each for table in tables for each in table.timed):
        timed_exempt = _timed_exempt(timed)
        if timed_exempt is not None:
            parts[timed_exempt.id].append(timed_exempt)
    return tuple(_joined(parts[number]) for number in sorted(parts))


# The exempt as far as this one element has it; None: the element is not ours. Negated values are in its
# comment. Ports of no protocol are not ours, and nft would refuse them.
def _timed_exempt(timed: TimedElement) -> TimedExempt | None:
    named, noted = NAME.fullmatch(timed.set), COMMENT.fullmatch(timed.comment)
    if not named or not noted or (not named[1] and {"sport", "dport"} & set(named[2].split("_"))):
        return None
    number, src, dest, dscp, value, mask, without = noted.groups()
    given: dict[str, Any] = {"proto": (Item(named[1].strip("_")),)} if named[1] else {}
    fields, values = named[2].strip("_").split("_"), timed.key.split(" . ")
    try:
        for field, text in zip(fields, values, strict=True):
            if (row := WORDS[field]).many:  # the mark is in the comment
                given[row.name] = (row.kind.read(text),)
        for name, text in (word.split("!") for word in without.split()):
            found = (row := NAMES[name]).read(f"!{text}")
            given[name] = (*given.get(name, ()), found) if row.many else found
    except (ValueError, KeyError):
        return None
    if int(mask, 16):
        given["mark"] = Bits(int(value, 16), int(mask, 16))
    if dscp != "-1":
        given["dscp"] = Bits(int(dscp), WHOLE_DSCP)
    exempt = Exempt(f"run-time {number}", "", src, dest, Match(**given))
    return TimedExempt(int(number), exempt, timed.timeout, timed.expires)


# Zones, mark, DSCP and timeout are equal in all parts of an exempt; lists have one value in each.
def _joined(parts: list[TimedExempt]) -> TimedExempt:
    first = parts[0]
    joined: dict[str, Any] = {each.name: _values(each, parts) for each in FIELDS if each.many}
    exempt = replace(first.exempt, match=first.exempt.match._replace(**joined))
    return replace(first, exempt=exempt, expires=max(part.expires for part in parts))


# sorted: negated ones last, IPv4 before IPv6
def _values(field: Field, parts: Iterable[TimedExempt]) -> tuple[Any, ...]:
    values = {value for part in parts for value in getattr(part.exempt.match, field.name)}
    return tuple(sorted(values, key=lambda value: (value.negated, getattr(value, "family", 0), field.kind.span(value))))
