"""Which connections were seen on a fast path (offloaded), and the path of one that has ended. Pure.

The kernel clears the marks of the fast path before a connection ends, so its last event does not have them. Therefore
offloaded connections are read now and then (service/counting/looking.py) and remembered until they end.
"""

from collections.abc import Iterable
from functools import cached_property

from offload.model.config import Mode
from offload.model.flow import IPS_HW_OFFLOAD, Entry, State, Values
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.reason import ReasonCode
from offload.nouns import dataclass, field
from offload.status.counts import Path
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.shares import PATH_BITS
from offload.status.why.reasons import Lookups, every_reason

AGAIN, IDLE = 10.0, 60.0  # seconds between two readings, and where the last one found no offloaded connection
REST = 100.0  # times the processor time of a reading: one per cent at most
MOST = 1 << 16  # connections that may be remembered when a reading begins: ends may have been missed
ENDS, STATUS, ZONE, ZONE_FORTH = 5, 9, 18, 19  # places in Values; before ENDS is what names a connection
# Reasons that can come after the fast path: a TCP connection leaves it when an end closes it.
LATER = frozenset({ReasonCode.WAITING, ReasonCode.TCP_STATE, ReasonCode.ADJUSTED})


@dataclass(slots=True)
class Sightings:
    """Connections that were seen on a fast path (software or hardware), each with that path, until its end is read."""

    next: float = 0.0  # when to read again, in monotonic seconds
    _fast: dict[int, State] = field(default_factory=dict)  # by a hash of protocol and original tuple: 100 bytes each

    def see(self, connections: Iterable[Values]) -> int:
        """Remember those of these connections that are offloaded, each with its path, and give their number.

        One that was seen in hardware stays so, even if it is in software now.
        """
        count, fast = 0, self._fast
        for values in connections:
            status = values[STATUS]
            if status & PATH_BITS:
                key = _key(values)
                if status & IPS_HW_OFFLOAD:
                    fast[key] = State.HARDWARE
                else:
                    fast.setdefault(key, State.SOFTWARE)
                count += 1
        return count

    def begin(self) -> None:
        """Note that a reading begins: if more than MOST (65,536) connections are remembered, forget all of them."""
        if len(self._fast) > MOST:
            self._fast.clear()

    def rest(self, now: float, found: int, work: float) -> None:
        """Note that a reading ended, and set `next`: AGAIN (10) seconds after `now` (monotonic), or later.

        IDLE (60) seconds if `found`, the number of offloaded connections, is 0; at least REST (100) times `work`, the
        processor seconds of the reading.
        """
        self.next = now + max(AGAIN if found else IDLE, REST * work)

    def of(self, entry: Entry) -> State | None:
        """The fastest path on which a connection was seen, software or hardware; None: neither, or it was forgotten."""
        return self._fast.get(_key(entry.values))

    def of_values(self, values: Values) -> State | None:
        """The fastest path on which a connection was seen, as `of` gives it, by the values of its conntrack entry."""
        return self._fast.get(_key(values)) if self._fast else None

    def ended(self, entry: Entry) -> State | None:
        """The fastest path on which a connection that has ended was seen; None: none is known.

        The connection is forgotten, so a second call gives None.
        """
        return self._fast.pop(_key(entry.values), None)


def _key(values: Values) -> int:
    # of the protocol, and of addresses, ports and conntrack's zone of the original direction
    return hash((values[:ENDS], values[ZONE] or values[ZONE_FORTH]))


class EndedPath:
    """Finds the path of a connection that ended: where it was seen, slow if it cannot have been fast, else None."""

    def __init__(self, sightings: Sightings, plan: Plan, snapshot: Snapshot) -> None:
        self._sightings, self._plan, self._snapshot = sightings, plan, snapshot
        self._pairs = {(pair.src, pair.dest): pair for pair in plan.pairs}

    def __call__(self, entry: Entry, src: Endpoint, dest: Endpoint) -> Path:
        """The path of an ended connection between these endpoints; None: not seen on a fast path, but may have been.

        If it was not seen, it is slow if its pair of zones is not offloaded, at most one packet came from its source,
        or another Reason kept it slow. The sighting is forgotten, so a second call may give another result.
        """
        seen = self._sightings.ended(entry)
        return seen if seen or not self._is_slow(entry, src, dest) else State.SLOW

    def _is_slow(self, entry: Entry, src: Endpoint, dest: Endpoint) -> bool:
        pair = self._pairs.get((src.zone or "", dest.zone or ""))
        if pair is None or pair.effective is Mode.NONE:
            return True
        if entry.packets and entry.packets[0] <= 1:
            return True  # only a second packet of this direction can follow an accepted reply
        return any(each.code not in LATER for each in every_reason(entry, src, dest, pair, self._lookups))

    @cached_property
    def _lookups(self) -> Lookups:
        return Lookups.of(self._plan, self._snapshot)
