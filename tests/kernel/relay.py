"""Pass HTTP requests into a virtual machine through files: a user-mode kernel has no network card, but shares build/.

A request is a file NUMBER.request in a folder below build/, and its reply NUMBER.reply. Each is written under another
name and then renamed, so that a reader never finds a part of it.
"""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAUSE = 0.02  # seconds between two looks into the folder
PATIENCE = 120.0
NUMBERS = itertools.count()


@contextmanager
def entrance(folder: Path) -> Iterator[int]:
    """The host's end: a port on loopback whose requests go into the folder."""

    class Request(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._forward()

        def do_POST(self) -> None:
            self._forward()

        def _forward(self) -> None:
            del self.headers["Connection"]  # each request is a connection of its own
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            head = f"{self.command} {self.path} HTTP/1.0\r\n{self.headers.as_string()}".replace("\r\n", "\n")
            number = next(NUMBERS)
            _write(folder / f"{number}.request", head.replace("\n", "\r\n").encode() + body)
            self.wfile.write(_awaited(folder / f"{number}.reply"))
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def forward(folder: Path, port: int) -> None:
    """The guest's end: hand what comes into the folder to a server on this port of loopback, without end."""
    while True:
        for file in folder.glob("*.request"):
            request = file.read_bytes()
            file.unlink()
            threading.Thread(target=_answer, args=(request, port, file.with_suffix(".reply")), daemon=True).start()
        time.sleep(PAUSE)


def _answer(request: bytes, port: int, file: Path) -> None:
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(request)
        _write(file, b"".join(iter(lambda: server.recv(1 << 16), b"")))


def _write(file: Path, content: bytes) -> None:
    part = file.with_suffix(f"{file.suffix}.part")
    part.write_bytes(content)
    part.rename(file)


def _awaited(file: Path) -> bytes:
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {file.name} within {PATIENCE:.0f} s")
        time.sleep(PAUSE)
    content = file.read_bytes()
    file.unlink()
    return content
