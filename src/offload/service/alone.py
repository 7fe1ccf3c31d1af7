"""The engine for the command where no service runs: it reads the router once and replies as the service does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import Any

from offload.errors import OffloadError, UsageError
from offload.model.network import Snapshot
from offload.service import reconcile
from offload.service.bus.methods import every_flow
from offload.service.bus.ubus_object import METHODS
from offload.service.doors import Doors
from offload.service.engine import Engine
from offload.service.tasks import hardware

Json = dict[str, Any]
WRITING = frozenset({"takeover", "giveback"})  # methods


class Alone:
    """Replies for one run of the command. `snapshot`: of a router in a directory, which has no kernel to ask."""

    def __init__(self, doors: Doors, snapshot: Snapshot | None = None) -> None:
        self._engine = Engine.of(doors, resident=False)
        self._snapshot = snapshot

    def answer(self, method: str, words: Mapping[str, Any]) -> Json:
        """The reply of the ubus method; only a UsageError, which has an exit code of its own, is raised."""
        try:
            if method != "reload":  # its pass reads everything
                self._read(method)
            reply = METHODS[method].answer(self._engine, words)
        except UsageError:
            raise
        except OffloadError as refusal:
            return {"ok": False, "error": str(refusal)}
        if method == "status":
            reply["applied"] |= self._outstanding()
        return reply

    def every_flow(self, given: Mapping[str, Any]) -> tuple[Json, Callable[[bool, int], Iterator[str]]]:
        """A list of flows of any length, printed piece by piece; raises OffloadError."""
        self._read("flows")
        return every_flow(self._engine, given)

    def _read(self, method: str) -> None:
        """Read the router and decide, once. A method that writes files writes them even if that fails."""
        if self._engine.decided is not None:
            return
        with suppress(OffloadError) if method in WRITING else nullcontext():
            if self._snapshot is None:
                self._engine.refresh()
            else:
                self._engine.refresh_from(self._snapshot)
            hardware.run(self._engine)

    def _outstanding(self) -> Json:
        """Why nothing may be changed, and how many transactions would bring the kernel to the Plan."""
        engine = self._engine
        if engine.decided is None:
            return {}
        unreadable = reconcile.unreadable(engine.decided)
        waits = self._snapshot is None and not unreadable
        doors = engine.doors
        busy = reconcile.asking(engine.decided, doors.conntrack, doors.netlink)
        pending = len(reconcile.pending(engine.decided, doors.nft, busy=busy)) if waits else 0
        return {"error": unreadable or engine.applied.error, "pending": pending}
