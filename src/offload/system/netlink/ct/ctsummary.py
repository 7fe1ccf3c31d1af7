"""Take a Row (addresses, status, byte counters) of each entry from a ctnetlink dump, and keep whole entries as bytes.

Rows are found by regular expressions that are made from Layouts (layouts.py); messages that match none are parsed by
ctnetlink's Parser. Whole entries are parsed when they are read: by the Reader of their Layout, or by the Parser.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

from offload.model.flow import Entries, Entry, Row, Values, entry_of
from offload.nouns import dataclass
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_NEW, NLMSGHDR_START, Parser, Part
from offload.system.netlink.ct.layouts import Layout, Reader, Slot
from offload.system.netlink.wire import NLM_F_MULTI, NLMSGHDR

# The slots of a Row; ctnetlink_fill_info() writes them in this order.
ROW = (Slot.SRC, Slot.DST, Slot.REPLY_SRC, Slot.REPLY_DST, Slot.STATUS, Slot.BYTES, Slot.REPLY_BYTES)
COUNTERS = frozenset({Slot.BYTES, Slot.REPLY_BYTES})  # absent where nf_conntrack_acct is off

Match = Callable[[bytes, int], "re.Match[bytes] | None"]


@dataclass(frozen=True, slots=True)
class Rows:
    """The conntrack entries in one datagram of a dump; `rows`, `places` and `readers` have one item for each entry."""

    rows: list[Row]  # one for each entry
    places: list[int]  # offset in the datagram at which the message of each row begins
    readers: list[Reader | None]  # what unpacks the whole entry from each message (layouts.py); None: the Parser does
    done: bool = False  # it was the last datagram
    interrupted: bool = False  # the kernel's table changed meanwhile (NLM_F_DUMP_INTR)
    errno: int = 0  # of an error message; 0: none


class RowParser:
    """Parses datagrams of dumps into Rows, and keeps the regular expressions that it makes for that.

    `parser`: reads messages that no regular expression matches; None: a new Parser.
    """

    def __init__(self, parser: Parser | None = None) -> None:
        self._parser = parser or Parser()
        self._matches: dict[Layout, tuple[Match, int, Reader]] = {}

    def parse(self, buffer: bytes) -> Rows:
        """Parse the entries in one datagram; never raises.

        A message with damaged attributes, with addresses of two families, without an address, or without the protocol
        gives no Row. Reading ends before a message whose length is not valid, and behind one that ends the dump.
        """
        rows, places, readers = list[Row](), list[int](), list[Reader | None]()
        at, size, interrupted = 0, len(buffer), False
        while at + NLMSGHDR.size <= size:
            end = self._matching(buffer, at, rows, places, readers)
            if end == at:
                end = at + NLMSGHDR_START.unpack_from(buffer, at)[0]
                part = self._other(buffer[at:end])
                rows += [entry.row for entry in part.entries]
                places += [at] * len(part.entries)
                readers += [None] * len(part.entries)
                interrupted |= part.interrupted
                if part.done:
                    return Rows(rows, places, readers, True, interrupted, part.errno)
                if end < at + NLMSGHDR.size or end > size:
                    break
                end = (end + 3) & ~3
            at = end
        return Rows(rows, places, readers, interrupted=interrupted)

    def _matching(
        self, buffer: bytes, at: int, rows: list[Row], places: list[int], readers: list[Reader | None]
    ) -> int:
        # Returns the offset of the first message of another Layout.
        append, matches, begin = rows.append, tuple(self._matches.values()), -1
        while at > begin:
            begin = at
            for match, length, reader in matches:
                first = at
                while found := match(buffer, at):
                    append(found.groups())  # type: ignore[arg-type]  # as many groups as a Row has values
                    at += length
                if at > first:
                    places += range(first, at, length)
                    readers += [reader] * ((at - first) // length)
        return at

    def _other(self, message: bytes) -> Part:
        part = self._parser.parse(message)
        layouts = [layout for layout in self._parser.layouts if is_summed(layout)]
        if len(layouts) != len(self._matches) or not all(layout in self._matches for layout in layouts):
            self._matches = {layout: self._matches.get(layout) or matching(layout) for layout in layouts}
        return part


def is_summed(layout: Layout) -> bool:
    """Whether messages of the Layout have the values of a Row in the order of ROW, so that `matching` can be used.

    These are four addresses, the status, and both byte counters or none.
    """
    found = [slot for _, slot, _ in layout.pieces if slot in ROW]
    return found in ([*ROW], [slot for slot in ROW if slot not in COUNTERS])


def matching(layout: Layout) -> tuple[Match, int, Reader]:
    """For messages of a Layout: (function `match`, their length in bytes with padding, their Reader).

    `match(datagram, at)` returns a match whose groups are the values of a Row if such a message begins at offset `at`;
    else None. A message with the flag NLM_F_DUMP_INTR does not match.
    """
    length = layout.length
    pattern = re.escape(NLMSGHDR.pack(length, IPCTNL_MSG_CT_NEW, NLM_F_MULTI, 0, 0)[:8]) + b".{8}"
    for frame, slot, size in layout.pieces:
        value = b".{%d}" % size
        pattern += re.escape(frame) + (b"(%s)" % value if slot in ROW else value)
    if not COUNTERS & {slot for _, slot, _ in layout.pieces}:
        pattern += b"()()"
    padded = (length + 3) & ~3
    pattern += re.escape(layout.tail) + b".{%d}" % (padded - length)
    return re.compile(pattern, re.DOTALL).match, padded, layout.reader


class Messages(Entries):
    """The entries of a dump, stored as the kernel's messages, and parsed when they are read."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(())
        self._parsed = parser.entry
        self._datagrams: list[bytes] = []
        self._datagram_of, self._places = array("I"), array("I")
        self._readers: list[Reader | None] = []

    def add(self, datagram: bytes, rows: Rows) -> None:
        """Store the entries of one more datagram; `rows`: the result of `RowParser.parse` for it."""
        self._datagram_of.extend(repeat(len(self._datagrams), len(rows.places)))
        self._places.extend(rows.places)
        self._readers += rows.readers
        self._datagrams.append(datagram)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Entry:
        return entry_of(next(self.values((number,))))

    def values(self, numbers: Iterable[int]) -> Iterator[Values]:
        """Yield the entries with these numbers (0: the first of the dump), each as the tuple that `entry_of` takes.

        They come in the order of `numbers`.
        """
        datagrams, datagram_of, places, readers = self._datagrams, self._datagram_of, self._places, self._readers
        for number in numbers:
            datagram, place, reader = datagrams[datagram_of[number]], places[number], readers[number]
            if reader is None:
                yield self._parsed(datagram, place).values
            else:
                unpack, ordered, absent = reader
                yield ordered(unpack(datagram, place) + absent)
