"""A dump of ctnetlink, read for a summary: of each connection its addresses, status and bytes, all as raw bytes.

Each Layout of ctnetlink becomes one regular expression for a whole message: its frame literally, a group for each value
of a Row, and any bytes for the other values. It is matched where the message before has ended, so nothing inside of a
message can be taken for one. What none of them matches is read by ctnetlink's Parser. No Entry is made and none is
kept: that is what most of the time and memory of a list of connections goes into.
"""

import re
from collections.abc import Callable

from offload.model.flow import Row
from offload.nouns import dataclass
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_NEW, Layout, Parser, Slot
from offload.system.netlink.wire import NLM_F_MULTI, NLMSGHDR

# The slots of a Row; ctnetlink_fill_info() writes them in this order.
ROW = (Slot.SRC, Slot.DST, Slot.REPLY_SRC, Slot.REPLY_DST, Slot.STATUS, Slot.BYTES, Slot.REPLY_BYTES)
COUNTERS = frozenset({Slot.BYTES, Slot.REPLY_BYTES})  # absent where nf_conntrack_acct is off

Match = Callable[[bytes, int], "re.Match[bytes] | None"]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one datagram of the answer held; the other fields are those of ctnetlink's Part."""

    rows: list[Row]
    done: bool = False
    interrupted: bool = False
    errno: int = 0


class RowParser:
    """Reads datagrams. Keeps nothing from one to the next but the Layouts it has learnt."""

    def __init__(self) -> None:
        self._parser = Parser()
        self._matches: dict[Layout, tuple[Match, int]] = {}

    def parse(self, buffer: bytes) -> Rows:
        """Take one datagram apart; never raises. What ctnetlink's Parser leaves out is left out here too."""
        rows: list[Row] = []
        at, size = 0, len(buffer)
        while at < size:
            end = self._matching(buffer, at, rows)
            if end == at:
                return self._others(buffer[at:], rows)
            at = end
        return Rows(rows)

    def _matching(self, buffer: bytes, at: int, rows: list[Row]) -> int:
        """Read the messages of one Layout that follow each other; where they end."""
        append = rows.append
        for match, length in self._matches.values():
            begin = at
            while found := match(buffer, at):
                append(found.groups())  # type: ignore[arg-type]  # as many groups as a Row has values
                at += length
            if at > begin:
                break
        return at

    def _others(self, rest: bytes, rows: list[Row]) -> Rows:
        """Read a datagram from a message on that has no Layout yet, or that is none of a connection."""
        part = self._parser.parse(rest)
        rows += [entry.row for entry in part.entries]
        layouts = [layout for layout in self._parser.layouts if is_summed(layout)]
        self._matches = {layout: self._matches.get(layout) or matching(layout) for layout in layouts}
        return Rows(rows, part.done, part.interrupted, part.errno)


def is_summed(layout: Layout) -> bool:
    """Whether the values of a Row stand in it in their order, with both counters or with none."""
    found = [slot for _, slot, _ in layout.pieces if slot in ROW]
    return found in ([*ROW], [slot for slot in ROW if slot not in COUNTERS])


def matching(layout: Layout) -> tuple[Match, int]:
    """What matches a message of the Layout at a place of a datagram, and the message's length with its padding."""
    length = layout.length
    pattern = re.escape(NLMSGHDR.pack(length, IPCTNL_MSG_CT_NEW, NLM_F_MULTI, 0, 0)[:8]) + b".{8}"
    for frame, slot, size in layout.pieces:
        value = b".{%d}" % size
        pattern += re.escape(frame) + (b"(%s)" % value if slot in ROW else value)
    if not COUNTERS & {slot for _, slot, _ in layout.pieces}:
        pattern += b"()()"
    padded = (length + 3) & ~3
    pattern += re.escape(layout.tail) + b".{%d}" % (padded - length)
    return re.compile(pattern, re.DOTALL).match, padded
