"""Read the events of connections that end: the kernel sends each once, with its last counters."""

import os
from contextlib import suppress

from offload.errors import KernelError
from offload.model.flow import Entry
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_DELETE, Parser
from offload.system.netlink.route.monitor import datagrams, listening
from offload.system.netlink.wire import NETLINK_NETFILTER

DESTROY_GROUP = 1 << (3 - 1)  # NFNLGRP_CONNTRACK_DESTROY
ROOM = 4 << 20  # bytes, for about 5,000 events until the next read
MOST_AT_ONCE = 1 << 16  # events in one read; each is a datagram


class ConntrackEvents:
    """Receives the kernel's DESTROY events from its creation on, which raises KernelError if the kernel has none.

    `descriptor`: the socket to poll; it never blocks.
    """

    def __init__(self) -> None:
        self._parser = Parser(IPCTNL_MSG_CT_DELETE)
        try:
            self._kernel = listening(NETLINK_NETFILTER, DESTROY_GROUP, ROOM)
        except OSError as error:
            raise KernelError(f"the kernel does not tell of ending connections: {error.strerror}") from error
        self.descriptor = self._kernel.fileno()

    def read(self) -> tuple[list[Entry], bool]:
        """The entries that ended since the last read, with their last counters, and whether none was dropped.

        False: the kernel dropped some, or the socket failed. At most MOST_AT_ONCE events are read; the rest stays.
        """
        ended: list[Entry] = []
        whole = True
        for each in datagrams(self._kernel, MOST_AT_ONCE):
            if each is None:
                whole = False
            else:
                ended += self._parser.parse(each).entries
        return ended, whole

    def close(self) -> None:
        """Close the socket."""
        self._kernel.close()


class FakeConntrackEvents:
    """Events in memory, which `end` adds. `descriptor`: a pipe, readable from a call of `end` to the next `read`.

    `whole`: False makes the next `read` report that the kernel dropped some events; that `read` sets it to True again.
    """

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self.descriptor, False)
        self.ended: list[Entry] = []
        self.whole = True

    def end(self, *entries: Entry) -> None:
        """Add events: these connections have ended. Without any it only makes the descriptor readable."""
        self.ended += entries
        os.write(self._writing, b".")

    def read(self) -> tuple[list[Entry], bool]:
        """The entries of `end` since the last call, and the value of `whole`; it never waits."""
        found, self.ended = self.ended, []
        with suppress(BlockingIOError):
            os.read(self.descriptor, 1 << 16)
        whole, self.whole = self.whole, True
        return found, whole

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.descriptor)
        os.close(self._writing)
