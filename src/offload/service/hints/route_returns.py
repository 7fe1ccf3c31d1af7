"""When hardware tables are returned because routes changed. Pure; the caller brings the times.

Software looks up the route of an offloaded flow anew after every change of the routes. A chip does not: its flows go on
by the way of their first packets, also where nobody is there any more (a wan that mwan3 gave up). A routing daemon may
change routes every second, so there are at most so many returns in a minute.
"""

from offload.nouns import dataclass, field
from offload.service.roaming.return_budget import ReturnBudget

GATHER = 0.2  # seconds in which further changes are waited for
APART = 2.0  # seconds between two returns at least: scripts take some to write their routes and rules


@dataclass(slots=True)
class RouteReturns:
    """Since when a return is asked for, and the returns of the last minute."""

    budget: ReturnBudget = field(default_factory=ReturnBudget)
    _asked: float | None = None
    _last: float = float("-inf")

    def changed(self, now: float) -> None:
        """A route or a routing rule changed."""
        if self._asked is None:
            self._asked = now

    def due(self, now: float) -> float | None:
        """When the tables are to be returned; None: not before something changes."""
        if self._asked is None:
            return None
        first = max(self._asked + GATHER, self._last + APART)
        return first if self.budget.left(now) else max(first, self.budget.renewed(now))

    def returned(self, now: float) -> None:
        """They were returned for it."""
        self.budget.returned(("routes",), now)
        self._asked, self._last = None, now

    def forget(self) -> None:
        """Nothing is in hardware, which could go the wrong way."""
        self._asked = None
