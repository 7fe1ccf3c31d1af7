"""Which of our tables are created again when, because routes changed. Pure; the caller gives monotonic seconds.

After a change of the routes, these flows go on by their old way, even if that leads nowhere any more (an uplink that
mwan3 gave up): those in hardware, those in software that leave through a bridge (as `br-wan`, or `br-lan.20`) one of
whose ports is in the flowtable, and with IPv6 those for which the change was in another routing table. When the tables
are created again, the next packets of their flows look the routes up.

`ToReturn` says for which tables a change asks.
"""

from offload.model.kernel.to_return import ToReturn
from offload.nouns import dataclass, field
from offload.service.roaming.return_budget import ReturnBudget

GATHER = 0.2  # seconds in which further changes are waited for
APART = 2.0  # seconds at least until the table is created once more: scripts take some to write their routes and rules


@dataclass(slots=True)
class TablesReturn:
    """When to create the same tables again because routes changed.

    `budget` limits how often in a minute, because a routing daemon may change routes every second.
    """

    budget: ReturnBudget = field(default_factory=ReturnBudget)
    _asked: float | None = None  # when the first change since the last return came; None: no change
    _latest: float = float("-inf")  # when the last one came
    _last: float = float("-inf")  # when the tables were created again last for routes

    def changed(self, now: float) -> None:
        """Note a change at `now`: `due` has a time. Later changes leave that time."""
        self._latest = max(self._latest, now)
        if self._asked is None:
            self._asked = now

    def due(self, now: float) -> float | None:
        """When to create the tables again, in monotonic seconds; None: no change waits.

        GATHER (0.2) seconds after the first change, but not before APART (2) seconds after the last creation for
        routes; later if `budget` is used up at `now`.
        """
        if self._asked is None:
            return None
        first = max(self._asked + GATHER, self._last + APART)
        return first if self.budget.left(now) else max(first, self.budget.renewed(now))

    def returned(self, now: float) -> None:
        """Note that the tables were created again after `now`, for any reason, or are about to be.

        Changes before `now` wait no longer; if one waited, `budget` counts it.
        """
        if self._asked is None:
            return
        self.budget.returned(("routes",), now)
        if self._asked + GATHER <= now:  # else it was done for another reason, and a script still writes its routes
            self._last = now
        self._asked = self._latest if self._latest > now else None

    def forget(self) -> None:
        """Forget the changes so far: `due` is None until the next change."""
        self._asked = None


@dataclass(slots=True)
class RouteReturns:
    """When to create our tables again because routes changed, and which.

    Each kind of change has a budget of its own, so that routes to hosts, which some daemons write all the time, and
    notifications that hosts with forged addresses make the kernel drop do not delay the return after a failover.
    """

    _of_tables: dict[ToReturn, TablesReturn] = field(
        default_factory=lambda: {each: TablesReturn() for each in ToReturn if each}
    )

    def changed(self, what: ToReturn, now: float) -> None:
        """Note that a route or routing rule changed, or may have, which asks for `what`: `due` has a time.

        Nothing is noted for NOTHING.
        """
        if what is not ToReturn.NOTHING:
            self._of_tables[what].changed(now)

    def due(self, now: float) -> float | None:
        """When to create the tables again that `what` gives, in monotonic seconds; None: no change waits."""
        times = (each.due(now) for each in self._of_tables.values())
        return min((each for each in times if each is not None), default=None)

    def what(self, now: float) -> ToReturn:
        """What to create again if something is due at `now`: the most that is due GATHER (0.2) seconds later at most.

        HARDWARE if nothing is.
        """
        times = ((each, one.due(now)) for each, one in self._of_tables.items())
        due = (each for each, at in times if at is not None and at <= now + GATHER)
        return max(due, default=ToReturn.HARDWARE)

    def returned(self, what: ToReturn, now: float) -> None:
        """Note that `what` was created again after `now`, for any reason, or is about to be.

        Changes before `now` that asked for no more than that wait no longer; each kind that waited counts in its
        budget.
        """
        for each, one in self._of_tables.items():
            if each <= what:
                one.returned(now)

    def forget(self, what: ToReturn) -> None:
        """Forget the changes so far that asked for no more than `what`, because we have no such table."""
        for each, one in self._of_tables.items():
            if each <= what:
                one.forget()
