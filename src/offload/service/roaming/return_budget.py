"""How often tables are returned for stations that move. Pure; the caller brings the time, in seconds that never jump.

Any host of a network can forge an address, and each return costs every flow of a table some slow packets. So a station
that moves again and again is followed with growing pauses, and all of them together cause few returns in a minute.
"""

from collections import Counter, deque
from collections.abc import Hashable, Iterable

from offload.nouns import dataclass, field

MOST_RETURNS, WINDOW = 6, 60.0  # returns in so many seconds, the last of them to leave ports out
LONGEST_PAUSE = 64.0  # seconds
FORGIVEN = 300.0  # seconds without a return after which a station is as one that has never moved
MOST_PAUSES = 4096  # stations whose pauses are remembered; the least recently followed is forgotten first
SEVERAL = 2  # returns in a window that make a bridge the one to leave out


@dataclass(frozen=True, slots=True)
class Pause:
    """No return for the station before `until`; the next pause takes `following` seconds."""

    until: float
    following: float


@dataclass(slots=True)
class ReturnBudget:
    """The returns of the last minute with the places that caused them, and the pauses of single stations."""

    _returns: deque[tuple[float, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=MOST_RETURNS))
    _pauses: dict[Hashable, Pause] = field(default_factory=dict)

    def ready(self, station: Hashable) -> float:
        """From when on the station may cause a return; a time in the past is not updated."""
        pause = self._pauses.get(station)
        return pause.until if pause else 0.0

    def followed(self, station: Hashable, first: float, growth: float, now: float) -> None:
        """A return was tried for the station: `first` is its first pause, each one `growth` times the one before."""
        before = self._pauses.pop(station, None)
        length = first if before is None or now - before.until > FORGIVEN else before.following
        self._pauses[station] = Pause(now + length, min(length * growth, LONGEST_PAUSE))
        if len(self._pauses) > MOST_PAUSES:
            del self._pauses[next(iter(self._pauses))]

    def returned(self, causes: Iterable[str], now: float) -> None:
        """A table was returned because of moves at these places."""
        self._returns.append((now, frozenset(causes)))

    def left(self, now: float) -> int:
        """How many returns there may be at this moment."""
        return MOST_RETURNS - len(self._recent(now))

    def renewed(self, now: float) -> float:
        """When there may be one more than now."""
        recent = self._recent(now)
        return recent[0][0] + WINDOW if recent else now

    def offenders(self, now: float) -> frozenset[str]:
        """The places that caused several of the returns; where none did, all that caused one."""
        counts = Counter(cause for _, causes in self._recent(now) for cause in causes)
        return frozenset(cause for cause, count in counts.items() if count >= SEVERAL) or frozenset(counts)

    def _recent(self, now: float) -> list[tuple[float, frozenset[str]]]:
        return [each for each in self._returns if each[0] > now - WINDOW]
