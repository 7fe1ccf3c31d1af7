"""Totals of connections by pair of zones (source, destination), by host, and by path. Pure.

A connection counts as a whole, for the fastest path on which it was seen (service/counting/sightings.py).

A host is an address inside: in a zone that is not on the wan side (status/lookup/wan_side.py), and reached by a route
that is not the default one. A connection between two hosts counts for both.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from heapq import nlargest

from offload.model.flow import Entries, Entry, State, Values
from offload.nouns import dataclass, field
from offload.status.counts import PLACES, Counts, Path
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.shares import Pair, ShareCount

MOST_PAIRS = 4096  # of 64 zones
MOST_HOSTS = 512  # about half a kilobyte of memory each

EVERY = 1024  # live connections that are counted between two calls of `between`
PACKETS, REPLY_PACKETS, SRC, REPLY_SRC = 12, 14, 1, 5  # places in Values

PathOf = Callable[[Entry, Endpoint, Endpoint], Path]
Lists = tuple[list[int], list[int], list[int]]  # of a Counts: flows, packets, bytes


@dataclass(slots=True)
class Totals:
    """Connections, packets and bytes by pair of zones and by host, each by path (slow, software, hardware, unseen)."""

    since: str = ""  # when counting began, ISO 8601; empty while ended connections are not counted
    whole: bool = True  # no ended connection was missed; a flood of events or a restart can lose some
    unsaved: bool = False  # the file lacks the last changes
    next: float = 0.0  # when the file may be written again, in monotonic seconds
    error: str = ""  # why the file could not be written last time
    pairs: dict[Pair, Counts] = field(default_factory=lambda: defaultdict(Counts))  # by (source zone, destination zone)
    hosts: dict[bytes, Counts] = field(default_factory=lambda: defaultdict(Counts))  # by packed address
    others: Counts = field(default_factory=Counts)  # of hosts that are not kept apart

    def add(self, entries: Iterable[Entry], zones: ZoneLookup, path_of: PathOf, wan_side: Collection[str] = ()) -> None:
        """Count ended connections for their pair of zones and hosts; not those with an end in no known zone.

        The ends are the source and the destination after DNAT; one counts as a host if no default route leads to it,
        and its zone is not in `wan_side`. Packets and bytes are those of both directions; without nf_conntrack_acct 0.
        `path_of` gives the path, and is called also for connections that are not counted. Of more than MOST_HOSTS (512)
        hosts, those with the fewest bytes are merged into `others`. If a connection was counted, `unsaved` becomes
        True.
        """
        for entry in entries:
            src, dest = zones.ends(entry)
            path = path_of(entry, src, dest)
            if src.zone is None or dest.zone is None:
                continue
            packets, octets = sum(entry.packets or ()), sum(entry.bytes or ())
            self.pairs[src.zone, dest.zone].add(path, packets, octets)
            for address in (entry.original.src, entry.reply.src):
                if _is_host(zones.at(address), wan_side):
                    self.hosts[address].add(path, packets, octets)
            self.unsaved = True
        self._bound()

    def add_live(
        self,
        count: ShareCount,
        entries: Entries,
        zones: ZoneLookup,
        seen: Callable[[Values], State | None],
        wan_side: Collection[str] = (),
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Count live connections for their pair of zones and hosts, as `add` does, but faster; `unsaved` stays.

        `count` has counted just these `entries`. `seen`: gives the fastest path on which a connection was seen, or
        None; it counts where the present path is slower. `between` is called after every EVERY (1024) connections, for
        urgent work.
        """
        ways = [(self._of_pair(way.src, way.dest), way.state) for way in count.ways]
        hosts: dict[bytes, Lists | None] = {}
        rows = zip(count.way_of, count.octets, entries.values(range(len(entries))), strict=True)
        for number, (way, octets, values) in enumerate(rows, 1):
            of_pair, state = ways[way]
            if of_pair is not None:
                place = PLACES[state if state is State.HARDWARE else seen(values) or state]
                packets = (values[PACKETS] or 0) + (values[REPLY_PACKETS] or 0)
                for address in (values[SRC], values[REPLY_SRC]):
                    if address not in hosts:
                        hosts[address] = self.hosts[address].lists if _is_host(zones.at(address), wan_side) else None
                for lists in (of_pair, hosts[values[SRC]], hosts[values[REPLY_SRC]]):
                    if lists is not None:
                        flows, all_packets, all_octets = lists
                        flows[place] += 1
                        all_packets[place] += packets
                        all_octets[place] += octets
            if number % EVERY == 0:
                between()
        self._bound()

    def _of_pair(self, src: Endpoint, dest: Endpoint) -> Lists | None:
        return None if src.zone is None or dest.zone is None else self.pairs[src.zone, dest.zone].lists

    def of(self, pair: Pair) -> Counts:
        """The counts of a pair (source zone, destination zone); zeros if it has none."""
        return self.pairs.get(pair) or Counts()

    def copy(self) -> "Totals":
        """A deep copy of the counts, `since` and `whole`; the other fields have their defaults."""
        made = Totals(self.since, self.whole)
        made.pairs.update({pair: Counts.of(counts.numbers) for pair, counts in self.pairs.items()})
        made.hosts.update({host: Counts.of(counts.numbers) for host, counts in self.hosts.items()})
        made.others.merge(self.others)
        return made

    def _bound(self) -> None:
        if len(self.hosts) <= MOST_HOSTS:
            return
        kept = dict(nlargest(MOST_HOSTS, self.hosts.items(), key=lambda each: sum(each[1].octets)))
        for host in self.hosts.keys() - kept.keys():
            self.others.merge(self.hosts.pop(host))


def _is_host(end: Endpoint, wan_side: Collection[str]) -> bool:
    return end.zone is not None and end.zone not in wan_side and not end.distant
