"""Find out where the values of a conntrack entry are in a message of ctnetlink, and unpack such messages by one struct.

The kernel writes entries with a few sequences of attributes (ctnetlink_fill_info() in
net/netfilter/nf_conntrack_netlink.c). The first message of a sequence is walked attribute by attribute, and gives a
Layout, by which later messages of that sequence are unpacked.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from operator import itemgetter
from typing import Any, Union

from offload.system.netlink.wire import (
    NFGENMSG,
    NLA_TYPE_MASK,
    NLATTR,
    NLMSGHDR,
)


class Slot(IntEnum):
    """The values that an Entry is made of, in the order of the tuple that `entry_of` (model/flow.py) takes."""

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
    ID = 21


# What an Entry has for values that the kernel did not send; if a required one is missing, there is no Entry.
ABSENT = (None, None, None, 0, 0, None, None, 0, 0, 0, None, 0, None, None, None, None, None, None, 0, 0, 0, b"")
ADDRESSES = (Slot.SRC, Slot.DST, Slot.REPLY_SRC, Slot.REPLY_DST)
COUNTERS = (frozenset({Slot.PACKETS, Slot.REPLY_PACKETS}), frozenset({Slot.BYTES, Slot.REPLY_BYTES}))  # both or none
NEEDED = (Slot.PROTO, *ADDRESSES)

# By attribute: where the value goes and its format (none: text of any length), or the nested attributes.
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
    12: (Slot.ID, "4s"),  # CTA_ID
    18: (Slot.ZONE, "H"),  # CTA_ZONE
}


# Two functions and values: the first unpacks fields at an offset of a datagram; the second picks the values of an
# Entry, in the order of Slot, from these fields followed by the values, which stand for what such messages lack.
Reader = tuple[Callable[[bytes, int], tuple[Any, ...]], "itemgetter[Any]", tuple[Any, ...]]


class Layout:
    """Where the values are in messages with the same attributes, in order and size, as `message` (with its header).

    ValueError if `message` is no entry.

    - `length`: bytes of the message;
    - `unpack(buffer, at)`: for a message at an offset, the tuple (fixed bytes, value, fixed bytes, ..., fixed bytes);
    - `frame`: the tuple of the fixed bytes in it, such as headers of attributes; a message whose fixed bytes equal it
      has this Layout;
    - `values`: function that picks the values of an Entry, in the order of Slot, from the tuple of `unpack` plus
      ABSENT;
    - `reader`: a Reader for messages that are known to have this Layout;
    - `pieces`: of each value (the fixed bytes before it, its Slot or None if it is not needed, its size in bytes);
    - `tail`: the fixed bytes after the last value.
    """

    def __init__(self, message: bytes) -> None:
        shape = f">{NLMSGHDR.size}x"  # length, sequence and port differ between messages, so they are skipped
        without, order = shape, list[Slot]()
        fields, found, at = 0, dict[Slot, int](), NLMSGHDR.size
        self.length, self.pieces = len(message), list[tuple[bytes, Slot | None, int]]()
        for start, end, (slot, form) in _leaves(message, at + NFGENMSG.size, len(message), ATTRIBUTES):
            shape += f"{start - at}s{form}"
            without += f"{end - at}x" if slot is None else f"{start - at}x{form}"
            self.pieces.append((message[at:start], slot, end - start))
            if slot is not None:
                found[slot] = fields + 1
                order.append(slot)
            fields, at = fields + 2, end
        self.tail = message[at:]
        layout = struct.Struct(f"{shape}{len(message) - at}s")
        self.unpack = layout.unpack_from
        self.frame = layout.unpack(message)[::2]
        places = {slot: place for place, slot in enumerate(order)}
        for lonely in (both for both in COUNTERS if len(both & found.keys()) == 1):
            found, places = ({slot: at for slot, at in each.items() if slot not in lonely} for each in (found, places))
        self.values = _ordered(found, fields + 1)
        lacking = [slot for slot in Slot if slot not in places]
        places |= {slot: place for place, slot in enumerate(lacking, len(order))}
        absent = tuple(ABSENT[slot] for slot in lacking)
        self.reader = struct.Struct(without).unpack_from, _ordered(places, len(order)), absent
        self._check(found, layout.unpack(message))

    @staticmethod
    def _check(found: dict[Slot, int], fields: tuple[Any, ...]) -> None:
        if not found.keys() >= set(NEEDED):
            raise ValueError("the entry lacks an address or its protocol")
        if len({len(fields[found[slot]]) for slot in ADDRESSES}) > 1:
            raise ValueError("the entry's addresses are of two families")


def _ordered(places: Mapping[Slot, int], count: int) -> "itemgetter[Any]":
    # slots that `places` lacks are picked from ABSENT, which follows the fields
    return itemgetter(*(places.get(slot, count + slot) for slot in Slot))


# An attribute with a value: where it begins and ends, and how to read it.
Leaf = tuple[int, int, tuple[Slot | None, str]]


def _leaves(message: bytes, at: int, end: int, known: Attributes) -> Iterator[Leaf]:
    # An attribute that `known` does not name, or with another size, has None as Slot.
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
    if meaning is not None:
        slot, form = meaning
        if not form:
            return slot, f"{size}s"
        if struct.calcsize(f">{form}") == size:
            return slot, form
    return None, f"{size}s"
