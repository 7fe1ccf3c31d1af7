"""Text in columns of a given width: what may be shown of a name, how lines are folded, amounts, sentences under rows.

Fits the width it is given (80 columns by default) whatever stands in the answer: names come from config files and may
be long or hostile.
"""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from textwrap import wrap
from typing import Any

Json = Mapping[str, Any]

NOTE = " " * 4  # before a sentence that belongs to the row above it
GAP = "  "

# All but printable characters that take one column each: ASCII, Latin, Greek, Cyrillic, U+FFFD. The rest could move the
# cursor, turn the direction of writing, or take no column or two.
ODD = re.compile(r"[^ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\ufffd]")

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# From these on a number would read 1000 in a unit, which the last one may.
POWERS = tuple(1000.0**power for power in range(len(UNITS)))
LARGEST = tuple(999.5 * power for power in POWERS[:-1])
# A row of a table: its cells, and the sentences beneath it.
Row = tuple[Sequence[str], Sequence[str]]
# Reasons that say no more than the choice does, where it is in effect: their remedies would ask for another choice.
CHOICES = frozenset({"MODE_NONE", "PAIR_MODE_NONE", "LOWER_MODE"})


class Notes:
    """The sentences under the rows of one answer, each remedy under the first reason that has it."""

    def __init__(self, *, asking: bool = False) -> None:
        """`asking`: another choice was just made, so remedies that ask for one are shown."""
        self._asking = asking
        self._shown: set[str] = set()

    def of(self, item: Json) -> Iterator[str]:
        """The item's reasons with their remedies."""
        followed = not self._asking and item.get("mode") == item.get("effective")  # a device has neither
        for reason in item["reasons"]:
            yield reason["text"]
            remedy = reason.get("remedy", "")
            if remedy and remedy not in self._shown and not (followed and reason["code"] in CHOICES):
                self._shown.add(remedy)
                yield GAP + remedy


def amount(octets: int | None) -> str:
    """Bytes in at most six columns, in powers of 1000; `-` where nothing is counted."""
    if octets is None:
        return "-"
    number = float(octets)
    power = bisect(LARGEST, number)
    number /= POWERS[power]
    small = power and number < 9.95  # noqa: PLR2004 - from here on it would read 10.0
    return f"{number:.1f} {UNITS[power]}" if small else f"{round(number)} {UNITS[power]}"  # `:.0f` takes thrice as long


def table(head: Sequence[str], rows: Iterable[Row], right: int | None = None) -> list[str]:
    """Aligned columns, each row with its sentences; columns from `right` on are set to the right. No rows, no table."""
    body = list(rows)
    if not body:
        return []
    columns = zip(head, *(cells for cells, _ in body), strict=True)
    widths = [max(map(len, column)) for column in columns]
    turn = len(head) if right is None else right
    lines = []
    for cells, notes in ((head, ()), *body):
        left = [cell.ljust(size) for cell, size in zip(cells[:turn], widths[:turn], strict=True)]
        numbers = [cell.rjust(size) for cell, size in zip(cells[turn:], widths[turn:], strict=True)]
        lines.append(GAP.join(left + numbers).rstrip())
        lines += [NOTE + note for note in notes]
    return lines


def safe(text: str) -> str:
    """The text with a question mark for each character that could move the cursor or takes no single column."""
    return ODD.sub("?", text)


def fitted(lines: Iterable[str], width: int) -> str:
    """The lines, each shown safely and folded at the width; the folded part is indented."""
    return "\n".join(part for line in lines for part in folded(line, width))


def folded(line: str, width: int) -> list[str]:
    """The parts of a line that is too long."""
    if len(line) <= width and is_plain(line) and line[-1:] not in {"", " "}:
        return [line]  # as the rest would leave it, in a hundredth of the time
    return _wrapped(line, width)


def is_plain(text: str) -> bool:
    """Whether all of it is printable ASCII."""
    return text.isascii() and text.isprintable()


@lru_cache(maxsize=64)
def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * min(len(line) - len(line.lstrip(" ")) + len(GAP), width // 2)
    return wrap(safe(line), width, subsequent_indent=indent, break_on_hyphens=False)
