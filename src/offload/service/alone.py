"""The ubus methods without the service: the command reads the router and answers them in its own process.

It has no counts of ended connections: `totals` gives an error; the reply of `status` has zeros in `ended`, and no
`service`.
"""

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
from offload.service.tasks import hardware, station_file

Json = dict[str, Any]
WRITING = frozenset({"takeover", "giveback"})  # methods


class Alone:
    """Gives one run of the command the replies of the ubus methods, without the service.

    `snapshot`: the router's state as stored in a directory (`--root`); None: the state of this router is read.
    """

    def __init__(self, doors: Doors, snapshot: Snapshot | None = None) -> None:
        self._engine = Engine.of(doors, resident=False)
        self._snapshot = snapshot

    def answer(self, method: str, words: Mapping[str, Any]) -> Json:
        """Do the ubus method `method` with the arguments `words` in this process, and give its reply.

        An OffloadError becomes the reply `{"ok": False, "error": sentence}`, but a UsageError (bad arguments) is
        raised. In the reply of `status`, `applied` also has `pending` (number of nft transactions that would bring the
        kernel to the wanted tables; 0 with a stored state or an unreadable file) and `error` (why a configuration file
        cannot be read, or a pass failed; else empty).
        """
        try:
            if method != "reload":  # its pass reads everything
                self._read(method)
            reply = METHODS[method].answer(self._engine, words)
            if method == "status":
                reply["applied"] |= self._outstanding()
                del reply["service"]
            if self._engine.passes and not self._engine.applied.error:
                station_file.run(self._engine, self._engine.doors.clock())
        except UsageError:
            raise
        except OffloadError as refusal:
            return {"ok": False, "error": str(refusal)}
        return reply

    def every_flow(self, given: Mapping[str, Any]) -> tuple[Json, Callable[[bool, int], Iterator[str]]]:
        """Select flows by `query` of `given`: (a reply, a function that gives these flows as text).

        The reply is that of the method `flows` without `flows`. Without a limit in `query` all are selected. The
        function takes whether to give JSON (the whole reply) or lines for people, and the width of lines in columns; it
        yields the text in pieces. OffloadError if the router or its connections cannot be read, or the query is not
        valid.
        """
        self._read("flows")
        return every_flow(self._engine, given)

    def _read(self, method: str) -> None:
        # An unreadable router does not keep `takeover` and `giveback` from writing files. Flows in hardware are sampled
        # once.
        if self._engine.decided is not None:
            return
        with suppress(OffloadError) if method in WRITING else nullcontext():
            if self._snapshot is None:
                self._engine.refresh()
            else:
                self._engine.refresh_from(self._snapshot)
            hardware.run(self._engine)

    def _outstanding(self) -> Json:
        engine = self._engine
        if engine.decided is None:
            return {}
        unreadable = reconcile.unreadable(engine.decided)
        waits = self._snapshot is None and not unreadable
        doors = engine.doors
        busy = reconcile.asking(engine.decided, doors.conntrack, doors.netlink)
        pending = len(reconcile.pending(engine.decided, doors.nft, busy=busy)) if waits else 0
        return {"error": unreadable or engine.applied.error, "pending": pending}
