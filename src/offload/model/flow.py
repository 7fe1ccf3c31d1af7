"""Live connections: conntrack entries, and flows with their zones and path."""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

from offload.model.problems.reason import Reason
from offload.nouns import dataclass


class State(Enum):
    """The path of a flow's packets: the whole network stack (slow), the software or the hardware flowtable."""

    SLOW = "slow"
    SOFTWARE = "software"
    HARDWARE = "hardware"


# Bits of enum ip_conntrack_status, include/uapi/linux/netfilter/nf_conntrack_common.h
IPS_EXPECTED = 1 << 0
IPS_SEEN_REPLY = 1 << 1
IPS_ASSURED = 1 << 2
IPS_SRC_NAT = 1 << 4
IPS_DST_NAT = 1 << 5
IPS_OFFLOAD = 1 << 14
IPS_HW_OFFLOAD = 1 << 15


class Tuple(NamedTuple):
    """One direction of a connection."""

    src: bytes  # source address, packed: 4 or 16 bytes
    dst: bytes  # destination address, packed
    sport: int  # source port; 0 where the protocol has none
    dport: int  # destination port; 0 where the protocol has none
    # conntrack's zone, not the firewall's: equal addresses and ports in two of them are two connections
    ct_zone: int = 0


# Of a connection what a summary needs, as the kernel's bytes: source and destination of the original direction and of
# the reply, the status (4 bytes, big-endian), and the bytes of each direction (8, big-endian; b"" without accounting).
Row = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]


class RowCount(Protocol):
    """An object that counts connections, each given as a Row of bytes (the shape: at `Row`)."""

    def add(self, rows: list[Row]) -> None:
        """Add these connections to the counts."""
        ...


C = TypeVar("C", bound=RowCount)
Packed = bytes  # Entry has a field `bytes`

# What the kernel sends of a connection, in the order of ctnetlink's Slot: the protocol; addresses and ports of the
# original direction, then of the reply; status, timeout and mark; packets and bytes of the original direction, then of
# the reply (both or none); the TCP state, the helper's name as bytes; conntrack's zone of both directions, and of each;
# the id.
Values = tuple[Any, ...]


class Entry(NamedTuple):
    """A conntrack entry as ctnetlink dumps it.

    Offloaded entries have no timeout and no TCP state, because the kernel sends neither (nf_conntrack_netlink.c).
    Counters are None if nf_conntrack_acct was off when the connection began.
    """

    proto: int  # IP protocol number
    original: Tuple  # as the first packet of the connection travelled
    reply: Tuple  # as its replies travel, after NAT
    status: int  # IPS_* bits
    timeout: int | None  # seconds; None if offloaded
    mark: int  # connection mark
    packets: tuple[int, int] | None  # (original, reply)
    bytes: tuple[int, int] | None  # (original, reply)
    tcp_state: int | None  # TCP_CONNTRACK_*; None if offloaded or not TCP
    helper: str | None  # name of its conntrack helper
    ct_id: Packed = b""  # CTA_ID in the kernel's bytes, which is `ct id` in nft; empty where it is not known

    @property
    def row(self) -> Row:
        """The entry as (src, dst, reply src, reply dst, status, bytes of the original direction, bytes of the reply).

        Addresses are packed; status has 4 bytes, the counters 8 each, big-endian, or b"" if the kernel does not count.
        """
        (src, dst, *_), (reply_src, reply_dst, *_) = self.original, self.reply
        sent, received = (octets.to_bytes(8, "big") for octets in self.bytes) if self.bytes else (b"", b"")
        return src, dst, reply_src, reply_dst, self.status.to_bytes(4, "big"), sent, received

    @property
    def values(self) -> Values:
        """The entry as a flat tuple in the order of `Values`, which `entry_of` takes."""
        (*ends, zone), (*reply_ends, reply_zone) = self.original, self.reply
        packets, octets = self.packets or (None, None), self.bytes or (None, None)
        counters = packets[0], octets[0], packets[1], octets[1]
        helper = None if self.helper is None else self.helper.encode("ascii", "replace")
        named = self.tcp_state, helper, 0, zone, reply_zone, self.ct_id
        return self.proto, *ends, *reply_ends, self.status, self.timeout, self.mark, *counters, *named

    @property
    def state(self) -> State:
        """The path of its packets by its status.

        HARDWARE with bit IPS_HW_OFFLOAD, else SOFTWARE with bit IPS_OFFLOAD, else SLOW.
        """
        if self.status & IPS_HW_OFFLOAD:
            return State.HARDWARE
        return State.SOFTWARE if self.status & IPS_OFFLOAD else State.SLOW


# The same as a NamedTuple's constructor, with one call less for each object; an entry has three.
_new = tuple.__new__


def entry_of(values: Values) -> Entry:
    """Make the Entry from a flat tuple of values, as `Entry.values` gives it."""
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
        ct_id,
    ) = rest
    original = _new(Tuple, (src, dst, sport, dport, zone or zone_forth))
    reply = _new(Tuple, (back_src, back_dst, back_sport, back_dport, zone or zone_back))
    both_packets = None if packets is None else (packets, back_packets)
    both_octets = None if octets is None else (octets, back_octets)
    name = None if helper is None else helper.split(b"\0", 1)[0].decode("ascii", "replace")
    fields = (proto, original, reply, status, timeout, mark, both_packets, both_octets, tcp_state, name, ct_id)
    return _new(Entry, fields)


class Entries:
    """The conntrack entries of one dump, in the order of the dump: a sequence with numbers from 0."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Entry:
        return self._entries[number]

    def __iter__(self) -> Iterator[Entry]:
        return map(entry_of, self.values(range(len(self))))

    def values(self, numbers: Iterable[int]) -> Iterator[Values]:
        """The entries with these numbers, in the order given, each as the flat tuple that `entry_of` takes."""
        return (self[number].values for number in numbers)


class Flow(NamedTuple):
    """A conntrack entry with its firewall zones (None: no zone, or not known) and why it is not on a faster path.

    `reasons`: why it is slow, or in software although hardware was requested; empty: neither, or reasons
    were not looked for.
    """

    entry: Entry
    src_zone: str | None
    dest_zone: str | None
    reasons: tuple[Reason, ...] = ()

    @property
    def state(self) -> State:
        """The path of its packets: `state` of its Entry."""
        return self.entry.state


@dataclass(frozen=True, slots=True)
class Share:
    """Live flows from one zone to another by path: `{State: number of flows}`, `{State: bytes of both directions}`.

    Each State is a key of both, with 0 if it has no flows. A flow that the kernel does not count adds 0 bytes.
    """

    flows: dict[State, int]
    bytes: dict[State, int]
