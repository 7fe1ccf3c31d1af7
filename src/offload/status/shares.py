"""What each pair has on each path: flows and bytes, counted in one pass over a summary of the connections. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from struct import iter_unpack

from offload.model.flow import IPS_DST_NAT, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SRC_NAT, Entry, Row, Share, State
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.status.lookup.zone_lookup import ZoneLookup

Pair = tuple[str, str]

PATH_BITS = IPS_OFFLOAD | IPS_HW_OFFLOAD
# By the bits of the path; hardware entries carry both.
PATHS = {
    0: State.SLOW,
    IPS_OFFLOAD: State.SOFTWARE,
    IPS_HW_OFFLOAD: State.HARDWARE,
    PATH_BITS: State.HARDWARE,
}


class ShareCount:
    """Counts the connections both of whose zones are known. Without nf_conntrack_acct all bytes are 0."""

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        self._lookup = ZoneLookup(snapshot, plan)
        self._flows = defaultdict[tuple[str, str, int], int](int)
        self._bytes = defaultdict[tuple[str, str, int], int](int)

    def add(self, rows: Iterable[Row]) -> None:
        """Count these connections too."""
        between, counters = self._lookup.between, defaultdict[tuple[str, str, int], list[bytes]](list)
        for src, dst, reply_src, reply_dst, status, sent, received in rows:
            bits = int.from_bytes(status, "big")
            one, other = between(src, dst, reply_src, reply_dst, bits & IPS_SRC_NAT, bits & IPS_DST_NAT)
            if one.zone is not None and other.zone is not None:
                counters[one.zone, other.zone, bits & PATH_BITS] += sent, received
        for way, found in counters.items():
            self._flows[way] += len(found) // 2
            self._bytes[way] += sum(chain.from_iterable(iter_unpack(">Q", b"".join(found))))

    def shares(self) -> dict[Pair, Share]:
        """By pair, for those that have connections."""
        found: dict[Pair, Share] = {}
        for way, number in self._flows.items():
            src, dest, path = way
            share = found.setdefault((src, dest), no_share())
            share.flows[PATHS[path]] += number
            share.bytes[PATHS[path]] += self._bytes[way]
        return found


def shares(entries: Iterable[Entry], snapshot: Snapshot, plan: Plan) -> dict[Pair, Share]:
    """The same of entries that were read for another purpose as well."""
    count = ShareCount(snapshot, plan)
    count.add(entry.row for entry in entries)
    return count.shares()


def no_share() -> Share:
    """A pair without connections."""
    return Share(dict.fromkeys(State, 0), dict.fromkeys(State, 0))
