"""When to look at the connections that ended, and what to make of them.

Thousands may end in a second: after each look the descriptor is left alone for a while, so that we wake once for many.
"""

import select
from datetime import UTC, datetime

from offload.errors import KernelError
from offload.service.engine import Service
from offload.status.zone_lookup import ZoneLookup
from offload.system.netlink.ctevents import ConntrackEvents

APART = 5.0  # seconds from one look to the next


class Tally:
    """Counts for `service`; `endings` is None where the kernel does not tell. `due`: when to look again unasked."""

    def __init__(self, service: Service, endings: ConntrackEvents | None) -> None:
        self._service, self._endings = service, endings
        self.descriptor = endings.descriptor if endings else -1
        self.due: float | None = None
        service.totals.since = datetime.now(UTC).isoformat(timespec="seconds") if endings else ""

    def wait(self, poll: select.poll) -> None:
        """Let the poll tell of the next ending."""
        if self._endings:
            poll.register(self.descriptor, select.POLLIN)

    def count(self, poll: select.poll, now: float) -> None:
        """Take in what ended; after something did, rest, and then look once more."""
        if self._endings is None:
            return
        ended, whole = self._endings.read()
        self._service.totals.whole &= whole
        if ended and (places := self._known()):
            self._service.totals.add(ended, places)
        if ended or not whole:
            if self.due is None:
                poll.unregister(self.descriptor)
            self.due = now + APART
        elif self.due is not None:
            self.due = None
            self.wait(poll)

    def close(self) -> None:
        """Listen no more."""
        if self._endings:
            self._endings.close()

    def _known(self) -> ZoneLookup | None:
        """Where addresses are; None before the first look at the router."""
        decided = self._service.decided
        if decided is None:
            return None
        try:
            placed = self._service.placed(decided)
        except KernelError:  # status tells it; without routes, what ends beyond the next router has no zone
            placed = decided.snapshot
        return ZoneLookup(placed, decided.plan)
