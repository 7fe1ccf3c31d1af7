"""A loss of notifications is told after those that the kernel sent before it."""

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from offload.model.cause import Cause
from offload.system.netlink.listener import Listener
from offload.system.netlink.route.monitor import Monitor
from offload.system.netlink.wire import NETLINK_ROUTE

FULL = OSError(errno.ENOBUFS, "full")
BROKEN = OSError(errno.EBADF, "broken")
LINK_GROUP = 1


class Kernel(socket.socket):
    """Gives what waits, datagrams or errors, as a netlink socket does."""

    def __init__(self, *waiting: bytes | OSError) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.waiting = list(waiting)

    def recv(self, *_: int) -> bytes:
        if not self.waiting:
            raise BlockingIOError
        found = self.waiting.pop(0)
        if isinstance(found, OSError):
            raise found
        return found


@contextmanager
def listener(*waiting: bytes | OSError) -> Iterator[tuple[Kernel, Listener]]:
    """A Listener that reads from the Kernel."""
    found, kernel = Listener(NETLINK_ROUTE, LINK_GROUP), Kernel(*waiting)
    found.close()
    found._socket = kernel
    yield kernel, found
    found.close()


@pytest.mark.parametrize(
    ("waiting", "heard"),
    [
        ([b"a"], [b"a"]),
        ([FULL, b"a", b"b"], [b"a", b"b", None]),
        ([FULL], [None]),
        ([FULL, b"a", FULL, b"b"], [b"a", None, b"b", None]),
        ([b"a", BROKEN, b"b"], [b"a", None]),
        ([FULL, b"a", BROKEN, b"b"], [b"a", None]),
    ],
)
def test_a_loss_is_told_after_what_came_before_it(waiting: list[bytes | OSError], heard: list[bytes | None]) -> None:
    with listener(*waiting) as (_, found):
        assert list(found.datagrams(9)) == heard


@pytest.mark.parametrize("more", [False, True])
def test_a_loss_is_told_by_the_call_that_reads_the_last_of_them(monkeypatch: pytest.MonkeyPatch, *, more: bool) -> None:
    """The socket is not readable afterwards, so no other call follows."""
    with listener(FULL, b"a", b"b", *[b"c"] * more) as (kernel, found):
        monkeypatch.setattr(found, "_waits", lambda: bool(kernel.waiting))
        assert list(found.datagrams(3)) == [b"a", b"b", *[None] * (not more)]
        assert list(found.datagrams(3)) == [b"c", None] * more


def test_what_waited_before_a_loss_is_forgotten_too() -> None:
    """A link that was up then went down in a lost message: a pass found it down, and that it is up is news."""
    body = struct.pack("=BxHiII", 0, 1, 3, 1, 0) + struct.pack("=HH", 9, 3) + b"lan1\0\0\0\0"
    link = struct.pack("=IHHII", 16 + len(body), 16, 0, 0, 0) + body
    kernel, hints = Kernel(link, FULL, link), Monitor()
    hints._route._socket.close()
    hints._route._socket = kernel
    assert set(hints.links().causes) == {Cause.LINK, Cause.OVERRUN}
    kernel.waiting = [link]
    assert hints.links().causes == (Cause.LINK,)
    kernel.waiting = [link]
    assert hints.links().causes == ()
    hints.close()
