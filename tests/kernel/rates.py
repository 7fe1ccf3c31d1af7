"""How fast packets get through a router: a flood of datagrams, an upload, and where the figures are kept."""

import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from kernel.netns import Namespace
from kernel.traffic import Crossing, Talk, Target

FIGURES = Path("build/figures")  # one file for each row, which `make breaks` gathers
MOST = 2048
FIRST = 10  # datagrams that are answered, so that the connection is offloaded
PORT = 7117


class Sink:
    """A host that counts the bytes of datagrams, and answers the first ones."""

    def __init__(self, host: Namespace, port: int = PORT) -> None:
        self.received = 0
        with host.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(("", port))
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _count(self) -> None:
        answered = 0
        with suppress(OSError):
            while (found := self._socket.recvfrom(MOST)) != (b"", None):
                self.received += len(found[0])
                if answered < FIRST:
                    answered += 1
                    self._socket.sendto(b".", found[1])


class Flood:
    """Datagrams of one host to a Sink, as fast as a rate lets them."""

    proto = "udp"

    def __init__(self, host: Namespace, target: Target) -> None:
        with host.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(5)
        self._socket.connect((target.address, target.port))
        name = self._socket.getsockname()
        self.near, self.far = (ip_address(name[0]), name[1]), target.real
        for _ in range(FIRST):
            self._socket.send(b".")
            self._socket.recv(MOST)

    def close(self) -> None:
        """Send no more."""
        self._socket.close()

    def flood(self, sink: Sink, seconds: float, mbits: float, size: int = 1200) -> tuple[int, float]:
        """Send at so many Mbit/s for a while; bytes that arrived, and the seconds it took."""
        before, begin, sent = sink.received, time.monotonic(), 0
        while (now := time.monotonic() - begin) < seconds:
            if sent * 8 / 1e6 > mbits * now:
                time.sleep(0.002)
                continue
            self._socket.send(bytes(size))
            sent += size
        time.sleep(0.1)
        return sink.received - before, now


def uploaded(talk: Talk, size: int) -> float:
    """Mbit/s of an upload; a little of it comes first, to fill the shaper's bucket and the window."""
    talk.push(size // 4)
    begin = time.monotonic()
    talk.push(size)
    return size * 8 / 1e6 / (time.monotonic() - begin)


def downloaded(talk: Talk, size: int) -> float:
    """Mbit/s of a download."""
    talk.fetch(size // 4)
    begin = time.monotonic()
    talk.fetch(size)
    return size * 8 / 1e6 / (time.monotonic() - begin)


def noted(row: str, path: str, slow: object, fast: object, did: str) -> None:
    """Store a row: its figure without offload, and with it; `path` is software or hardware."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    words = {"row": row, "path": path, "slow": _told(slow), "fast": _told(fast), "did": did}
    (FIGURES / f"{row} {path}.json".replace("/", "-")).write_text(json.dumps(words) + "\n")


def compared(row: str, figures: Mapping[str, str], did: str | Mapping[str, str]) -> None:
    """Store a feature's rows: its figure in mode none, and those in the other modes with what offload does there."""
    for path in figures.keys() - {"none"}:
        noted(row, path, figures["none"], figures[path], did if isinstance(did, str) else did[path])


def _told(figure: object) -> str:
    if isinstance(figure, float):
        return f"{figure:.2f} Mbit/s"
    if isinstance(figure, Crossing):
        return f"{figure.original} and {figure.reply} packets"
    return str(figure)
