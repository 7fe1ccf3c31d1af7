"""Count the connections that ended, by pair of zones, and write the totals for the next service.

Thousands may end in a second: after a read the descriptor is not polled for a while, so that the service wakes rarely.
"""

import select
from datetime import UTC, datetime

from offload.errors import KernelError, OffloadError
from offload.service.doors import ConntrackEvents
from offload.service.engine import Engine
from offload.service.memory import recall
from offload.status.lookup.zone_lookup import ZoneLookup

APART = 5.0  # seconds between two reads
SAVES_APART = 300.0  # seconds between two writes: a service that is killed loses the totals of that time


def save_due(engine: Engine) -> float | None:
    """When to write; None: nothing changed, or before the first pass, while another service may still run."""
    if engine.doors.totals is None or engine.decided is None:
        return None
    return engine.totals.next if engine.totals.unsaved else None


def save(engine: Engine, now: float) -> None:
    """Write the totals. A failure is reported once, and repeated later."""
    totals, error = engine.totals, ""
    if engine.doors.totals is None or engine.decided is None or not totals.unsaved:
        return
    try:
        engine.doors.totals.write(totals.written())
        totals.unsaved = False
    except OffloadError as refusal:
        error = str(refusal)
        if error != totals.error:
            engine.news.append(("offload.degraded", {"error": error}))
    totals.next, totals.error = now + SAVES_APART, error


class Accounting:
    """Counts for the engine. `ended`: None if the kernel does not report endings. `due`: when to read again."""

    def __init__(self, engine: Engine, ended: ConntrackEvents | None) -> None:
        self._engine, self._ended = engine, ended
        self.descriptor = ended.descriptor if ended else -1
        self.due: float | None = None
        if ended is None:
            return
        recall.totals(engine)
        if not engine.totals.since:
            engine.totals.since, engine.totals.unsaved = datetime.now(UTC).isoformat(timespec="seconds"), True

    def listen(self, poll: select.poll) -> None:
        """Poll for the next connection that ends."""
        if self._ended:
            poll.register(self.descriptor, select.POLLIN)

    def run(self, poll: select.poll, now: float) -> None:
        """Count the connections that ended.

        If there were some, read again after APART seconds, without polling until then.
        """
        if self._ended is None:
            return
        found, whole = self._ended.read()
        self._engine.totals.whole &= whole
        if found and (zones := self._known()):
            self._engine.totals.add(found, zones)
        if found or not whole:
            if self.due is None:
                poll.unregister(self.descriptor)
            self.due = now + APART
        elif self.due is not None:
            self.due = None
            self.listen(poll)

    def close(self) -> None:
        """Close the descriptor."""
        if self._ended:
            self._ended.close()

    def _known(self) -> ZoneLookup | None:
        """The zones of addresses; None before the first pass."""
        decided = self._engine.decided
        if decided is None:
            return None
        try:
            placed = self._engine.placed(decided)
        except KernelError:  # `status` reports it; without routes, addresses behind other routers have no zone
            placed = decided.snapshot
        return ZoneLookup(placed, decided.plan)
