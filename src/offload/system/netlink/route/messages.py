"""Parse notifications of rtnetlink and nfnetlink, and find causes for a pass of the service. Pure, no socket."""

from collections.abc import Iterable

from offload.model.cause import Cause
from offload.model.kernel.to_return import ToReturn
from offload.model.plan import TABLES
from offload.nouns import dataclass, field
from offload.system.netlink.route.changes.device_sysctls import IFF_CARRIER, Carriers, forwarding_stopped
from offload.system.netlink.route.changes.route_events import RouteEvents
from offload.system.netlink.route.routing_rules import RTM_DELRULE, RTM_NEWRULE
from offload.system.netlink.route.rtnetlink import (
    AF_BRIDGE,
    AF_INET,
    IFA_LOCAL,
    IFADDRMSG,
    IFF_UP,
    IFINFOMSG,
    IFLA_IFNAME,
    IFLA_INFO_SLAVE_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    NeighbourEvent,
    neighbour,
)
from offload.system.netlink.route.traffic_control import (
    RTM_DELQDISC,
    RTM_DELTFILTER,
    RTM_NEWQDISC,
    RTM_NEWTFILTER,
    QdiscMessage,
    qdisc,
)
from offload.system.netlink.wire import (
    NFGENMSG,
    NFT_MSG_NEWGEN,
    NFTABLES,
    Attributes,
    Message,
    attributes,
    flagged,
    messages,
    text,
)

# include/uapi/linux/netfilter/nf_tables.h
NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWRULE, NFT_MSG_DELRULE = 0, 2, 6, 8
NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, ELEMENTS_SET = 12, 14, 2
NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, CHAIN_HOOK = 3, 5, 4
FIREWALL = b"fw4"
OURS = frozenset(name.encode() for name, _, _ in TABLES)
REMOVALS = frozenset({NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE})
MOST_QDISCS = 4096  # that are remembered
CAUSES = {
    **dict.fromkeys((RTM_NEWADDR, RTM_DELADDR), Cause.ADDRESS),
    **dict.fromkeys((RTM_NEWRULE, RTM_DELRULE), Cause.ROUTING_RULE),
    **dict.fromkeys((RTM_NEWQDISC, RTM_DELQDISC), Cause.QDISC),
    **dict.fromkeys((RTM_NEWTFILTER, RTM_DELTFILTER), Cause.FILTER),
}
EVERY_FLAG = 0xFFFFFFFF  # as changed flags of a link: it was made or deleted
TABLE_NAME = 1  # the first attribute of every message about a table, or about something in one


@dataclass(frozen=True, slots=True)
class Notification:
    """What offload needs of one or more datagrams of notifications; fields are empty where they have none."""

    causes: tuple[Cause, ...] = ()  # for a pass of the service, in which it reads all anew; each once
    seen: tuple[NeighbourEvent, ...] = ()  # stations and neighbours that were learned or confirmed, repeats too
    generations: int = 0  # number of nft transactions that ended
    tables: frozenset[str] = frozenset()  # names of tables, of any family, that changed or whose content changed
    removed: frozenset[str] = frozenset()  # of `tables`, those that lost rules or chains, or were deleted
    elements: frozenset[tuple[str, str]] = frozenset()  # (table, name) of sets and maps whose elements changed
    routes: ToReturn = ToReturn.NOTHING  # what changed routes and routing rules ask for
    stopped: bool = False  # forwarding of IPv4 or IPv6 was switched off, of all devices or one


@dataclass(slots=True)
class Links:
    """Parses notifications of rtnetlink.

    It remembers links, queueing disciplines and routes; a notification that repeats what it remembers of one is left
    out.
    """

    _known: dict[int, tuple[bytes, int, bytes]] = field(default_factory=dict)  # links: name, up, master by index
    _qdiscs: dict[tuple[int, int], QdiscMessage] = field(default_factory=dict)  # by device and parent
    _routes: RouteEvents = field(default_factory=RouteEvents)
    _carriers: Carriers = field(default_factory=Carriers)

    def forget(self) -> None:
        """Forget earlier notifications, because the kernel dropped some.

        Then the next one of each object counts as a change; one that repeats what was remembered of a route asks for no
        more than the loss itself, ToReturn.LOST.
        """
        self._known.clear()
        self._qdiscs.clear()
        self._routes.doubt()
        self._carriers.doubt()

    def there(self, nexthops: Iterable[Message]) -> None:
        """Remember the nexthop objects in the messages of a dump."""
        self._routes.there(nexthops)

    def written(self, sysctls: Iterable[Message]) -> None:
        """Remember the sysctls of devices in the messages of a dump."""
        for kind, body in sysctls:
            self._carriers.sysctl(kind, body)

    def hear(self, datagram: bytes) -> Notification:
        """Parse a datagram of rtnetlink; never raises.

        Causes for a pass are messages about an address, a routing rule or a tc filter, and changes of a link (name, up,
        master) or a queueing discipline; the first message about one of these counts as a change. `seen` has stations
        and neighbours. `routes` is what a change of a route, which is no cause, or a message about a routing rule asks
        for; so does a link that goes down, or loses an address of IPv4, as it loses routes with it, a nexthop object
        that changes, or whose link has no carrier, and a carrier that comes or goes where routes are ignored without
        (sysctl ignore_routes_with_linkdown), or that sysctl itself. `stopped` is True if forwarding was switched off by
        its sysctl, which is no cause either.
        """
        causes: dict[Cause, None] = {}
        found: list[NeighbourEvent] = []
        routes, stopped = ToReturn.NOTHING, False
        for kind, flags, body in flagged(datagram):
            if kind in {RTM_NEWLINK, RTM_DELLINK} and self._changed(kind, body):
                causes[Cause.LINK] = None
                routes = max(routes, self._of_link(kind, body))
            elif kind == RTM_NEWNEIGH:
                found += [each] if (each := neighbour(body)) else []
            elif kind in CAUSES and self._news(kind, body):
                causes[CAUSES[kind]] = None
            of_nexthops = max(self._routes.nexthop(kind, body), self._of_carrier(kind, body))
            routes = max(routes, self._routes.changed(kind, flags, body), of_nexthops)
            if kind == RTM_DELADDR and len(body) >= IFADDRMSG.size and body[0] == AF_INET:
                device = IFADDRMSG.unpack_from(body)[-1]
                lost = attributes(body, IFADDRMSG.size).get(IFA_LOCAL, b"")
                routes = max(routes, self._routes.flushed(device, lost))
            stopped |= forwarding_stopped(kind, body)
        routes = ToReturn.ALL if Cause.ROUTING_RULE in causes else routes
        return Notification(tuple(causes), tuple(found), routes=routes, stopped=stopped)

    def _changed(self, kind: int, body: bytes) -> bool:
        # Carrier, statistics and Wi-Fi scans do not matter.
        if len(body) < IFINFOMSG.size:
            return True
        family, _, index, flags, _ = IFINFOMSG.unpack_from(body)
        if family == AF_BRIDGE:
            return False  # the state of a bridge port: changes that matter also come as messages of AF_UNSPEC
        if kind == RTM_DELLINK:
            self._known.pop(index, None)
            self._carriers.left(index)
            return True
        found = attributes(body, IFINFOMSG.size)
        now = found.get(IFLA_IFNAME, b""), flags & IFF_UP, found.get(IFLA_MASTER, b"")
        before, self._known[index] = self._known.get(index), now
        return before != now

    def _of_link(self, kind: int, body: bytes) -> ToReturn:
        if len(body) < IFINFOMSG.size:
            return ToReturn.NOTHING
        _, _, index, flags, changed = IFINFOMSG.unpack_from(body)
        if changed == EVERY_FLAG:  # it came, or left; if it was up, it went down first, with a message of its own
            (self._routes.came if kind == RTM_NEWLINK else self._routes.left)(index)
            return ToReturn.NOTHING
        if flags & IFF_UP:
            return ToReturn.NOTHING
        sure = not changed & IFF_UP or _has_no_routes(attributes(body, IFINFOMSG.size))
        return self._routes.flushed(index, all_gone=True, sure=sure)

    def _of_carrier(self, kind: int, body: bytes) -> ToReturn:
        if self._carriers.sysctl(kind, body):
            return ToReturn.ALL
        if kind != RTM_NEWLINK or len(body) < IFINFOMSG.size:
            return ToReturn.NOTHING
        family, _, index, flags, _ = IFINFOMSG.unpack_from(body)
        asked = ToReturn.NOTHING if flags & IFF_CARRIER else self._routes.unplugged(index)
        if family != AF_BRIDGE and (most := self._carriers.changed(index, flags)):
            own = self._routes.by(index, sure=_has_no_routes(attributes(body, IFINFOMSG.size)))
            asked = max(asked, min(most, own))
        return asked

    def _news(self, kind: int, body: bytes) -> bool:
        # All are, but a queueing discipline that is as it was in the last message about it.
        if kind not in {RTM_NEWQDISC, RTM_DELQDISC} or not (now := qdisc(body)):
            return True
        if kind == RTM_DELQDISC:  # the same one may be added again
            self._qdiscs.pop((now.device, now.parent), None)
            return True
        if len(self._qdiscs) >= MOST_QDISCS:
            self._qdiscs.clear()
        place = now.device, now.parent
        before, self._qdiscs[place] = self._qdiscs.get(place), now
        return before != now


# A port of a bridge or bond, that is. What is in a VRF has its own.
def _has_no_routes(found: Attributes) -> bool:
    info = attributes(found.get(IFLA_LINKINFO, b""))
    return IFLA_MASTER in found and text(info.get(IFLA_INFO_SLAVE_KIND, b"")) != "vrf"


def transactions(datagram: bytes) -> Notification:
    """Parse a datagram of NFNLGRP_NFTABLES: causes for a pass, and names of changed tables and sets. Never raises.

    Causes are: a table that was made or deleted, a base chain that was added or changed, any deleted chain, and a rule
    that was added or deleted in a table that is not offload's. Changed elements of a set are no cause. `generations`
    counts the transactions that ended, whichever program sent them.
    """
    tables: set[str] = set()
    removed: set[str] = set()
    elements: set[tuple[str, str]] = set()
    causes: dict[Cause, None] = {}
    generations = 0
    for kind, body in messages(datagram):
        if kind >> 8 != NFTABLES:
            continue
        message = kind & 0xFF
        generations += message == NFT_MSG_NEWGEN
        found = attributes(body, NFGENMSG.size) if message != NFT_MSG_NEWGEN else {}
        name = found.get(TABLE_NAME, b"")
        if name:
            table = name.rstrip(b"\0").decode("ascii", "replace")
            tables.add(table)
            removed |= {table} if message in REMOVALS else set()
        if message in {NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM}:
            elements.add((text(name), text(found.get(ELEMENTS_SET, b""))))
        if message in {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE}:
            causes[Cause.TABLE] = None
        elif message == NFT_MSG_DELCHAIN or (message == NFT_MSG_NEWCHAIN and CHAIN_HOOK in found):
            causes[Cause.CHAIN] = None  # since 6.4 the kernel does not tell the hook of a deleted one
        elif message in {NFT_MSG_NEWRULE, NFT_MSG_DELRULE} and name.rstrip(b"\0") == FIREWALL:
            causes[Cause.FIREWALL] = None  # a firewall's table stays when it is reloaded
        elif message in {NFT_MSG_NEWRULE, NFT_MSG_DELRULE} and name.rstrip(b"\0") not in OURS:
            causes[Cause.RULES] = None
    return Notification(tuple(causes), (), generations, frozenset(tables), frozenset(removed), frozenset(elements))
