"""When our tables are created again because routes changed. Pure; the caller gives monotonic seconds.

After a change of the routes, these flows go on by their old way, even if that leads nowhere any more (an uplink that
mwan3 gave up): those in hardware, those in software that leave through a bridge (as `br-wan`, or `br-lan.20`) one of
whose ports is in the flowtable, and with IPv6 those for which the change was in another routing table. When the tables
are created again, the next packets of their flows look the routes up.
"""

from offload.nouns import dataclass, field
from offload.service.roaming.return_budget import ReturnBudget

GATHER = 0.2  # seconds in which further changes are waited for
APART = 2.0  # seconds at least until the table is created once more: scripts take some to write their routes and rules


@dataclass(slots=True)
class RouteReturns:
    """When to create our tables again because routes changed.

    `budget` limits how often in a minute, because a routing daemon may change routes every second.
    """

    budget: ReturnBudget = field(default_factory=ReturnBudget)
    _asked: float | None = None  # when the first change since the last return came; None: no change
    _last: float = float("-inf")  # when the tables were created again last for routes

    def changed(self, now: float) -> None:
        """Note that a route or routing rule changed, or may have: `due` has a time. Later changes leave that time."""
        if self._asked is None:
            self._asked = now

    def due(self, now: float) -> float | None:
        """When to create our tables again, in monotonic seconds; None: no change waits.

        GATHER (0.2) seconds after the first change, but not before APART (2) seconds after the last creation for
        routes; later if `budget` is used up at `now`.
        """
        if self._asked is None:
            return None
        first = max(self._asked + GATHER, self._last + APART)
        return first if self.budget.left(now) else max(first, self.budget.renewed(now))

    def returned(self, now: float) -> None:
        """Note that our tables were created again for routes at `now`, or that this failed: no change waits now.

        `budget` counts it.
        """
        self.budget.returned(("routes",), now)
        self._asked, self._last = None, now

    def forget(self) -> None:
        """Forget the changes so far, because we have no table: `due` is None until the next change."""
        self._asked = None
