"""When the next pass (which reads router and files, and changes our tables) begins, given the hints so far.

Pure; the caller gives the time, in monotonic seconds. A hint is an event after which something may have changed.
"""

from offload.model.cause import Cause
from offload.nouns import dataclass, field

GATHER = 0.05
APART = 0.5
# Another program changes our tables as often as we restore them: restore more slowly, but within 5 s.
FIGHTING = 4.0
RETRY_FIRST, RETRY_LAST = 1.0, 60.0


@dataclass(slots=True)
class Debouncer:
    """The hints (events that lead to a pass) since the last pass began, and how the last passes ended."""

    cause: Cause = Cause.START  # why, for the log: of the latest hint
    _causes: set[Cause] = field(default_factory=set)  # of all hints since the last pass began
    _asked: float | None = None  # when the first hint of the next pass came
    _retry: float | None = None  # when to repeat a failed pass; None: it did not fail
    _ended: float = float("-inf")  # when the last pass ended
    _failures: int = 0  # failed passes in a row
    _fights: int = 0  # passes that restored our tables, each soon after the one before, at most 3
    _restored: float = float("-inf")  # when the last of them ended

    def hint(self, cause: Cause, now: float) -> None:
        """Note at `now` that something may have changed: a pass becomes due.

        `cause`: why; the field `cause` has that of the latest hint, and `begin` gives those of all.
        """
        self.cause = cause
        self._causes.add(cause)
        if self._asked is None:
            self._asked = now

    def due(self) -> float | None:
        """When the next pass begins, in monotonic seconds, perhaps in the past; None: no hint and no failed pass waits.

        After a hint: GATHER (0.05) seconds after the first one, but not before APART (0.5) seconds after the end of the
        last pass; up to FIGHTING (4) seconds while another program changes our tables again and again. If a failed pass
        is to be repeated earlier, that time.
        """
        times = [] if self._retry is None else [self._retry]
        if self._asked is not None:
            apart = min(APART * 2**self._fights, FIGHTING)
            times.append(max(self._asked + GATHER, self._ended + apart))
        return min(times, default=None)

    def begin(self) -> frozenset[Cause]:
        """Note that a pass begins: no hint and no failed pass waits any more. Gives the causes of the hints so far."""
        self._asked = self._retry = None
        found = frozenset(self._causes)
        self._causes.clear()
        return found

    def done(self, now: float, *, failed: bool = False, mended: bool = False) -> None:
        """Note that a pass ended at `now`, also one that a call made and no `begin` announced.

        `failed`: it is repeated RETRY_FIRST (1) seconds later, after each further failure in a row twice as late, up to
        RETRY_LAST (60); otherwise no failed pass waits any more. `mended`: it restored our tables, which another
        program had changed. Then the pause before the next pass doubles, up to FIGHTING (4) seconds; it is APART (0.5)
        again after a pass that ends FIGHTING seconds after the last such one, or later, and is none itself.
        """
        self._ended = now
        if mended:
            self._fights, self._restored = min(self._fights + 1, 3), now
        elif now - self._restored >= FIGHTING:  # other hints lead to passes between two attacks
            self._fights = 0
        self._failures = self._failures + 1 if failed else 0
        # a pass that did not fail has read everything, so none is left to repeat
        wait = min(RETRY_FIRST * 2 ** min(self._failures - 1, 6), RETRY_LAST) if failed else None
        self._retry = None if wait is None else now + wait
