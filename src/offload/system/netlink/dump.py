"""Send requests to the kernel over netlink, and read its replies."""

import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from offload.system.netlink import wire
from offload.system.netlink.wire import Message

DATAGRAM = 64 << 10  # netlink_recvmsg() never makes one of a dump longer than 32 KiB
PATIENCE = 10.0  # seconds without a datagram
TRIES = 3
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; another number on alpha, parisc and sparc


class Reply(Protocol):
    """One datagram of the reply to a dump request, as a parser returns it."""

    @property
    def done(self) -> bool:
        """Whether this is the last datagram of the reply."""
        ...


R = TypeVar("R", bound=Reply)


def replies(protocol: int, request: bytes, parse: Callable[[bytes], R], buffer: int = 0) -> Iterator[R]:
    """Send a request for a dump on a new netlink socket, and yield what `parse` makes of each datagram of the reply.

    `protocol`: NETLINK_ROUTE or NETLINK_NETFILTER. `buffer`: bytes of the receive buffer; 0: the kernel's default. The
    first Reply whose `done` is True is the last one. A refusal of the kernel is a datagram too: for it `parse` has to
    raise an error, or to return such a Reply. OSError if the socket fails or nothing arrives for PATIENCE (10) seconds.
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
    """Send a dump request, and return all messages of the reply, as (type, body).

    A dump that the kernel marks as interrupted is made again, at most TRIES (3) times in all; then the last one is
    returned. OSError if the kernel refuses or does not reply.
    """
    found: list[Message] = []
    for _ in range(TRIES):
        parts = list(replies(protocol, request, wire.parse))
        found = [message for part in parts for message in part.messages]
        if not any(part.interrupted for part in parts):
            break
    return found


def stream(protocol: int, request: bytes) -> Iterator[Message]:
    """Send a dump request, and yield the messages of the reply, as (type, body), while they arrive.

    The caller may stop early. An interrupted dump is not made again. OSError if the kernel refuses or does not reply.
    """
    for part in replies(protocol, request, wire.parse):
        yield from part.messages


def ask(protocol: int, request: bytes) -> bytes:
    """Send a request that is no dump, and return the first datagram of the reply, unparsed.

    This may be the kernel's refusal (NLMSG_ERROR). OSError if the socket fails or nothing arrives for PATIENCE (10)
    seconds.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as kernel:
        kernel.settimeout(PATIENCE)
        kernel.send(request)
        return kernel.recv(DATAGRAM)


def widen(kernel: socket.socket, size: int) -> None:
    """Set a socket's receive buffer to `size` bytes, without CAP_NET_ADMIN to at most net.core.rmem_max.

    If the kernel refuses, the buffer stays as it is, and nothing is raised.
    """
    try:
        kernel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except OSError:
        with suppress(OSError):
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


@contextmanager
def collector_resting() -> Iterator[None]:
    """A context in which Python's garbage collector is off; afterwards it is on again if it was before."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
