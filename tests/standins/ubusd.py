"""The broker of the `ubus` stand-in: `python ubusd.py SOCKET [REPLIES]`.

REPLIES is a directory of JSON files that stand for the rest of a router: `network.interface~dump.json` is the reply of
method `dump` of object `network.interface`. They are read again with every call, whatever its arguments.
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ubus.wire import HEADER, LARGEST, SAFE, Status, blob, packed, size

Message = dict[str, Any]
STARTING = 60.0  # seconds; a virtual machine without KVM is slow
FIRST_OBJECT = 1025  # ids below are ubusd's own


@dataclass(eq=False)
class Client:
    number: int
    writer: asyncio.StreamWriter

    def send(self, **message: Any) -> None:
        self.writer.write(packed(message))


@dataclass(eq=False)
class Object:
    """Something that can be called: with a path and methods, or, for a listener, with a pattern."""

    number: int
    owner: Client | None
    path: str = ""
    methods: dict[str, dict[str, int]] = field(default_factory=dict)
    pattern: str = ""

    def hears(self, event: str) -> bool:
        return event.startswith(self.pattern[:-1]) if self.pattern.endswith("*") else event == self.pattern


class Replies:
    """The directory of replies as objects without an owner."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._numbers: dict[str, int] = {}

    def objects(self) -> Iterator[Object]:
        found: dict[str, dict[str, dict[str, int]]] = {}
        for file in sorted(self._directory.glob("*~*.json")) if self._directory else ():
            path, _, method = file.stem.partition("~")
            found.setdefault(path, {})[method] = {}
        for path, methods in found.items():
            number = self._numbers.setdefault(path, (1 << 30) + len(self._numbers))
            yield Object(number, None, path, methods)

    def call(self, path: str, method: str) -> tuple[Status, Message]:
        file = Path(self._directory or ".", f"{path}~{method}.json")
        try:
            return Status.OK, blob(json.loads(file.read_text()))
        except FileNotFoundError:
            return Status.METHOD_NOT_FOUND, {}
        except (OSError, ValueError, TypeError) as error:
            sys.stderr.write(f"{file.name}: {error}\n")
            return Status.UNKNOWN_ERROR, {}


class Broker:
    """Every client and object there is; `handle` answers one message."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._clients: dict[int, Client] = {}
        self._objects: dict[int, Object] = {}
        self._next = FIRST_OBJECT

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(self._number(), writer)
        self._clients[client.number] = client
        client.send(kind="hello", number=0)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(HEADER), "big")
                message = json.loads(await reader.readexactly(length))
                if length > SAFE and size(message.get("data")) > LARGEST:
                    break
                self.handle(client, message)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        del self._clients[client.number]
        for each in [each for each in self._objects.values() if each.owner is client]:
            self._forget(each)
        writer.close()

    def handle(self, client: Client, message: Message) -> None:
        kind = message["kind"]
        if kind in {"data", "status"}:
            self._pass_on(message)
            return
        status, data = getattr(self, f"_{kind}")(client, message)
        for each in data:
            client.send(kind="data", number=message["number"], data=each)
        if status is not None:
            client.send(kind="status", number=message["number"], status=status)

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _pass_on(self, message: Message) -> None:
        if caller := self._clients.get(message.pop("caller")):
            caller.send(**message)

    def _all(self) -> list[Object]:
        named = [each for each in self._objects.values() if each.path]
        return sorted([*named, *self._replies.objects()], key=lambda each: each.path)

    def _lookup(self, _client: Client, message: Message) -> tuple[Status, list[Message]]:
        path = message["path"]
        if not path:
            return Status.INVALID_ARGUMENT, []
        begins = path[:-1] if path.endswith("*") else None
        found = [
            {"object": each.number, "path": each.path, "methods": each.methods}
            for each in self._all()
            if each.path == path or (begins is not None and each.path.startswith(begins))
        ]
        return (Status.OK if found else Status.NOT_FOUND), found

    def _add(self, client: Client, message: Message) -> tuple[Status, list[Message]]:
        if any(each.path == message["path"] for each in self._all()):
            return Status.INVALID_ARGUMENT, []
        added = Object(self._number(), client, message["path"], message["methods"])
        self._objects[added.number] = added
        self._tell(None, "ubus.object.add", {"id": added.number, "path": added.path})
        return Status.OK, [{"object": added.number}]

    def _listen(self, client: Client, message: Message) -> tuple[Status, list[Message]]:
        if not message["pattern"]:
            return Status.PERMISSION_DENIED, []
        added = Object(self._number(), client, pattern=message["pattern"])
        self._objects[added.number] = added
        return Status.OK, [{"object": added.number}]

    def _remove(self, client: Client, message: Message) -> tuple[Status, list[Message]]:
        found = self._objects.get(message["object"])
        if found is None:
            return Status.NOT_FOUND, []
        if found.owner is not client:
            return Status.PERMISSION_DENIED, []
        self._forget(found)
        return Status.OK, []

    def _forget(self, gone: Object) -> None:
        del self._objects[gone.number]
        if gone.path:
            self._tell(None, "ubus.object.remove", {"id": gone.number, "path": gone.path})

    def _send(self, client: Client, message: Message) -> tuple[Status, list[Message]]:
        if message["event"].startswith("ubus."):
            return Status.PERMISSION_DENIED, []
        self._tell(client, message["event"], message["data"])
        return Status.OK, []

    def _tell(self, sender: Client | None, event: str, data: Message) -> None:
        for each in self._objects.values():
            if each.owner and each.owner is not sender and each.pattern and each.hears(event):
                each.owner.send(kind="invoke", number=0, caller=0, object=each.number, method=event, data=data)

    def _invoke(self, client: Client, message: Message) -> tuple[Status | None, list[Message]]:
        if target := self._objects.get(message["object"]):
            if target.owner:
                target.owner.send(**message, caller=client.number)
            return None, []  # the owner answers
        for each in self._replies.objects():
            if each.number == message["object"]:
                status, reply = self._replies.call(each.path, message["method"])
                return status, [reply] if status is Status.OK else []
        return Status.NOT_FOUND, []


async def main(path: str, replies: Path | None) -> None:
    """Serve until a signal ends the process."""
    server = await asyncio.start_unix_server(Broker(Replies(replies)).serve, path)
    await server.serve_forever()


@contextmanager
def running(path: Path, replies: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A broker of one's own for a while; it may be killed meanwhile."""
    arguments = [sys.executable, __file__, str(path), *([str(replies)] if replies else [])]
    with subprocess.Popen(arguments) as broker:
        try:
            wait_for(path, broker)
            yield broker
        finally:
            broker.kill()
    path.unlink(missing_ok=True)


def wait_for(path: Path, broker: subprocess.Popen[bytes]) -> None:
    """Wait until a broker accepts connections."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and broker.poll() is None:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
            return
        time.sleep(0.01)
    raise TimeoutError(f"no broker at {path}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is no error here
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]) if sys.argv[2:] else None))
