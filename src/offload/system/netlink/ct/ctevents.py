"""Receive the kernel's events of conntrack entries that end (DESTROY); each has the entry with its last counters."""

import os
from contextlib import suppress

from offload.errors import KernelError
from offload.model.flow import Entry
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_DELETE, Parser
from offload.system.netlink.listener import Listener
from offload.system.netlink.wire import NETLINK_NETFILTER

DESTROY_GROUP = 1 << (3 - 1)  # NFNLGRP_CONNTRACK_DESTROY
ROOM = 4 << 20  # bytes, for about 5,000 events until the next read
MOST_AT_ONCE = 1 << 16  # events in one read; each is a datagram


class ConntrackEvents:
    """Receives the DESTROY events of conntrack entries that end after it was made. KernelError if it cannot subscribe.

    `descriptor`: the number of the socket, to poll.
    """

    def __init__(self) -> None:
        self._parser = Parser(IPCTNL_MSG_CT_DELETE)
        try:
            self._kernel = Listener(NETLINK_NETFILTER, DESTROY_GROUP, ROOM)
        except OSError as error:
            raise KernelError(f"the kernel does not tell of ending connections: {error.strerror}") from error
        self.descriptor = self._kernel.descriptor

    def read(self) -> tuple[list[Entry], bool]:
        """Read the events since the last call, without waiting: (entries that ended, whether no event is missing).

        The second value is False if the kernel dropped events, or the socket failed. At most MOST_AT_ONCE (65,536)
        events are read; the rest stays for the next call.
        """
        ended: list[Entry] = []
        whole = True
        for each in self._kernel.datagrams(MOST_AT_ONCE):
            if each is None:
                whole = False
            else:
                ended += self._parser.parse(each).entries
        return ended, whole

    def close(self) -> None:
        """Close the socket; afterwards nothing can be read."""
        self._kernel.close()


class FakeConntrackEvents:
    """Events in memory, added by `end`. `descriptor`: a pipe that is readable from `end` to the next `read`.

    If a test sets `whole` to False, the next `read` reports that events are missing, and `whole` is True again.
    """

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        os.set_blocking(self.descriptor, False)
        self.ended: list[Entry] = []
        self.whole = True

    def end(self, *entries: Entry) -> None:
        """Add an event for each of these entries; without any it only makes `descriptor` readable."""
        self.ended += entries
        os.write(self._writing, b".")

    def read(self) -> tuple[list[Entry], bool]:
        """(entries given to `end` since the last read, value of `whole`); then `whole` is True. Never waits."""
        found, self.ended = self.ended, []
        with suppress(BlockingIOError):
            os.read(self.descriptor, 1 << 16)
        whole, self.whole = self.whole, True
        return found, whole

    def close(self) -> None:
        """Close both ends of the pipe."""
        os.close(self.descriptor)
        os.close(self._writing)
