"""Listen to the kernel's notifications: one socket for rtnetlink, one for nftables."""

import os
import socket
from collections.abc import Iterable
from contextlib import suppress

from offload.errors import KernelError
from offload.model.cause import Cause
from offload.model.kernel.to_return import ToReturn
from offload.model.network import Neighbour, Station
from offload.system.netlink.dump import dump
from offload.system.netlink.listener import MOST_WAITING, Listener
from offload.system.netlink.route.changes.device_sysctls import SYSCTLS
from offload.system.netlink.route.changes.route_events import NEXTHOPS
from offload.system.netlink.route.messages import Links, Notification, transactions
from offload.system.netlink.route.rtnetlink import NeighbourEvent
from offload.system.netlink.wire import NETLINK_NETFILTER, NETLINK_ROUTE, device_name

# RTNLGRP_LINK, _NEIGH (bridges' forwarding tables among them), _TC, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE,
# _IPV6_IFADDR, _IPV6_ROUTE, _IPV6_RULE, _IPV4_NETCONF, _IPV6_NETCONF, _NEXTHOP
ROUTE_GROUPS = sum(1 << (group - 1) for group in (1, 3, 4, 5, 7, 8, 9, 11, 19, 24, 25, 32))
NFTABLES_GROUP = 1 << (7 - 1)  # NFNLGRP_NFTABLES
MOST_AT_ONCE = 256  # datagrams in one call; the rest stays for the next call
NOTHING = Notification()
OVERRUN = Notification((Cause.OVERRUN,))


class Monitor:
    """Receives the notifications of rtnetlink and nftables that come after it was made.

    `descriptors`: the numbers of the two sockets, to poll, rtnetlink's first. KernelError if the sockets cannot be
    opened.
    """

    def __init__(self) -> None:
        try:
            self._route = Listener(NETLINK_ROUTE, ROUTE_GROUPS)
            self._nft = Listener(NETLINK_NETFILTER, NFTABLES_GROUP)
        except OSError as error:
            raise KernelError(f"the kernel cannot be listened to: {error.strerror}") from error
        self._links = Links()
        self._look()
        self._begun = NOTHING  # of a transaction whose end was not notified yet
        self.descriptors = (self._route.descriptor, self._nft.descriptor)

    def links(self) -> Notification:
        """Read rtnetlink's notifications since the last call, without waiting, as one Notification.

        It lacks messages that repeat what earlier ones said of a link, queueing discipline or route. If the kernel
        dropped notifications or the socket failed, it has the cause OVERRUN, and what earlier ones said is forgotten.
        At most MOST_AT_ONCE (256) datagrams are read; the rest stays for the next call.
        """
        heard = _joined(map(self._heard, self._route.datagrams(MOST_AT_ONCE)))
        if Cause.OVERRUN in heard.causes:
            self._look()
        return heard

    def _look(self) -> None:
        # A device that loses its carrier takes its nexthop objects along without a word, also those from before we
        # listened; and a sysctl decides whether its routes are ignored then.
        with suppress(OSError):  # kernels before 5.3 have no such objects
            self._links.there(dump(NETLINK_ROUTE, NEXTHOPS))
        for each in SYSCTLS:
            with suppress(OSError):  # without IPv6, or a kernel that has no such messages
                self._links.written(dump(NETLINK_ROUTE, each))

    def _heard(self, datagram: bytes | None) -> Notification:
        if datagram is not None:
            return self._links.hear(datagram)
        self._links.forget()
        return OVERRUN

    def transactions(self) -> Notification:
        """Read nftables' notifications since the last call, without waiting: those of the transactions that ended.

        They are of all programs, also of this process. Changes of a transaction that has not ended are kept for the
        next call. If the kernel dropped notifications or the socket failed, the result has the cause OVERRUN. All are
        read that came before this call, so those of our own transactions so far are among them.
        """
        ended = [NOTHING]
        for each in self._nft.datagrams(MOST_WAITING):
            part = transactions(each) if each is not None else OVERRUN
            self._begun = _joined((self._begun, part))
            if part.generations or part is OVERRUN:
                ended.append(self._begun)
                self._begun = NOTHING
        return _joined(ended)

    def named(self, seen: NeighbourEvent) -> tuple[Station, str] | Neighbour | None:
        """Look up the names of the devices in an event: (Station, name of its bridge) for a station, or a Neighbour.

        None if one of the devices does not exist any more.
        """
        with suppress(OSError):
            device = name_of(seen.device)
            if not seen.master:
                return Neighbour(seen.address, device, seen.mac)
            return Station(seen.address, device, seen.vlan), name_of(seen.master)
        return None

    def close(self) -> None:
        """Close both sockets; afterwards nothing can be read."""
        self._route.close()
        self._nft.close()


class FakeMonitor:
    """Notifications that a test sets: `of_links`, `of_nftables`. Its `descriptors` never become readable."""

    def __init__(self) -> None:
        self.of_links = self.of_nftables = NOTHING
        self._pipes = (os.pipe(), os.pipe())
        self.descriptors = (self._pipes[0][0], self._pipes[1][0])

    def links(self) -> Notification:
        """The value of `of_links`, which is then empty until a test sets it again."""
        found, self.of_links = self.of_links, NOTHING
        return found

    def transactions(self) -> Notification:
        """The value of `of_nftables`, which is then empty until a test sets it again."""
        found, self.of_nftables = self.of_nftables, NOTHING
        return found

    def named(self, seen: NeighbourEvent) -> Neighbour:
        """A neighbour on the device `ethN`, where N is the index in the event."""
        return Neighbour(seen.address, f"eth{seen.device}", seen.mac)

    def close(self) -> None:
        """Close the pipes whose ends are `descriptors`."""
        for descriptor in (each for pipe in self._pipes for each in pipe):
            os.close(descriptor)


def name_of(device: int) -> str:
    """The name of the device with this index, as `device_name` gives it; OSError: it does not exist."""
    return device_name(socket.if_indextoname(device))


def _joined(parts: Iterable[Notification]) -> Notification:
    causes: dict[Cause, None] = {}
    seen: list[NeighbourEvent] = []
    tables: set[str] = set()
    removed: set[str] = set()
    elements: set[tuple[str, str]] = set()
    generations, routes, stopped = 0, ToReturn.NOTHING, False
    for part in parts:
        causes |= dict.fromkeys(part.causes)
        seen += part.seen
        tables |= part.tables
        removed |= part.removed
        elements |= part.elements
        generations += part.generations
        routes = max(routes, part.routes)
        stopped |= part.stopped
    sets = (frozenset(tables), frozenset(removed), frozenset(elements))
    return Notification(tuple(causes), tuple(seen), generations, *sets, routes, stopped)
