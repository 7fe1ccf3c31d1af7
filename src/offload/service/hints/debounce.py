"""When the next pass begins: it gathers hints. Pure; the caller brings the time, in seconds that never jump.

The first hint waits 50 ms for the others of its kind, hints that come while a pass works are gathered for the next one,
and passes keep 500 ms apart however many hints there are. A failure is tried again later and later.
"""

from offload.model.cause import Cause
from offload.nouns import dataclass

GATHER = 0.05
APART = 0.5
# Another program changes our tables as often as we mend them: mend slower, still within 5 s.
FIGHTING = 4.0
RETRY_FIRST, RETRY_LAST = 1.0, 60.0


@dataclass(slots=True)
class Debouncer:
    """The hints since the last pass, and how the last passes ended."""

    cause: Cause = Cause.START  # the latest hint, for the log
    _asked: float | None = None  # when the first hint of the next pass came
    _retry: float | None = None  # when to repeat a failed pass; None: it did not fail
    _ended: float = float("-inf")  # when the last pass ended
    _failures: int = 0  # failed passes in a row
    _fights: int = 0  # passes in a row that restored our tables, at most 3

    def hint(self, cause: Cause, now: float) -> None:
        """Something may have changed."""
        self.cause = cause
        if self._asked is None:
            self._asked = now

    def due(self) -> float | None:
        """When the next pass begins; None: nothing to do until a hint comes."""
        times = [] if self._retry is None else [self._retry]
        if self._asked is not None:
            apart = min(APART * 2**self._fights, FIGHTING)
            times.append(max(self._asked + GATHER, self._ended + apart))
        return min(times, default=None)

    def begin(self) -> None:
        """A pass begins: it sees everything that was hinted so far."""
        self._asked = self._retry = None

    def done(self, now: float, *, failed: bool = False, mended: bool = False) -> None:
        """A pass ended. `failed`: try again; `mended`: it undid what another program did to our tables."""
        self._ended = now
        self._fights = min(self._fights + 1, 3) if mended else 0
        self._failures = self._failures + 1 if failed else 0
        if failed:
            self._retry = now + min(RETRY_FIRST * 2 ** min(self._failures - 1, 6), RETRY_LAST)
