"""ctnetlink's answer to a dump, and its events of connections that end: bytes in, conntrack entries out, no socket.

The kernel writes all entries with the same few sequences of attributes (ctnetlink_fill_info in
net/netfilter/nf_conntrack_netlink.c). So a sequence is walked once, attribute by attribute, and becomes a Layout: one
struct that takes a whole message apart. Every later message is held against the Layout's frame, all of its bytes that
are no values, so it is never read by a Layout that is not exactly its own. That is how plain Python keeps up with
conntrack(8).
"""

import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum
from operator import itemgetter
from typing import Any, Union

from offload.model.flow import Entry, Tuple
from offload.nouns import dataclass
from offload.system.netlink.wire import (
    ERRNO,
    NFGENMSG,
    NLA_TYPE_MASK,
    NLATTR,
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

# A kernel makes about a dozen. Should something make thousands, start again rather than grow.
MOST_LAYOUTS = 64


class Slot(IntEnum):
    """The values an Entry is made of, in the order in which `_entry` takes them."""

    PROTO = 0
    SRC = 1
    DST = 2
    SPORT = 3
    DPORT = 4
    REPLY_SRC = 5
    REPLY_DST = 6
    REPLY_SPORT = 7
    REPLY_DPORT = 8
    STATUS = 9
    TIMEOUT = 10
    MARK = 11
    PACKETS = 12
    BYTES = 13
    REPLY_PACKETS = 14
    REPLY_BYTES = 15
    TCP_STATE = 16
    HELPER = 17
    ZONE = 18
    SRC_ZONE = 19
    REPLY_ZONE = 20


# What an Entry gets for a value the kernel did not send; without the needed ones it is no Entry.
ABSENT = (None, None, None, 0, 0, None, None, 0, 0, 0, None, 0, None, None, None, None, None, None, 0, 0, 0)
ADDRESSES = (Slot.SRC, Slot.DST, Slot.REPLY_SRC, Slot.REPLY_DST)
NEEDED = (Slot.PROTO, *ADDRESSES)

# By type: where the value goes and its format (none: text of any length), or the attributes nested in it.
# Attributes that are not named here are skipped.
Value = tuple[Slot, str]
Attributes = Mapping[int, Union[Value, "Attributes"]]


def _tuple(src: Slot, dst: Slot, sport: Slot, dport: Slot, zone: Slot) -> Attributes:
    return {
        1: {1: (src, "4s"), 2: (dst, "4s"), 3: (src, "16s"), 4: (dst, "16s")},  # CTA_TUPLE_IP: _V4_*, _V6_*
        2: {1: (Slot.PROTO, "B"), 2: (sport, "H"), 3: (dport, "H")},  # CTA_TUPLE_PROTO: _NUM, _SRC_PORT, _DST_PORT
        3: (zone, "H"),  # CTA_TUPLE_ZONE: of a zone that holds for one direction only
    }


ATTRIBUTES: Attributes = {
    1: _tuple(Slot.SRC, Slot.DST, Slot.SPORT, Slot.DPORT, Slot.SRC_ZONE),  # CTA_TUPLE_ORIG
    2: _tuple(Slot.REPLY_SRC, Slot.REPLY_DST, Slot.REPLY_SPORT, Slot.REPLY_DPORT, Slot.REPLY_ZONE),  # CTA_TUPLE_REPLY
    3: (Slot.STATUS, "I"),  # CTA_STATUS
    4: {1: {1: (Slot.TCP_STATE, "B")}},  # CTA_PROTOINFO: _TCP: _STATE
    5: {1: (Slot.HELPER, "")},  # CTA_HELP: _NAME
    7: (Slot.TIMEOUT, "I"),  # CTA_TIMEOUT
    8: (Slot.MARK, "I"),  # CTA_MARK
    9: {1: (Slot.PACKETS, "Q"), 2: (Slot.BYTES, "Q")},  # CTA_COUNTERS_ORIG
    10: {1: (Slot.REPLY_PACKETS, "Q"), 2: (Slot.REPLY_BYTES, "Q")},  # CTA_COUNTERS_REPLY
    18: (Slot.ZONE, "H"),  # CTA_ZONE
}


@dataclass(frozen=True, slots=True)
class Part:
    """What one datagram of the answer held.

    `done`: the answer ends here. `interrupted`: the table changed under the dump and the kernel asks to be asked again
    (NLM_F_DUMP_INTR). `errno`: a positive error number where the kernel refused, else 0.
    """

    entries: list[Entry]
    done: bool = False
    interrupted: bool = False
    errno: int = 0


class Parser:
    """Reads datagrams: messages of one kind. Keeps nothing from one to the next but the Layouts it has learnt."""

    def __init__(self, kind: int = IPCTNL_MSG_CT_NEW) -> None:
        self._kind = kind
        self._layouts: dict[int, list[Layout]] = {}  # by length of the message
        self._learnt = 0

    @property
    def layouts(self) -> list["Layout"]:
        """Those it has learnt."""
        return [layout for found in self._layouts.values() for layout in found]

    def parse(self, buffer: bytes) -> Part:
        """Take one datagram apart; never raises.

        A message whose attributes do not fit into each other, or without an address or protocol, is left out. A message
        that claims to be longer than the datagram ends it.
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
                        append(_entry(layout.values(fields + ABSENT)))
                        break
                else:
                    entries += self._learn(buffer[at:end])
            elif kind in (NLMSG_DONE, NLMSG_ERROR):
                return Part(entries, True, bool(seen & NLM_F_DUMP_INTR), _errno(buffer[at:end]))
            at = (end + 3) & ~3
        return Part(entries, interrupted=bool(seen & NLM_F_DUMP_INTR))

    def entry(self, buffer: bytes, at: int) -> Entry:
        """The entry of the message at a place of a datagram where there is one."""
        length, kind, _ = NLMSGHDR_START.unpack_from(buffer, at)
        for layout in self._layouts.get(length, ()) if kind == self._kind else ():
            fields = layout.unpack(buffer, at)
            if fields[::2] == layout.frame:
                return _entry(layout.values(fields + ABSENT))
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
        return [_entry(layout.values(layout.unpack(message) + ABSENT))]


class Layout:
    """Where the values stand in all messages that carry these attributes in this order.

    `unpack` gives a piece of frame and a value in turn, the last piece being frame; `frame` is what the pieces must be;
    `values` picks the values of an Entry from these fields followed by ABSENT, in the order of Slot. `pieces` are the
    frame before each value, what the value is, and its size in bytes; `tail` is the frame behind the last one.
    """

    def __init__(self, message: bytes) -> None:
        shape = f">{NLMSGHDR.size}x"  # length, sequence and port are no business of the Layout
        fields, found, at = 0, dict[Slot, int](), NLMSGHDR.size
        self.length, self.pieces = len(message), list[tuple[bytes, Slot | None, int]]()
        for start, end, (slot, form) in _leaves(message, at + NFGENMSG.size, len(message), ATTRIBUTES):
            shape += f"{start - at}s{form}"
            self.pieces.append((message[at:start], slot, end - start))
            if slot is not None:
                found[slot] = fields + 1
            fields, at = fields + 2, end
        self.tail = message[at:]
        layout = struct.Struct(f"{shape}{len(message) - at}s")
        self.unpack = layout.unpack_from
        self.frame = layout.unpack(message)[::2]
        self.values: itemgetter[Any] = itemgetter(*(found.get(slot, fields + 1 + slot) for slot in Slot))
        self._check(found, layout.unpack(message))

    @staticmethod
    def _check(found: dict[Slot, int], fields: tuple[Any, ...]) -> None:
        if not found.keys() >= set(NEEDED):
            raise ValueError("the entry lacks an address or its protocol")
        if len({len(fields[found[slot]]) for slot in ADDRESSES}) > 1:
            raise ValueError("the entry's addresses are of two families")


# One attribute that holds a value: where it starts and ends, and what to do with it.
Leaf = tuple[int, int, tuple[Slot | None, str]]


def _leaves(message: bytes, at: int, end: int, known: Attributes) -> Iterator[Leaf]:
    """Walk the attributes in message[at:end] and those nested in them; ValueError where they do not fit."""
    while at < end:
        if at + NLATTR.size > end:
            raise ValueError("an attribute is cut off")
        length, kind = NLATTR.unpack_from(message, at)
        start, stop = at + NLATTR.size, at + length
        if length < NLATTR.size or stop > end:
            raise ValueError("an attribute is longer than its place")
        meaning = known.get(kind & NLA_TYPE_MASK)
        if isinstance(meaning, Mapping):
            yield from _leaves(message, start, stop, meaning)
        else:
            yield start, stop, _form(meaning, stop - start)
        at = (stop + 3) & ~3


def _form(meaning: Value | None, size: int) -> tuple[Slot | None, str]:
    """Slot and format of a value of `size` bytes. A value of a size that is not its own counts as unknown."""
    if meaning is not None:
        slot, form = meaning
        if not form:
            return slot, f"{size}s"
        if struct.calcsize(f">{form}") == size:
            return slot, form
    return None, f"{size}s"


# What a NamedTuple's own constructor calls; it skips one call per object, and an entry is three.
_new = tuple.__new__


def _entry(values: tuple[Any, ...]) -> Entry:
    """Make the Entry from its values in the order of Slot."""
    proto, src, dst, sport, dport, back_src, back_dst, back_sport, back_dport, *rest = values
    (
        status,
        timeout,
        mark,
        packets,
        octets,
        back_packets,
        back_octets,
        tcp_state,
        helper,
        zone,
        zone_forth,
        zone_back,
    ) = rest
    original = _new(Tuple, (src, dst, sport, dport, zone or zone_forth))
    reply = _new(Tuple, (back_src, back_dst, back_sport, back_dport, zone or zone_back))
    both_packets = None if packets is None or back_packets is None else (packets, back_packets)
    both_octets = None if octets is None or back_octets is None else (octets, back_octets)
    name = None if helper is None else helper.split(b"\0", 1)[0].decode("ascii", "replace")
    fields = (proto, original, reply, status, timeout, mark, both_packets, both_octets, tcp_state, name)
    return _new(Entry, fields)


def _errno(message: bytes) -> int:
    """Error number of NLMSG_ERROR or NLMSG_DONE; both carry it negated behind the header, 0 where there is none."""
    if len(message) < NLMSGHDR.size + ERRNO.size:
        return 0
    code: int = ERRNO.unpack_from(message, NLMSGHDR.size)[0]
    return max(0, -code)
