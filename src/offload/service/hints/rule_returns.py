"""When tables are returned so that live flows meet rules of others anew. Pure; the caller brings the times.

An offloaded flow passes by rules that came after it, elements that were added to their sets, and times of the day that
began. Returned, its next packets pass the live rules again, and what these drop is not offloaded again. A list of bans
may grow every second, so there are at most so many returns in a minute.
"""

from collections.abc import Iterable

from offload.model.kernel.live_rule import Deciding
from offload.nouns import dataclass, field
from offload.service.roaming.return_budget import ReturnBudget

GATHER = 0.1  # seconds in which further changes are waited for
AFTER_EDGE = 0.1  # seconds, for the second to have begun
DAY = 86_400


@dataclass(slots=True)
class RuleReturns:
    """The inputs of the rules' decisions, and whether they changed since tables were returned."""

    budget: ReturnBudget = field(default_factory=ReturnBudget)
    _known: Deciding | None = None
    _asked: float | None = None
    _edge: float | None = None

    def update(self, now_there: Deciding, now: float, wall: float) -> None:
        """Compare with the rules of the last pass. `wall` is the time of the day, in seconds since 1970."""
        if self._known is not None and self._known.digest != now_there.digest:
            self.changed(now)
        if self._known is None or self._known.edges != now_there.edges:
            self._edge = _next(now_there.edges, now, wall)
        self._known = now_there

    def elements(self, sets: Iterable[tuple[str, str]], now: float) -> None:
        """Elements of these sets, (table, name), came or went."""
        if self._known is not None and not self._known.sets.isdisjoint(sets):
            self.changed(now)

    def changed(self, now: float) -> None:
        """The rules may decide otherwise from now on."""
        if self._asked is None:
            self._asked = now

    def due(self, now: float) -> float | None:
        """When tables are to be returned; None: not before something changes."""
        times = [] if self._edge is None else [self._edge]
        if self._asked is not None:
            first = self._asked + GATHER
            times.append(first if self.budget.left(now) else max(first, self.budget.renewed(now)))
        return min(times, default=None)

    def returned(self, now: float, wall: float) -> None:
        """All tables were returned, for whatever reason."""
        if self._asked is not None:
            self.budget.returned(("rules",), now)
        self._asked = None
        self._edge = _next(self._known.edges, now, wall) if self._known else None


def _next(edges: Iterable[int], now: float, wall: float) -> float | None:
    """The next of these times, a little later; in seconds that never jump."""
    waits = (edge - wall if edge > DAY else (edge - wall) % DAY for edge in edges)
    first = min((wait for wait in waits if wait > 0), default=None)
    return None if first is None else now + first + AFTER_EDGE
