"""When to look at the connections that ended, and what to make of them.

Thousands may end in a second: after each look the descriptor is left alone for a while, so that we wake once for many.
"""

import select
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from offload.errors import KernelError
from offload.service.life import Service
from offload.service.observe import with_routes
from offload.status.places import Places
from offload.system.endings import Endings

if TYPE_CHECKING:
    from offload.model.network import Snapshot

APART = 5.0  # seconds from one look to the next
PLACES_LAST = 60.0  # seconds for which the routes that were read are good enough


class Tally:
    """Counts for `service`; `endings` is None where the kernel does not tell. `due`: when to look again unasked."""

    def __init__(self, service: Service, endings: Endings | None) -> None:
        self._service, self._endings = service, endings
        self.descriptor = endings.descriptor if endings else -1
        self.due: float | None = None
        self._places: tuple[Snapshot, float, Places] | None = None
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
        places = self._known(now)
        if places:
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

    def _known(self, now: float) -> Places | None:
        """Where addresses are, as of a minute ago at most; None before the first look at the router."""
        decided = self._service.decided
        if decided is None:
            return None
        if self._places is None or self._places[0] is not decided.snapshot or now >= self._places[1]:
            try:
                placed = with_routes(decided.snapshot, self._service.doors.netlink)
            except KernelError:
                placed = decided.snapshot
            self._places = decided.snapshot, now + PLACES_LAST, Places(placed, decided.plan)
        return self._places[2]
