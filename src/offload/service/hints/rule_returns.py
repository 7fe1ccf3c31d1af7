"""Decide when to create our tables again, so that live flows meet changed rules of other programs. Pure, with no clock.

An offloaded flow bypasses new rules, new elements of the sets of rules, and rules whose time (such as `meta hour`)
begins or ends. After the flow's table is created again, the flow's next packets meet all rules; if these drop them, the
flow is not offloaded again. An offloaded flow also goes on after a sysctl `forwarding` was switched off, until its
table is created again.
"""

from collections.abc import Iterable

from offload.model.kernel.live_rule import Deciding
from offload.nouns import dataclass, field
from offload.service.roaming.return_budget import ReturnBudget

GATHER = 0.1  # seconds to wait for further changes
AFTER_EDGE = 0.1  # seconds, so that the rule's second has begun
DAY = 86_400


@dataclass(slots=True)
class RuleReturns:
    """Decides when to create our tables again for changed rules of other programs, rules with times, or forwarding off.

    `budget` limits how often in a minute, because a list of banned addresses may grow every second.
    """

    budget: ReturnBudget = field(default_factory=ReturnBudget)  # returns that changes may still cause in this minute
    _known: Deciding | None = None  # the rules of the last pass; None: no pass yet
    _asked: float | None = None  # when the first change since the last return came, monotonic; None: no change
    _latest: float = float("-inf")  # when the last one came
    _edge: float | None = None  # when a rule's time begins or ends next, monotonic; None: no time is ahead
    _stopped: float | None = None  # when to return for forwarding switched off, monotonic; None: it was not

    def update(self, now_there: Deciding, now: float, wall: float) -> None:
        """Store the rules of other programs that a pass read; note a change if they differ from those stored before.

        The first call notes none. `now`: monotonic seconds; `wall`: seconds since 1970, to find when a rule's time
        begins or ends next.
        """
        if self._known is not None and self._known.digest != now_there.digest:
            self.changed(now)
        begun = self._edge is not None and self._edge <= now + AFTER_EDGE  # a time that asks for its own return
        if not begun and (self._known is None or self._known.edges != now_there.edges):
            self._edge = _next(now_there.edges, now, wall)
        self._known = now_there

    @property
    def timed(self) -> bool:
        """Whether a rule of other programs that may drop packets holds only at some times.

        False before the first pass.
        """
        return self._known is not None and bool(self._known.edges)

    def clock_set(self, now: float) -> None:
        """Note at `now` (monotonic seconds) that the wall clock was set, so rules with times may decide differently.

        If there are such rules, `due` is at most `now`, and `returned` finds the next time by the new clock. Else
        nothing is noted.
        """
        if self.timed:
            self._edge = now

    def stopped(self, now: float) -> None:
        """Note at `now` that forwarding was switched off: `due` is at most GATHER (0.1) seconds later.

        `budget` does not limit that: lists of banned addresses may have used it up, and a sysctl changes rarely.
        """
        if self._stopped is None:
            self._stopped = now + GATHER

    def elements(self, sets: Iterable[tuple[str, str]], now: float) -> None:
        """Note at `now` that elements of these sets, each (table, name), changed: `due` has a time.

        Ignored if no rule of others that may drop packets looks one of them up, and before the first pass.
        """
        if self._known is not None and not self._known.sets.isdisjoint(sets):
            self.changed(now)

    def leads(self, sets: Iterable[tuple[str, str]]) -> bool:
        """Whether a rule of other programs with a verdict map looks up one of these sets and maps, each (table, name).

        False before the first pass.
        """
        return self._known is not None and not self._known.maps.isdisjoint(sets)

    def changed(self, now: float) -> None:
        """Note that rules may decide differently from `now` on: `due` has a time. Later changes do not postpone it."""
        self._latest = max(self._latest, now)
        if self._asked is None:
            self._asked = now

    def due(self, now: float) -> float | None:
        """When to create our tables again, in monotonic seconds; None: nothing waits and no rule has a time ahead.

        A change is one that `update`, `elements` or `changed` noted since the last `returned`: of a rule, or of the
        elements of a set. After a change: GATHER (0.1) seconds after the first one, or later, when `budget` allows it.
        For a rule with times: when its time begins or ends, without a limit. After `stopped`: as it says. The earliest
        of these.
        """
        times = [each for each in (self._edge, self._stopped) if each is not None]
        if self._asked is not None:
            first = self._asked + GATHER
            times.append(first if self.budget.left(now) else max(first, self.budget.renewed(now)))
        return min(times, default=None)

    def returned(self, now: float, wall: float) -> None:
        """Note that all our tables were created again after `now`, for any reason, or are about to be.

        Changes before `now` wait no longer; if one waited, `budget` counts it. `now`: monotonic seconds; `wall`:
        seconds since 1970, to find when a rule's time begins or ends next.
        """
        if self._asked is not None:
            self.budget.returned(("rules",), now)
        self._asked = self._latest if self._latest > now else None
        if self._stopped is not None and self._stopped <= now + GATHER:
            self._stopped = None
        self._edge = _next(self._known.edges, now, wall) if self._known else None


def _next(edges: Iterable[int], now: float, wall: float) -> float | None:
    # `edges`: up to DAY seconds of every day (UTC), above it seconds since 1970
    waits = (edge - wall if edge > DAY else (edge - wall) % DAY for edge in edges)
    first = min((wait for wait in waits if wait > 0), default=None)
    return None if first is None else now + first + AFTER_EDGE
