"""Count the connections that ended, from conntrack's DESTROY events.

While events come, they are read only every APART (5) seconds, and the descriptor is not polled meanwhile: thousands of
connections may end in a second.
"""

import select
from datetime import UTC, datetime

from offload.errors import KernelError
from offload.model.network import Snapshot
from offload.service.counting.sightings import EndedPath
from offload.service.doors import ConntrackEvents
from offload.service.engine import Engine
from offload.service.memory import recall
from offload.service.reconcile import Decided
from offload.status.lookup.wan_side import wan_side
from offload.status.lookup.zone_lookup import ZoneLookup

APART = 5.0  # seconds between two reads


class Accounting:
    """Counts ended connections in `engine.totals`. `ended`: reads conntrack's events; None: the kernel sends none.

    When it is made with events, it reads the totals that an earlier service wrote, or begins to count now. `poll`: the
    loop's, in which it registers the descriptor of the events.
    """

    def __init__(self, engine: Engine, ended: ConntrackEvents | None, poll: select.poll) -> None:
        self._ended, self._poll = ended, poll
        self._again: float | None = None  # when to read the descriptor while it is not polled
        self.descriptor = ended.descriptor if ended else -1
        if ended is None:
            return
        recall.totals(engine)
        if not engine.totals.since:
            engine.totals.since, engine.totals.unsaved = datetime.now(UTC).isoformat(timespec="seconds"), True
        poll.register(self.descriptor, select.POLLIN)

    def due(self, _: Engine) -> float | None:
        """When to read again, in monotonic seconds; None while the descriptor is polled, or without `ended`."""
        return self._again

    def run(self, engine: Engine, now: float) -> None:
        """Read the events, and count the connections that ended since the last call. `now`: monotonic seconds.

        Those that ended before the first decision are not counted; if there are such ones, or events were lost,
        `engine.totals.whole` becomes False. After a read with events, or if some were lost, the descriptor is not
        polled for APART (5) seconds. If routes cannot be read, nothing is raised, but connections of hosts behind other
        routers may be missing in the totals.
        """
        if self._ended is None:
            return
        found, whole = self._ended.read()
        engine.totals.whole &= whole and not (found and engine.decided is None)
        if found and engine.decided is not None:
            plan, placed = engine.decided.plan, _placed(engine, engine.decided)
            outside = wan_side(engine.decided.config.zones, plan, placed)
            engine.totals.add(found, ZoneLookup(placed, plan), EndedPath(engine.sightings, plan, placed), outside)
        if found or not whole:
            if self._again is None:
                self._poll.unregister(self.descriptor)
            self._again = now + APART
        elif self._again is not None:
            self._again = None
            self._poll.register(self.descriptor, select.POLLIN)

    def close(self) -> None:
        """Close the descriptor of the events, if there is one; nothing is counted afterwards."""
        if self._ended:
            self._ended.close()


def _placed(engine: Engine, decided: Decided) -> Snapshot:
    try:
        return engine.with_routes(decided)
    except KernelError:  # `status` reports it; without routes, addresses behind other routers have no zone
        return decided.snapshot
