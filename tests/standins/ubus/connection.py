"""One connection to the broker. As in libubus, calls to this process wait while it waits for a reply itself."""

import contextlib
import json
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ubus.wire import HEADER, LARGEST, SAFE, Status, Type, blob, packed, size, type_of, unreadable

Message = dict[str, Any]
Method = dict[str, Any]  # {"method": callable, "signature": {argument: type}}


def _show_error() -> None:
    import traceback  # half of what this module would take to import

    traceback.print_exc()


class Handler:
    """What a method is handed to answer with; of no use once the method has returned."""

    def __init__(self, connection: "Connection", call: Message) -> None:
        self._connection: Connection | None = connection
        self._call = call

    def reply(self, data: dict[str, Any]) -> bool:
        """Send `data` to the caller; a second reply is a second message."""
        found = blob(data)
        if self._connection is None:
            raise RuntimeError("Handler is not linked to a call response.")
        return self._connection.answer(self._call, "data", data=found)

    def unlink(self) -> None:
        """Called when the method has returned."""
        self._connection = None


class Connection:
    """`socket` is what to poll; `ended` is known once a read or write met the end of the broker."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.ended = False
        try:
            self.socket.connect(path)
            if self._next() is None:
                raise ConnectionError("no hello")
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)
        self.objects: dict[int, dict[str, Method]] = {}
        self.listeners: dict[int, Callable[[str, Any], object]] = {}
        self._waiting: deque[Message] = deque()
        self._answers: dict[int, list[Message]] = {}
        self._number = 0
        self._depth = 0

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def request(self, kind: str, timeout: float | None = None, **words: Any) -> tuple[int, list[Any]]:
        """Ask the broker; returns the status and what data came. `timeout` in seconds, None for ever."""
        self._number += 1
        number = self._number
        message = packed({"kind": kind, "number": number, **words})
        large = len(message) > SAFE and size(words.get("data", {})) > LARGEST
        if large or not self._send(message):
            return Status.INVALID_ARGUMENT, []
        answers = self._answers[number] = []
        self._depth += 1
        try:
            status = self._await(answers, None if timeout is None else time.monotonic() + timeout)
        finally:
            self._depth -= 1
            del self._answers[number]
        return status, [answer["data"] for answer in answers if answer["kind"] == "data"]

    def _await(self, answers: list[Message], deadline: float | None) -> int:
        while True:
            if answers and answers[-1]["kind"] == "status":
                return int(answers[-1]["status"])
            if self.ended:
                return Status.CONNECTION_FAILED
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                return Status.TIMEOUT
            select.select([self.socket], [], [], remaining)
            if message := self._next():
                self._take(message)

    def handle(self) -> None:
        """Take one message, and the calls that arrived while we waited for an answer of our own.

        One, not all: libubus stops after the first once a request was ever made (cancel_poll). The rest stays readable.
        """
        self._catch_up()
        if message := self._next():
            self._take(message)
        self._catch_up()

    def _catch_up(self) -> None:
        while self._waiting and not self._depth:
            self._invoked(self._waiting.popleft())

    def _take(self, message: Message) -> None:
        if message["kind"] != "invoke":
            # the answer to a call that ended before it
            self._answers.get(message["number"], []).append(message)
        elif self._depth:
            self._waiting.append(message)
        else:
            self._invoked(message)

    def _invoked(self, call: Message) -> None:
        self._depth += 1
        try:
            if listener := self.listeners.get(call["object"]):
                self._heard(listener, call)
            else:
                self.answer(call, "status", status=self._called(call))
        finally:
            self._depth -= 1

    def _heard(self, listener: Callable[[str, Any], object], call: Message) -> None:
        if unreadable(call["data"]):
            return
        try:
            listener(call["method"], call["data"])
        except (Exception, KeyboardInterrupt):  # noqa: BLE001  # as the real one: anything is printed and forgotten
            _show_error()

    def _called(self, call: Message) -> int:
        method = self.objects.get(call["object"], {}).get(call["method"])
        if method is None:
            return Status.METHOD_NOT_FOUND
        if not _fits(call["data"], method["signature"]):
            return Status.INVALID_ARGUMENT
        if unreadable(call["data"]):
            return Status.UNKNOWN_ERROR
        handler = Handler(self, call)
        try:
            method["method"](handler, call["data"])
        except (Exception, KeyboardInterrupt):  # noqa: BLE001  # as the real one: anything is printed and status 9
            _show_error()
            return Status.UNKNOWN_ERROR
        finally:
            handler.unlink()
        return Status.OK

    def answer(self, call: Message, kind: str, **words: Any) -> bool:
        """Send data or the final status of a call to its caller; False when the broker is gone."""
        return self._send(packed({"kind": kind, "number": call["number"], "caller": call["caller"], **words}))

    def _send(self, content: bytes) -> bool:
        while content:
            try:
                content = content[self.socket.send(content) :]
            except BlockingIOError:
                select.select([], [self.socket], [])
            except OSError:
                self.ended = True
                return False
        return True

    def _next(self) -> Message | None:
        """The next message if one has begun to arrive; None otherwise, and at the end of the broker."""
        header = self._receive(HEADER, wait=False)
        if header is None:
            return None
        body = self._receive(int.from_bytes(header, "big"), wait=True)
        return None if body is None else json.loads(body)

    def _receive(self, size: int, *, wait: bool) -> bytes | None:
        content = b""
        while len(content) < size and not self.ended:
            try:
                chunk = self.socket.recv(size - len(content))
                self.ended = not chunk
                content += chunk
            except BlockingIOError:
                if not wait and not content:
                    return None
                select.select([self.socket], [], [])
            except OSError:
                self.ended = True
        return None if self.ended else content

    def remove_all(self) -> None:
        """Take objects and listeners back."""
        with contextlib.suppress(OSError):
            for number in (*self.objects, *self.listeners):
                self.request("remove", object=number)


def _fits(data: dict[str, Any], signature: dict[str, int]) -> bool:
    """Every declared argument is there, none besides, each of its type or of a method that takes any."""
    return data.keys() == signature.keys() and all(
        signature[name] in {Type.UNSPEC, type_of(value)} for name, value in data.items()
    )
