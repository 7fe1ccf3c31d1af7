"""Count the flows and bytes of each pair of zones by path (slow, software, hardware), from all connections. Pure."""

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
    """What many connections have in common: source and destination as Endpoints (no address), and status (IPS_*)."""

    src: Endpoint
    dest: Endpoint
    status: int

    @property
    def forwarded(self) -> bool:
        """Whether the router forwards such connections: no end is the router, link-local, or a group's address."""
        return self.src.forwarded and self.dest.forwarded

    @property
    def state(self) -> State:
        """The path of such connections: slow, software or hardware."""
        return PATHS[self.status & PATH_BITS]


class ShareCount:
    """Counts connections, and their bytes, by zones and path.

    `ways`: the Ways (endpoints and status) of the connections so far; many connections have the same one. `way_of` and
    `octets` have one item for each connection, in the order in which they were added: the index of its Way in `ways`,
    and its bytes in both directions (0 if the kernel has not counted them).
    """

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._lookup = ZoneLookup(snapshot, plan)
        self._numbers: dict[tuple[int, int, bytes], int] = {}
        self.ways: list[Way] = []
        self.way_of, self.octets = array("I"), array("Q")

    def add(self, rows: Iterable[Row]) -> None:
        """Add these connections, given as Rows (packed addresses, status and byte counters), to the counts."""
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
        """{(source zone, destination zone): Share}: the numbers of the added connections, and of their bytes, by path.

        A pair without connections is not in it. A connection with an end in no known zone is not counted.
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
    """Count these connections and their bytes by pair (source zone, destination zone), as `ShareCount.shares` does."""
    count = ShareCount(snapshot, plan)
    count.add(entry.row for entry in entries)
    return count.shares()


def no_share() -> Share:
    """A new Share of a pair without connections: 0 flows and bytes on each path."""
    return Share(dict.fromkeys(State, 0), dict.fromkeys(State, 0))
