"""Notifications of nft transactions, read at any moment; a socket of the test replaces the kernel's."""

import socket
import struct
from collections.abc import Iterator

import pytest

from offload.model.kernel.to_return import ToReturn
from offload.system.netlink.route import monitor
from offload.system.netlink.route.monitor import OVERRUN, Monitor

NEWTABLE, DELTABLE, NEWGEN = 0xA00, 0xA02, 0xA0F
GENFMSG = bytes([1, 0, 0, 0])


def message(kind: int, name: str = "") -> bytes:
    value = name.encode() + b"\0"
    body = GENFMSG + (struct.pack("=HH", 4 + len(value), 1) + value if name else b"")
    body += bytes(-len(body) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


@pytest.fixture(name="kernel")
def _kernel() -> Iterator[tuple[socket.socket, Monitor]]:
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    hints = Monitor()
    hints._nft._socket.close()
    hints._nft._socket = ours
    yield theirs, hints
    hints.close()
    theirs.close()


def test_a_transaction_is_reported_with_its_last_message(kernel: tuple[socket.socket, Monitor]) -> None:
    """The kernel sends what changed and that it is a transaction in two datagrams; a read may fall between them."""
    theirs, hints = kernel
    theirs.send(message(DELTABLE, "flow_offload"))
    assert hints.transactions().generations == 0 and not hints.transactions().tables
    theirs.send(message(NEWGEN))
    notice = hints.transactions()
    assert (notice.generations, notice.tables) == (1, frozenset({"flow_offload"})) and notice.causes
    assert hints.transactions().tables == frozenset()


def test_several_at_once_are_one_answer(kernel: tuple[socket.socket, Monitor]) -> None:
    theirs, hints = kernel
    for name in ("fw4", "flow_offload"):
        theirs.send(message(NEWTABLE, name))
        theirs.send(message(NEWGEN))
    theirs.send(message(DELTABLE, "late"))
    notice = hints.transactions()
    assert (notice.generations, notice.tables) == (2, frozenset({"fw4", "flow_offload"}))
    theirs.send(message(NEWGEN))
    assert hints.transactions().tables == {"late"}


def test_all_that_came_before_is_read_at_once() -> None:
    """The caller takes as many transactions for its own as it sent: one of another program must not stand for these."""
    hints = Monitor()
    waiting = [message(NEWTABLE, "banIP"), message(NEWGEN), *[message(NEWTABLE, "ours")] * 2000, message(NEWGEN)]

    class Socket(socket.socket):
        def recv(self, *_: int) -> bytes:
            if waiting:
                return waiting.pop(0)
            raise BlockingIOError

    hints._nft._socket.close()
    hints._nft._socket = Socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    assert hints.transactions().generations == 2
    hints.close()


def test_links_are_not_remembered_over_a_loss(kernel: tuple[socket.socket, Monitor]) -> None:
    """The lost message may have been that a link went down: then the next one, that it is up, is news."""
    _, hints = kernel
    body = struct.pack("=BxHiII", 0, 1, 3, 1, 0) + struct.pack("=HH", 9, 3) + b"lan1\0\0\0\0"
    link = struct.pack("=IHHII", 16 + len(body), 16, 0, 0, 0) + body
    assert hints._heard(link).causes and not hints._heard(link).causes
    assert hints._heard(None) is OVERRUN
    assert hints._heard(link).causes


def test_nexthop_objects_are_known_from_the_start_and_after_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their device takes them along when it loses its carrier, and the kernel tells of the carrier alone."""
    numbers = struct.pack("=HHI", 8, 1, 5) + struct.pack("=HHI", 8, 5, 3)  # NHA_ID, NHA_OIF
    monkeypatch.setattr(monitor, "dump", lambda *_: [(104, bytes(8) + numbers)])
    hints = Monitor()
    body = struct.pack("=BxHiII", 0, 1, 3, 1, 0) + struct.pack("=HH", 9, 3) + b"lan1\0\0\0\0"
    no_carrier = struct.pack("=IHHII", 16 + len(body), 16, 0, 0, 0) + body
    assert hints._heard(no_carrier).routes is ToReturn.ALL
    assert hints._heard(no_carrier).routes is ToReturn.NOTHING
    monkeypatch.setattr(hints._route, "datagrams", lambda _: [None])
    assert hints.links() == OVERRUN
    assert hints._heard(no_carrier).routes is ToReturn.ALL
    hints.close()
