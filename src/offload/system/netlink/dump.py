"""Requests to the kernel over netlink, and the one loop that reads the reply to a dump."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol, TypeVar

from offload.system.netlink import wire
from offload.system.netlink.wire import Message

DATAGRAM = 64 << 10  # netlink_recvmsg() never makes one of a dump longer than 32 KiB
PATIENCE = 10.0  # seconds without a datagram
TRIES = 3
SO_RCVBUFFORCE = 33  # asm-generic/socket.h, and every other architecture but sparc and parisc


class Reply(Protocol):
    """A parsed datagram of a dump."""

    @property
    def done(self) -> bool:
        """Whether the dump ends here."""
        ...


R = TypeVar("R", bound=Reply)


def replies(protocol: int, request: bytes, parse: Callable[[bytes], R], buffer: int = 0) -> Iterator[R]:
    """Send a request on a socket of its own, and parse what comes until the dump ends; OSError.

    `buffer`: bytes of the receive buffer, 0 for the kernel's default.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as kernel:
        kernel.settimeout(PATIENCE)
        if buffer:
            widen(kernel, buffer)
        kernel.send(request)
        while True:
            part = parse(kernel.recv(DATAGRAM))
            yield part
            if part.done:
                return


def dump(protocol: int, request: bytes) -> list[Message]:
    """All messages of a dump; asked again where the kernel says that its answer is not of one moment. OSError.

    If that is so every time, the last reply counts: whatever changed comes as a notification too.
    """
    found: list[Message] = []
    for _ in range(TRIES):
        parts = list(replies(protocol, request, wire.parse))
        found = [message for part in parts for message in part.messages]
        if not any(part.interrupted for part in parts):
            break
    return found


def stream(protocol: int, request: bytes) -> Iterator[Message]:
    """The messages of a dump as they come, for a reader that stops when it has enough. OSError."""
    for part in replies(protocol, request, wire.parse):
        yield from part.messages


def ask(protocol: int, request: bytes) -> bytes:
    """The datagram that answers a request which is no dump. OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as kernel:
        kernel.settimeout(PATIENCE)
        kernel.send(request)
        return kernel.recv(DATAGRAM)


def widen(kernel: socket.socket, size: int) -> None:
    """Get a receive buffer beyond net.core.rmem_max if this process may; else the largest there is."""
    try:
        kernel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except OSError:
        with suppress(OSError):
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
