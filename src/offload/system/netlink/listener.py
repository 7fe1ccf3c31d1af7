"""Receive the notifications that the kernel sends over netlink."""

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import suppress

from offload.system.netlink.dump import DATAGRAM, SO_RCVBUFFORCE

ROOM = 1 << 20
MOST_WAITING = 4096  # datagrams; more do not fit into ROOM, where each has 576 bytes at least


class Listener:
    """A netlink socket that does not block and receives the multicast groups of a bit mask.

    `room`: bytes of its receive buffer; without CAP_NET_ADMIN it keeps the kernel's default. `descriptor`: its number,
    to poll. OSError if the socket cannot be opened.
    """

    def __init__(self, protocol: int, groups: int, room: int = ROOM) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, room)
        self._socket.bind((0, groups))
        self._lost = False  # what waits came before a loss
        self.descriptor = self._socket.fileno()

    def datagrams(self, most: int) -> Iterator[bytes | None]:
        """Yield the datagrams that have arrived, at most `most`, without waiting; None where the kernel dropped some.

        For another error of the socket it yields None and ends. The kernel tells of a loss before the datagrams that
        waited then, and drops all that come until these are read (docs/kernel.md 40): so None comes after them.
        """
        for _ in range(most):
            try:
                yield self._socket.recv(DATAGRAM)
            except BlockingIOError:
                waits = False
                break
            except OSError as error:
                full = error.errno == errno.ENOBUFS
                if self._lost or not full:  # the buffer was empty after the loss before
                    yield None
                self._lost = full
                if not full:
                    return
        else:
            waits = self._waits()
        if self._lost and not waits:
            self._lost = False
            yield None

    def _waits(self) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the socket; afterwards nothing can be read."""
        self._socket.close()
