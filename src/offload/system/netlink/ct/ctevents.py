"""The door to what the kernel tells of connections that end: each with its last counters, and gone with the telling."""

from offload.errors import KernelError
from offload.model.flow import Entry
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_DELETE, Parser
from offload.system.netlink.route.monitor import datagrams, listening
from offload.system.netlink.wire import NETLINK_NETFILTER

DESTROY_GROUP = 1 << (3 - 1)  # NFNLGRP_CONNTRACK_DESTROY
ROOM = 4 << 20  # bytes for some 5,000 endings, until somebody looks
MOST_AT_ONCE = 1 << 16  # each ending is a datagram; more than that at one look never end


class ConntrackEvents:
    """Listens from the moment it is made. `descriptor` is what to poll."""

    def __init__(self) -> None:
        self._parser = Parser(IPCTNL_MSG_CT_DELETE)
        try:
            self._kernel = listening(NETLINK_NETFILTER, DESTROY_GROUP, ROOM)
        except OSError as error:
            raise KernelError(f"the kernel does not tell of ending connections: {error.strerror}") from error
        self.descriptor = self._kernel.fileno()

    def read(self) -> tuple[list[Entry], bool]:
        """The connections that ended since the last look, and whether that is all of them."""
        ended: list[Entry] = []
        whole = True
        for each in datagrams(self._kernel, MOST_AT_ONCE):
            if each is None:
                whole = False
            else:
                ended += self._parser.parse(each).entries
        return ended, whole

    def close(self) -> None:
        """Listen no more."""
        self._kernel.close()
