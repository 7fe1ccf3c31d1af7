"""How often tables are created again for one cause, such as moves of stations. Pure; `now` is in monotonic seconds.

Each time (a return) all flows of a table are slow for some packets, and hosts can forge addresses. So the returns in a
minute are limited, and the pauses of a station that moves repeatedly grow.
"""

from collections import Counter, deque
from collections.abc import Hashable, Iterable

from offload.nouns import dataclass, field

MOST_RETURNS, WINDOW = 6, 60.0  # so often in so many seconds; with the last time, bridge ports leave the flowtables
LONGEST_PAUSE = 64.0  # seconds
FORGIVEN = 300.0  # seconds after a station's pause, from which its next one is a first one again
MOST_PAUSES = 4096  # stations whose pauses are remembered; the least recent is forgotten first
SEVERAL = 2  # a bridge that caused so many returns in a window has its ports left out


@dataclass(frozen=True, slots=True)
class Pause:
    """The time in which no table is created again for a station (host behind a bridge), although it may move."""

    until: float  # when it ends, in monotonic seconds
    following: float  # seconds of its next pause


@dataclass(slots=True)
class ReturnBudget:
    """Counts returns, of which MOST_RETURNS (6) are allowed in a minute, and keeps the pauses of stations.

    There is one budget for stations, one for rules of other programs, and three for routes. Only the budget of stations
    has pauses: it keeps them for the 4096 stations that most recently caused a return. A budget forbids nothing: the
    caller asks `left`, and for a station `ready`, first.
    """

    _returns: deque[tuple[float, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=MOST_RETURNS))
    _pauses: dict[Hashable, Pause] = field(default_factory=dict)

    def ready(self, station: Hashable) -> float:
        """When the station's last pause ends, in monotonic seconds, perhaps in the past; 0: none is remembered.

        Before that no table is to be created again for it. `station`: any key. Whether this minute allows it, `left`
        tells.
        """
        pause = self._pauses.get(station)
        return pause.until if pause else 0.0

    def followed(self, station: Hashable, first: float, growth: float, now: float) -> None:
        """Note that tables were created again for the station (any key): its pause begins at `now` (monotonic seconds).

        `first`: seconds of its first pause; each further one is `growth` times as long, up to LONGEST_PAUSE (64). If
        its last pause ended more than FORGIVEN (300) seconds ago, the pause is a first one again.
        """
        before = self._pauses.pop(station, None)
        length = first if before is None or now - before.until > FORGIVEN else before.following
        self._pauses[station] = Pause(now + length, min(length * growth, LONGEST_PAUSE))
        if len(self._pauses) > MOST_PAUSES:
            del self._pauses[next(iter(self._pauses))]

    def returned(self, causes: Iterable[str], now: float) -> None:
        """Note that tables were created again at `now`; `left` counts it once, however many tables.

        `causes`: what `offenders` counts. For stations they are the bridges on which these moved, or devices without a
        bridge; else one fixed word.
        """
        self._returns.append((now, frozenset(causes)))

    def left(self, now: float) -> int:
        """How often tables may be created again at `now`: MOST_RETURNS (6) less the times in the last minute."""
        return MOST_RETURNS - len(self._recent(now))

    def renewed(self, now: float) -> float:
        """When `left` grows next, in monotonic seconds: WINDOW (60) after the oldest time that it counts.

        `now` if there is none.
        """
        recent = self._recent(now)
        return recent[0][0] + WINDOW if recent else now

    def offenders(self, now: float) -> frozenset[str]:
        """The causes for which tables were created again SEVERAL (2) times or more in the last minute.

        If there is none, all causes of that minute; empty if no table was created again.
        """
        counts = Counter(cause for _, causes in self._recent(now) for cause in causes)
        return frozenset(cause for cause, count in counts.items() if count >= SEVERAL) or frozenset(counts)

    def _recent(self, now: float) -> list[tuple[float, frozenset[str]]]:
        return [each for each in self._returns if each[0] > now - WINDOW]
