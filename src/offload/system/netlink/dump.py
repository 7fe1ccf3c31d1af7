"""Send requests to the kernel over netlink, and read the replies to a dump."""

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
    """Send a request on a new socket, and parse the datagrams until the dump ends; OSError.

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
    """All messages of a dump; repeated if the kernel marks it as interrupted. OSError.

    If it always is, the last reply counts: later changes come as notifications too.
    """
    found: list[Message] = []
    for _ in range(TRIES):
        parts = list(replies(protocol, request, wire.parse))
        found = [message for part in parts for message in part.messages]
        if not any(part.interrupted for part in parts):
            break
    return found


def stream(protocol: int, request: bytes) -> Iterator[Message]:
    """The messages of a dump, one by one, for a caller that may stop early. OSError."""
    for part in replies(protocol, request, wire.parse):
        yield from part.messages


def ask(protocol: int, request: bytes) -> bytes:
    """The datagram that answers a request which is no dump. OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as kernel:
        kernel.settimeout(PATIENCE)
        kernel.send(request)
        return kernel.recv(DATAGRAM)


def widen(kernel: socket.socket, size: int) -> None:
    """Enlarge the receive buffer beyond net.core.rmem_max if this process may; otherwise as far as possible."""
    try:
        kernel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except OSError:
        with suppress(OSError):
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
