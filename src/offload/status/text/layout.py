"""Lay out text for a terminal: safe names, folded lines, byte amounts, tables, and sentences below their rows. Pure."""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

Json = Mapping[str, Any]

NOTE = " " * 4  # before a sentence below a row
GAP = "  "
TO_DO = "what to do: "  # before a remedy
FOLDED = 10  # columns that a last cell has at least, before a table becomes a list

# All except printable characters of one column: ASCII, Latin, Greek, Cyrillic, U+FFFD. Others could move the
# cursor, change the writing direction, or take no column or two.
ODD = re.compile(r"[^ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\ufffd]")

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# From these numbers on the next unit is used, because the number would be rounded to 1000.
POWERS = tuple(1000.0**power for power in range(len(UNITS)))
LARGEST = tuple(999.5 * power for power in POWERS[:-1])
SPANS = (("d", 86400, 1 << 20), ("h", 3600, 24), ("min", 60, 60), ("s", 1, 60))  # unit, its seconds, how many at most
# A row of a table: its cells, and the sentences below it.
Row = tuple[Sequence[str], Sequence[str]]
# Reasons that only repeat a choice in effect: their remedies would suggest another choice.
CHOICES = frozenset({"MODE_NONE", "PAIR_MODE_NONE", "LOWER_MODE"})
# Reasons that keep every pair slow. They are shown once, above the tables.
OF_ALL = frozenset({"OFFLOAD_DISABLED", "FW4_OFFLOADS", "NO_FIREWALL", "KERNEL_WITHOUT_FLOWTABLE"})


class Notes:
    """Gives the sentences to print below the rows of one reply: Reasons, and a remedy the first time that it occurs."""

    def __init__(self, *, asking: bool = False) -> None:
        """`asking`: the user asked why.

        If it is false, `of` does not give Reasons in OF_ALL (they keep every pair slow). For an item whose effective
        mode is the requested one, or that has no mode, it does not give the remedies of Reasons in CHOICES either.
        """
        self._asking = asking
        self._shown: set[str] = set()

    def of(self, item: Json) -> Iterator[str]:
        """The sentences for an item of a reply (a zone, a flow, ...): the text of each Reason, then its remedy.

        `item` has `reasons`, as `reasons_json` makes them, and perhaps `mode` and `effective`. A remedy that was given
        before, for any item, is not given again.
        """
        followed = not self._asking and item.get("mode") == item.get("effective")  # a device has neither
        for reason in item["reasons"]:
            if reason["code"] in OF_ALL and not self._asking:
                continue
            yield reason["text"]
            remedy = reason.get("remedy", "")
            if remedy and remedy not in self._shown and not (followed and reason["code"] in CHOICES):
                self._shown.add(remedy)
                yield f"{GAP}{TO_DO}{remedy}"


def nothing_offloaded(status: Json) -> list[str]:
    """Why nothing at all is offloaded: a line with a Reason, and a line with its remedy, if it has one.

    `status`: a reply of the method `status` or `zones`. The Reason is the first one in the reply whose code is in
    OF_ALL; the list is empty if there is none.
    """
    items = (*status["pairs"], *status["zones"], *status.get("devices", ()))
    found = next((reason for each in items for reason in each.get("reasons", ()) if reason["code"] in OF_ALL), None)
    if found is None:
        return []
    return [
        f"Nothing is offloaded: {found['text']}",
        *(f"{NOTE}{TO_DO}{remedy}" for remedy in [found.get("remedy")] if remedy),
    ]


def amount(octets: int | None) -> str:
    """Bytes in at most six columns, in powers of 1000 (`1.5 MB`); `-` for None: not counted."""
    if octets is None:
        return "-"
    number = float(octets)
    power = bisect(LARGEST, number)
    number /= POWERS[power]
    small = power and number < 9.95  # noqa: PLR2004 - from here on it would read 10.0
    return f"{number:.1f} {UNITS[power]}" if small else f"{round(number)} {UNITS[power]}"  # `:.0f` takes thrice as long


def span(seconds: int) -> str:
    """A time as text in at most two units; what is smaller is cut off: `2 d 3 h`, `59 min`, `45 s`."""
    parts = [(seconds // size % most, unit) for unit, size, most in SPANS]
    first = next((place for place, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def table(head: Sequence[str], rows: Iterable[Row], right: int | None = None, width: int = 0) -> list[str]:
    """The lines of a table with these titles (`head`) and rows; empty if there are no rows.

    A row is (its cells, the sentences below it). Columns from index `right` on are aligned right (None: none). A table
    wider than `width` (0: no limit) becomes a list: the first title, then of each row the first cell on one line, and
    on the next the other cells with their titles, without those that are `-`. With `right` None the last column may be
    wider than fits: the caller has to fold the lines.
    """
    body = list(rows)
    if not body:
        return []
    columns = zip(head, *(cells for cells, _ in body), strict=True)
    widths = [max(map(len, column)) for column in columns]
    turn = len(head) if right is None else right
    needed = sum(widths[:-1]) + min(widths[-1], FOLDED) if right is None else sum(widths)
    if width and needed + len(GAP) * (len(widths) - 1) > width:
        return [head[0], *(line for row in body for line in _listed(head, row))]
    lines = []
    for cells, notes in ((head, ()), *body):
        left = [cell.ljust(size) for cell, size in zip(cells[:turn], widths[:turn], strict=True)]
        numbers = [cell.rjust(size) for cell, size in zip(cells[turn:], widths[turn:], strict=True)]
        lines.append(GAP.join(left + numbers).rstrip())
        lines += [NOTE + note for note in notes]
    return lines


def _listed(head: Sequence[str], row: Row) -> Iterator[str]:
    (first, *others), notes = row
    yield first
    cells = zip(head[1:], others, strict=True)
    named = [f"{name.lower()} {' '.join(cell.split())}" for name, cell in cells if cell != "-"]
    if named:
        yield NOTE + "; ".join(named)
    yield from (NOTE + note for note in notes)


def safe(text: str) -> str:
    """The text with `?` in place of each character that is not printable ASCII, Latin, Greek, Cyrillic, or U+FFFD."""
    return ODD.sub("?", text)


def fitted(lines: Iterable[str], width: int) -> str:
    """The lines as one text: each made `safe` and folded at `width`, with all its parts but the first indented.

    Empty lines are left out.
    """
    return "\n".join(part for line in lines for part in folded(line, width))


def folded(line: str, width: int) -> list[str]:
    """The line in parts of at most `width` characters, with `?` for characters that are not `safe`.

    All parts but the first are indented. An empty line has no parts.
    """
    if len(line) <= width and is_plain(line) and line[-1:] not in {"", " "}:
        return [line]  # the same result as below, a hundred times as fast
    return _wrapped(line, width)


def is_plain(text: str) -> bool:
    """Whether the text has only printable ASCII characters."""
    return text.isascii() and text.isprintable()


@lru_cache(maxsize=64)
def _wrapped(line: str, width: int) -> list[str]:
    from textwrap import wrap  # few answers have a line that is too long

    indent = " " * min(len(line) - len(line.lstrip(" ")) + len(GAP), width // 2)
    return wrap(safe(line), width, subsequent_indent=indent, break_on_hyphens=False)
