"""Select and sort connections of one dump by a query, and find why they are not on a faster path. Pure."""

# Only numbers of connections are sorted, and values of a connection are read one connection after the other: so a list
# of 65,536 needs little more memory than the kernel's own bytes.
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from offload.model.flow import Entries, Entry, Flow, State, Values, entry_of
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.query import SORTS, Query, admits_host
from offload.status.query_words import REVERSED
from offload.status.shares import Pair, ShareCount, Way
from offload.status.why.reasons import Lookups, by_replies, reasons

EVERY = 1024  # connections that are read between two calls of `between`
RUN = 8192  # connections that are sorted at once
Kind = int | None
Rows = Iterable[tuple[int, Values]]
Accepted = Callable[[Values], bool | None]  # whether the firewall accepted a reply of a slow connection


class Listing:
    """The connections of a dump that a query selects, in the order that it requests. `len()` gives their number.

    `limit` and `offset` of the query are ignored.
    """

    def __init__(
        self,
        count: ShareCount,
        entries: Entries,
        query: Query,
        *,
        everything: bool = False,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Select and sort the connections. `entries`: the dump. `count` has counted all of it before, in this order.

        `everything`: include connections of the router itself, and to multicast or broadcast. `between`: called now and
        then in a long run, for other work of the caller.
        """
        self._count, self._entries, self._between = count, entries, between
        self._way_of = count.way_of.tolist()  # the items of a list are read faster than those of an array
        admitted = [_selects(way, query, everything=everything) for way in count.ways]
        numbers = [number for number, way in enumerate(self._way_of) if admitted[way]]
        if query.host is not None:
            numbers = [number for number in self._with_pauses(numbers) if admits_host(entries[number], query.host)]
        self._numbers = self._sorted(numbers, query.sort)

    def __len__(self) -> int:
        return len(self._numbers)

    def rows(self, first: int = 0, end: int | None = None) -> Rows:
        """The connections from index `first` to before `end` (None: to the last), each as (index of its Way, Values).

        The index is that in `count.ways` (a Way has endpoints and status). Values: the conntrack entry as a flat tuple
        (`Entry.values`). Each is read when the iteration comes to it.
        """
        numbers = self._numbers[first:end]
        return zip(map(self._way_of.__getitem__, numbers), self._entries.values(numbers), strict=True)

    def ways(self, first: int = 0, end: int | None = None) -> Mapping[int, int]:
        """How many connections have each Way: its index in `count.ways` -> number. A Way without any is not in it.

        Counted are the connections from index `first` to before `end` (None: to the last).
        """
        return Counter(map(self._way_of.__getitem__, self._numbers[first:end]))

    def _sorted(self, numbers: list[int], sort: str) -> list[int]:
        word = sort.removeprefix(REVERSED)
        if word == "bytes":  # largest first; equal ones in the order of the dump
            return sorted(numbers, key=self._count.octets.tolist().__getitem__, reverse=word == sort)
        keys, order = list(map(self._key(word), self._with_pauses(numbers))), list[int]()
        for begin in range(0, len(keys), RUN):
            run = range(begin, min(begin + RUN, len(keys)))
            order += sorted(run, key=keys.__getitem__, reverse=word != sort)
            self._between()
        order.sort(key=keys.__getitem__, reverse=word != sort)  # which merges the runs: a sixth of the comparisons
        self._between()
        return [numbers[each] for each in order]

    def _with_pauses(self, numbers: Iterable[int]) -> Iterator[int]:
        for index, number in enumerate(numbers, 1):
            yield number
            if index % EVERY == 0:
                self._between()

    def _key(self, word: str) -> Callable[[int], Any]:
        count, entries, key = self._count, self._entries, SORTS[word]

        def of(number: int) -> Any:
            way = count.ways[count.way_of[number]]
            return key(Flow(entries[number], way.src.zone, way.dest.zone))

        return of


class Explainer:
    """Finds why connections of one dump are slow, or in software although hardware was requested."""

    # Connections that are equal in all that decides are mostly examined only once.

    def __init__(
        self,
        ways: Sequence[Way],
        snapshot: Snapshot,
        plan: Plan,
        cases: Mapping[Pair, PairHardware] | None = None,
        accepted: Accepted = lambda _: None,
    ) -> None:
        """`ways`: the Ways (endpoints and status) of all connections; other methods take the index of one.

        `cases`: by pair of zones, what its flows showed of hardware; None: nothing. `accepted`: a function that takes
        the Values of a slow connection, and gives whether the firewall accepted a reply of it (None: not known).
        """
        self._accepted = accepted
        self.ways, self._cases, self._lookups = ways, cases or {}, Lookups.of(plan, snapshot)
        self._pairs = {(pair.src, pair.dest): pair for pair in plan.pairs}
        self._most = max((pair.after_packets for pair in plan.pairs), default=0)
        self._alike = [self._judged_alike(way) for way in ways]
        self._known = dict[Kind, tuple[Reason, ...]]()
        # by what flows have in common: their number, and that of those no reply of which was accepted (None: none wait)
        self._kinds = dict[tuple[object, ...], tuple[int, int | None]]()

    def flow(self, number: int, values: Values) -> Flow:
        """The Flow of a connection: its entry, its zones, and the Reason that `why` finds, if any.

        `number`: index in `ways` of its Way (its endpoints and status bits). `values`: its entry as a flat tuple
        (`Entry.values`).
        """
        way = self.ways[number]
        return Flow(entry_of(values), way.src.zone, way.dest.zone, self.why(number, values))

    def why(self, number: int, values: Values) -> tuple[Reason, ...]:
        """Why a connection is slow, or in software although hardware was requested: a tuple of one Reason, or empty.

        `number` and `values`: as in `flow`. The function `accepted` is called if only a packet or the firewall's
        acceptance of a reply can be missing.
        """
        kind = self.kind(number, values)
        found = None if kind is None else self._known.get(kind)
        if found is None:
            found = self._reasons(entry_of(values), self.ways[number])
            if _waits(found):
                found = (by_replies(found[0], accepted=self._accepted(values)),)
            if kind is not None:
                self._known[kind] = found
        return found

    def kind(self, number: int, values: Values) -> Kind:
        """A number; connections with the same number have the same Reason. None: only `why` finds that of this one.

        `number` and `values`: as in `flow`. The function `accepted` may be called, as in `why`.
        """
        if not self._alike[number]:
            return None
        sent, most = values[12], self._most
        if sent is not None and sent > most:
            sent = most
        key = number, values[0], len(values[1]), values[16], values[17], sent
        try:
            kind, refused = self._kinds[key]
        except KeyError:
            kind, refused = self._kinds[key] = self._new_kind(number, values)
        return kind if refused is None or self._accepted(values) is not False else refused

    def _new_kind(self, number: int, values: Values) -> tuple[int, int | None]:
        first = 2 * len(self._kinds)
        waits = _waits(self._reasons(entry_of(values), self.ways[number]))
        return first, first + 1 if waits else None

    def _reasons(self, entry: Entry, way: Way) -> tuple[Reason, ...]:
        between = way.src.zone or "", way.dest.zone or ""
        return reasons(entry, way.src, way.dest, self._pairs.get(between), self._cases.get(between), self._lookups)

    def _judged_alike(self, way: Way) -> bool:
        # An exempt, hardware that kept a flow, and a station's port are found by addresses: then each flow is judged
        # alone.
        between = way.src.zone or "", way.dest.zone or ""
        pair, case = self._pairs.get(between), self._cases.get(between)
        if way.state is State.SLOW:
            kept = case is not None and bool(case.evicted.unaccounted)
            return not kept and (pair is None or not self._lookups.exempted.concerns(pair))
        return way.state is State.HARDWARE or pair is None or not pair.hardware


def _waits(found: Sequence[Reason]) -> bool:
    return bool(found) and found[0].code is ReasonCode.WAITING


def _selects(way: Way, query: Query, *, everything: bool) -> bool:
    # not by the query's host: a Way has no addresses
    return (
        (everything or way.forwarded)
        and (query.state is None or way.state is query.state)
        and (query.zone is None or query.zone in {way.src.zone, way.dest.zone})
    )
