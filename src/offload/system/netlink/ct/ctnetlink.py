"""Parse conntrack entries from ctnetlink's messages: replies to dumps, events of entries that end. Pure, no socket."""

import struct

from offload.model.flow import Entry, entry_of
from offload.nouns import dataclass
from offload.system.netlink.ct.layouts import ABSENT, Layout
from offload.system.netlink.wire import (
    ERRNO,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGHDR,
)

# include/uapi/linux/netfilter/nfnetlink_conntrack.h; the upper byte is NFNL_SUBSYS_CTNETLINK
IPCTNL_MSG_CT_NEW = 0x100
IPCTNL_MSG_CT_GET = 0x101
IPCTNL_MSG_CT_DELETE = 0x102

NLMSGHDR_START = struct.Struct("=IHH")

# A kernel makes about a dozen; with thousands of them, begin again to save memory.
MOST_LAYOUTS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """One datagram from ctnetlink, parsed.

    `done`: the datagram ends the dump. `interrupted`: the table changed during the dump, which should be made again
    (NLM_F_DUMP_INTR). `errno`: a positive error number if the kernel refused, else 0.
    """

    entries: list[Entry]
    done: bool = False
    interrupted: bool = False
    errno: int = 0


class Parser:
    """Parses the conntrack entries in messages of type `kind`; messages of other types give none.

    It keeps the Layouts of earlier messages (layouts.py), by which it reads later ones with the same attributes faster.
    """

    def __init__(self, kind: int = IPCTNL_MSG_CT_NEW) -> None:
        self._kind = kind
        self._layouts: dict[int, list[Layout]] = {}  # by length of the message
        self._learnt = 0

    @property
    def layouts(self) -> list["Layout"]:
        """The Layouts that it keeps, at most MOST_LAYOUTS (64); before a 65th is added, all are dropped."""
        return [layout for found in self._layouts.values() for layout in found]

    def parse(self, buffer: bytes) -> Part:
        """Parse the entries in one datagram; never raises.

        A message with damaged attributes, with addresses of two families, without an address, or without the protocol
        gives no entry. Reading ends before a message whose length is not valid, and behind one that ends the dump.
        """
        entries: list[Entry] = []
        append, layouts_of, header, wanted = entries.append, self._layouts.get, NLMSGHDR_START.unpack_from, self._kind
        at, size, seen = 0, len(buffer), 0
        while at + NLMSGHDR.size <= size:
            length, kind, flags = header(buffer, at)
            end = at + length
            if length < NLMSGHDR.size or end > size:
                break
            seen |= flags
            if kind == wanted:
                for layout in layouts_of(length, ()):
                    fields = layout.unpack(buffer, at)
                    if fields[::2] == layout.frame:
                        append(entry_of(layout.values(fields + ABSENT)))
                        break
                else:
                    entries += self._learn(buffer[at:end])
            elif kind in (NLMSG_DONE, NLMSG_ERROR):
                return Part(entries, True, bool(seen & NLM_F_DUMP_INTR), _errno(buffer[at:end]))
            at = (end + 3) & ~3
        return Part(entries, interrupted=bool(seen & NLM_F_DUMP_INTR))

    def entry(self, buffer: bytes, at: int) -> Entry:
        """The entry of the message at offset `at` of a datagram; IndexError if it is no entry, or of another type."""
        length, kind, _ = NLMSGHDR_START.unpack_from(buffer, at)
        for layout in self._layouts.get(length, ()) if kind == self._kind else ():
            fields = layout.unpack(buffer, at)
            if fields[::2] == layout.frame:
                return entry_of(layout.values(fields + ABSENT))
        return self.parse(buffer[at : at + length]).entries[0]

    def _learn(self, message: bytes) -> list[Entry]:
        try:
            layout = Layout(message)
        except ValueError:
            return []
        if self._learnt == MOST_LAYOUTS:
            self._layouts.clear()
            self._learnt = 0
        self._learnt += 1
        self._layouts.setdefault(len(message), []).append(layout)
        return [entry_of(layout.values(layout.unpack(message) + ABSENT))]


def _errno(message: bytes) -> int:
    # NLMSG_ERROR and NLMSG_DONE both have it negated behind the header
    if len(message) < NLMSGHDR.size + ERRNO.size:
        return 0
    code: int = ERRNO.unpack_from(message, NLMSGHDR.size)[0]
    return max(0, -code)
