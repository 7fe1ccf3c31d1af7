"""The door to the kernel's connection table, over ctnetlink; read only.

An own reader because pyroute2 needs ten times as long for the 65,536 entries of a busy router.
"""

import errno
import gc
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from offload.errors import KernelError
from offload.model.flow import Entry
from offload.system.ctnetlink import IPCTNL_MSG_CT_GET, NFGENMSG, NLMSGHDR, Parser

NETLINK_NETFILTER = 12  # include/uapi/linux/netlink.h; socket does not name it
NLM_F_REQUEST_DUMP = 0x301
SO_RCVBUFFORCE = 33  # asm-generic/socket.h, and every other architecture but sparc and parisc

RECEIVE_BUFFER = 4 << 20
DATAGRAM = 64 << 10  # netlink_recvmsg() never makes one of a dump longer than 32 KiB
PATIENCE = 10.0  # seconds without a datagram
TRIES = 3

NO_PERMISSION = "only root may read the kernel's connection table: run as root (or with CAP_NET_ADMIN)"
NO_CTNETLINK = "this kernel cannot list connections (no ctnetlink); install kmod-nf-conntrack-netlink"
SENTENCES = {
    errno.EPERM: NO_PERMISSION,
    errno.EACCES: NO_PERMISSION,
    errno.EPROTONOSUPPORT: NO_CTNETLINK,  # socket(): no nfnetlink
    errno.EAFNOSUPPORT: NO_CTNETLINK,
    errno.EINVAL: NO_CTNETLINK,  # nfnetlink_rcv_msg(): nobody answers for this subsystem
    errno.EOPNOTSUPP: NO_CTNETLINK,
    errno.ENOBUFS: "the kernel's connection table is too busy to be read: its answer overran the receive buffer",
}


class Conntrack:
    """The connection table of the network namespace this process runs in."""

    def __init__(self) -> None:
        self._parser = Parser()

    def entries(self) -> list[Entry]:
        """All entries, IPv4 and IPv6, in the kernel's order; KernelError with a sentence where it refuses.

        A look, not a lock: connections come and go meanwhile. When the kernel calls a dump interrupted it is asked
        again; if it says so every time, the last answer is as good as any other.
        """
        entries: list[Entry] = []
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                entries, whole = self._dump()
            except OSError as error:
                if last or error.errno != errno.ENOBUFS:
                    raise KernelError(_sentence(error)) from error
                continue
            if whole:
                break
        return entries

    def _dump(self) -> tuple[list[Entry], bool]:
        """Ask once, on a socket of its own so that nothing of an earlier answer can be left in it."""
        entries, whole = [], True
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel, _collector_resting():
            kernel.settimeout(PATIENCE)
            _widen(kernel)
            kernel.send(_request())
            while True:
                part = self._parser.parse(kernel.recv(DATAGRAM))
                if part.errno:
                    raise OSError(part.errno, os.strerror(part.errno))
                entries += part.entries
                whole &= not part.interrupted
                if part.done:
                    return entries, whole


class FakeConntrack(Conntrack):
    """A connection table that is what the test says, or that refuses with the test's error."""

    def __init__(self, entries: Iterable[Entry] = (), error: KernelError | None = None) -> None:
        super().__init__()
        self._entries = list(entries)
        self._error = error

    def entries(self) -> list[Entry]:
        """The entries given, or the error."""
        if self._error:
            raise self._error
        return list(self._entries)


def _request() -> bytes:
    """IPCTNL_MSG_CT_GET as a dump; family AF_UNSPEC means every family."""
    size = NLMSGHDR.size + NFGENMSG.size
    return NLMSGHDR.pack(size, IPCTNL_MSG_CT_GET, NLM_F_REQUEST_DUMP, 1, 0) + NFGENMSG.pack(socket.AF_UNSPEC, 0, 0)


def _widen(kernel: socket.socket) -> None:
    """Get a receive buffer beyond net.core.rmem_max if we may; without it the dump is slower, not wrong."""
    try:
        kernel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Three tuples per entry, none of them in a cycle: the collector would walk them all, again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _sentence(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"the kernel did not list its connections within {PATIENCE:.0f} s"
    return SENTENCES.get(error.errno or 0, f"the kernel did not list its connections: {error.strerror or error}")
