"""The door to what the kernel tells of connections that end: each with its last counters, and gone with the telling."""

import errno
import socket
from contextlib import suppress

from offload.errors import KernelError
from offload.model.flow import Entry
from offload.system.ctnetlink import IPCTNL_MSG_CT_DELETE, Parser

NETLINK_NETFILTER = 12
DESTROY_GROUP = 1 << (3 - 1)  # NFNLGRP_CONNTRACK_DESTROY
SO_RCVBUFFORCE = 33  # asm-generic/socket.h, and every other architecture but sparc and parisc
RECEIVE_BUFFER = 4 << 20  # some 5,000 endings, until somebody looks
DATAGRAM = 64 << 10


class Endings:
    """Listens from the moment it is made. `descriptor` is what to poll."""

    def __init__(self) -> None:
        self._parser = Parser(IPCTNL_MSG_CT_DELETE)
        try:
            self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_NETFILTER)
            with suppress(OSError):
                self._kernel.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            self._kernel.bind((0, DESTROY_GROUP))
        except OSError as error:
            raise KernelError(f"the kernel does not tell of ending connections: {error.strerror}") from error
        self.descriptor = self._kernel.fileno()

    def read(self) -> tuple[list[Entry], bool]:
        """The connections that ended since the last look, and whether that is all of them."""
        ended: list[Entry] = []
        whole = True
        while True:
            try:
                ended += self._parser.parse(self._kernel.recv(DATAGRAM)).entries
            except BlockingIOError:
                return ended, whole
            except OSError as error:
                whole = False
                if error.errno != errno.ENOBUFS:
                    return ended, whole

    def close(self) -> None:
        """Listen no more."""
        self._kernel.close()
