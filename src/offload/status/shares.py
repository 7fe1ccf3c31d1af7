"""Count flows and bytes of each pair by path (slow, software, hardware), in one pass over all connections. Pure."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import add
from sys import byteorder
from typing import NamedTuple

from offload.model.flow import IPS_DST_NAT, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SRC_NAT, Entry, Row, Share, State
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup

Pair = tuple[str, str]

PATH_BITS = IPS_OFFLOAD | IPS_HW_OFFLOAD
NOTHING = bytes(8)  # a counter that stands at 0
# By the status bits of the path; entries in hardware have both.
PATHS = {
    0: State.SLOW,
    IPS_OFFLOAD: State.SOFTWARE,
    IPS_HW_OFFLOAD: State.HARDWARE,
    PATH_BITS: State.HARDWARE,
}


class Way(NamedTuple):
    """The two endpoints of connections, and their conntrack status bits: many connections have equal ones."""

    src: Endpoint
    dest: Endpoint
    status: int

    @property
    def forwarded(self) -> bool:
        """Whether the router forwards them: neither end is the router itself, multicast or broadcast."""
        return not (self.src.router or self.dest.router or self.src.group or self.dest.group)

    @property
    def state(self) -> State:
        """The path (slow, software or hardware) by the status bits."""
        return PATHS[self.status & PATH_BITS]


class ShareCount:
    """Counts connections. Without nf_conntrack_acct all bytes are 0.

    `ways`: the different pairs of endpoints with status bits. `way_of`: by connection, the index of its Way in `ways`.
    `octets`: by connection, its bytes in both directions. Connections are in the order in which they were counted.
    """

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._lookup = ZoneLookup(snapshot, plan)
        self._numbers: dict[tuple[int, int, bytes], int] = {}
        self.ways: list[Way] = []
        self.way_of, self.octets = array("I"), array("Q")

    def add(self, rows: Iterable[Row]) -> None:
        """Count these connections as well."""
        between, numbers, append, counters = self._lookup.between, self._numbers, self.way_of.append, list[bytes]()
        for src, dst, reply_src, reply_dst, status, sent, received in rows:
            bits = status[3]  # the last byte has the NAT bits
            one, other = between(src, dst, reply_src, reply_dst, bits & IPS_SRC_NAT, bits & IPS_DST_NAT)
            key = id(one), id(other), status  # `ways` keeps both alive, and an endpoint is always the same object
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(self.ways)
                self.ways.append(Way(one, other, int.from_bytes(status, "big")))
            append(number)
            counters += sent or NOTHING, received or NOTHING
        both = array("Q", b"".join(counters))
        if byteorder == "little":
            both.byteswap()
        self.octets.extend(map(add, both[::2], both[1::2]))

    def shares(self) -> dict[Pair, Share]:
        """The flows and bytes by pair (source zone, destination zone). A pair without connections is not in it.

        Connections with an end whose zone is not known are left out.
        """
        flows, octets = Counter(self.way_of), defaultdict[int, int](int)
        for number, counted in zip(self.way_of, self.octets, strict=True):
            octets[number] += counted
        found: dict[Pair, Share] = {}
        for number, way in enumerate(self.ways):
            if way.src.zone is not None and way.dest.zone is not None:
                share = found.setdefault((way.src.zone, way.dest.zone), no_share())
                share.flows[way.state] += flows[number]
                share.bytes[way.state] += octets[number]
        return found


def shares(entries: Iterable[Entry], snapshot: Snapshot, plan: Plan) -> dict[Pair, Share]:
    """The flows and bytes by pair as `ShareCount.shares` gives them, for a caller that has the entries already."""
    count = ShareCount(snapshot, plan)
    count.add(entry.row for entry in entries)
    return count.shares()


def no_share() -> Share:
    """The Share of a pair without connections: 0 everywhere."""
    return Share(dict.fromkeys(State, 0), dict.fromkeys(State, 0))
