"""The engine for the command where no service runs: it reads the router once and replies as the service does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import Any

from offload.errors import OffloadError, UsageError
from offload.model.network import Snapshot
from offload.service import reconcile
from offload.service.bus.explaining.flow_list import every_flow
from offload.service.bus.ubus_object import METHODS
from offload.service.doors import Doors
from offload.service.engine import Engine
from offload.service.tasks import hardware

Json = dict[str, Any]
WRITING = frozenset({"takeover", "giveback"})  # methods


class Alone:
    """Gives one run of the command the replies of the ubus methods, where no service runs.

    `snapshot`: the state of a router saved in a directory, which has no kernel; None: the state of this router is read.
    """

    def __init__(self, doors: Doors, snapshot: Snapshot | None = None) -> None:
        self._engine = Engine.of(doors, resident=False)
        self._snapshot = snapshot

    def answer(self, method: str, words: Mapping[str, Any]) -> Json:
        """The reply of ubus method `method` to the arguments `words`; its `error` has the sentence of an OffloadError.

        A UsageError is raised, since the command has an exit code of its own for it. The reply of `status` has in
        `applied` also what `_outstanding` gives.
        """
        try:
            if method != "reload":  # its pass reads everything
                self._read(method)
            reply = METHODS[method].answer(self._engine, words)
            if method == "status":
                reply["applied"] |= self._outstanding()
        except UsageError:
            raise
        except OffloadError as refusal:
            return {"ok": False, "error": str(refusal)}
        return reply

    def every_flow(self, given: Mapping[str, Any]) -> tuple[Json, Callable[[bool, int], Iterator[str]]]:
        """The flows that `query` of `given` selects: a reply without them, and a function that gives their text.

        The function takes whether to give JSON, and the width in columns; the text comes in pieces. Raises
        OffloadError.
        """
        self._read("flows")
        return every_flow(self._engine, given)

    def _read(self, method: str) -> None:
        """Read router and configuration at the first call, decide, and take one sample of the flows in hardware.

        An OffloadError is ignored if `method` writes files (WRITING): it writes them even if the router cannot be read.
        """
        if self._engine.decided is not None:
            return
        with suppress(OffloadError) if method in WRITING else nullcontext():
            if self._snapshot is None:
                self._engine.refresh()
            else:
                self._engine.refresh_from(self._snapshot)
            hardware.run(self._engine)

    def _outstanding(self) -> Json:
        """`error`: why nothing may be changed, or the last pass failed; empty: neither.

        `pending`: the number of transactions that would bring the kernel to the Plan; 0 for a saved Snapshot and if a
        file cannot be read. Before a decision there is neither key.
        """
        engine = self._engine
        if engine.decided is None:
            return {}
        unreadable = reconcile.unreadable(engine.decided)
        waits = self._snapshot is None and not unreadable
        doors = engine.doors
        busy = reconcile.asking(engine.decided, doors.conntrack, doors.netlink)
        pending = len(reconcile.pending(engine.decided, doors.nft, busy=busy)) if waits else 0
        return {"error": unreadable or engine.applied.error, "pending": pending}
