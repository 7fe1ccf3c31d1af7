"""Register this service's objects on ubus, and answer their calls.

python-ubus does not give out its socket. So the descriptor is found as the socket that is open after connect() and was
not before. A hang-up on it means that ubusd has gone.
"""

import os
import socket
import stat
from collections.abc import Callable, Mapping
from typing import Any

from offload.errors import BusError

Signature = Mapping[str, str]  # argument -> "string", "integer" or "table"
Answer = Callable[[dict[str, Any]], dict[str, Any]]  # arguments of a call -> reply
Objects = Mapping[str, Mapping[str, tuple[Signature, Answer]]]  # by object and method
HIGHEST_DESCRIPTOR = 1024  # a process has no more by default (RLIMIT_NOFILE)
PEEKED = 1 << 16  # bytes of what waits in the socket that are searched for events


class UbusServer:
    """Offers objects on ubus: `objects` maps object and method to (types of the arguments, function for the reply).

    `events`: names of ubus events; `hearing` is called with the name of each that arrives. `descriptor`: the socket to
    poll; None while not connected.
    """

    def __init__(self, objects: Objects, events: tuple[str, ...]) -> None:
        self._objects, self._events = objects, events
        self.hearing: Callable[[str], None] = _unheard
        self.descriptor: int | None = None

    def connect(self) -> None:
        """Connect to ubusd, register the objects, and listen to the events; sets `descriptor`.

        BusError if python-ubus or ubusd is missing, if ubusd refuses, as when another service has these names, or if
        the socket is not among the first 1024 descriptors; then there is no connection. A connection that UbusClient
        made in this process is ended first.
        """
        try:
            import ubus
        except ImportError as error:
            raise BusError("the Python module ubus is missing; install python3-ubus") from error
        if self.descriptor is None and ubus.get_connected():
            ubus.disconnect(False)  # a call found ubusd back sooner than we did, and its socket is not known
        before = _sockets()
        try:
            ubus.connect()
        except (OSError, RuntimeError) as error:
            raise BusError(f"ubusd cannot be reached: {str(error).strip()}") from error
        try:
            for name, methods in self._objects.items():
                ubus.add(name, {word: _method(ubus, *each) for word, each in methods.items()})
            ubus.listen(*((event, lambda name, _: self.hearing(name)) for event in self._events))
        except RuntimeError as error:
            ubus.disconnect(False)
            raise BusError(f"ubus does not take our objects: is another offload service running? ({error})") from error
        found = _sockets() - before
        if not found:  # without a socket to poll, no call would be answered
            ubus.disconnect(False)
            raise BusError(f"the service has more than {HIGHEST_DESCRIPTOR} files open, so it cannot be on ubus")
        self.descriptor = found.pop()

    def serve(self) -> None:
        """Answer the calls that have arrived, and pass the names of events to `hearing`; never waits.

        Call it only while connected.
        """
        import ubus

        ubus.loop(0)

    def event_waits(self) -> bool:
        """Whether the name of one of the events is in the first 64 KB of the data that wait in the socket.

        The data stay there. Another message with such a name gives True by mistake. False if not connected. An event
        that python-ubus has taken from the socket during a call of this process is not found.
        """
        if self.descriptor is None:
            return False
        with socket.socket(fileno=os.dup(self.descriptor)) as waiting:
            try:
                content = waiting.recv(PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except OSError:  # nothing has arrived, or ubusd has gone
                return False
        return any(event.encode() in content for event in self._events)

    def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Send an event of this name, with data, to all its listeners; without a connection nothing is done."""
        if self.descriptor is None:
            return
        import ubus

        ubus.send(event, dict(data))

    def leave(self, *, lost: bool) -> None:
        """Remove our objects from ubus and disconnect; `lost`: ubusd has gone, so only disconnect.

        Afterwards `descriptor` is None, and `connect` may be called again. Without a connection nothing is done.
        """
        if self.descriptor is None:
            return
        import ubus

        self.descriptor = None
        ubus.disconnect(not lost)


def _unheard(_event: str) -> None:
    """The default of `hearing`: the event is ignored."""


def _method(ubus: Any, signature: Signature, answer: Answer) -> dict[str, Any]:
    types = {
        "string": ubus.BLOBMSG_TYPE_STRING,
        "integer": ubus.BLOBMSG_TYPE_INT32,
        "table": ubus.BLOBMSG_TYPE_TABLE,
    }
    return {
        "signature": {word: types[kind] for word, kind in signature.items()},
        "method": lambda handler, given: handler.reply(answer(given)),
    }


def _sockets() -> set[int]:
    # all are tried, because /proc may be missing in a jail
    found = set()
    for descriptor in range(HIGHEST_DESCRIPTOR):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                found.add(descriptor)
        except OSError:
            continue
    return found


class FakeUbusServer:
    """A ubus server without ubusd. `sent` records (name, data) of each event that was sent.

    `refusal`: the sentence of the BusError that `connect` raises; empty: it succeeds. `named`: whether the objects are
    registered. `waits`: the result of `event_waits`.
    """

    def __init__(self) -> None:
        self.hearing: Callable[[str], None] = _unheard
        self.descriptor: int | None = None
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.waits = False
        self.refusal = ""
        self.named = False

    def connect(self) -> None:
        """Set `named` to True; BusError instead if `refusal` is set."""
        if self.refusal:
            raise BusError(self.refusal)
        self.named = True

    def serve(self) -> None:
        """Do nothing, because no calls arrive."""

    def event_waits(self) -> bool:
        """The value of `waits`."""
        return self.waits

    def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Append (event, data) to `sent`."""
        self.sent.append((event, dict(data)))

    def leave(self, *, lost: bool) -> None:
        """Set `descriptor` to None, and `named` to False unless `lost`."""
        self.named = self.named and lost
        self.descriptor = None
