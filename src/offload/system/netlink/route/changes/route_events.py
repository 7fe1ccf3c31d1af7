"""Which changes of routes, as the kernel notifies of them, ask for our tables to be created again. Pure.

Numbers and structures: include/uapi/linux/rtnetlink.h and nexthop.h.
"""

from collections.abc import Iterable

from offload.model.kernel.to_return import ToReturn
from offload.nouns import dataclass, field
from offload.system.netlink.route.changes.route_memory import UNTOLD, Groups, Hop, Key, RouteMemory, Way
from offload.system.netlink.route.rtnetlink import (
    AF_INET,
    AF_INET6,
    RT_TABLE_LOCAL,
    RTA_DST,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_PRIORITY,
    RTA_TABLE,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTMSG,
    next_hops,
)
from offload.system.netlink.wire import Attributes, Message, attributes, message, number

RTA_SRC, RTA_GATEWAY, RTA_PREFSRC, RTA_METRICS, RTA_VIA, RTA_ENCAP, RTA_NH_ID = 2, 5, 7, 8, 18, 22, 30
RTM_F_CLONED = 0x200  # a cache entry, not a route
LINK_LOCAL = b"\xfe\x80"  # IPv6, which is never forwarded: each device that comes up brings such a route
KEY = (RTA_DST, RTA_SRC, RTA_PRIORITY, RTA_TABLE)  # together with the header these identify a route
# and these say where it leads, and how (its MTU is a metric)
WAY = (RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH, RTA_METRICS, RTA_ENCAP, RTA_NH_ID)
MOST_ROUTES = 4096  # that are remembered
REFUSING = frozenset({6, 7, 8})  # types RTN_BLACKHOLE, RTN_UNREACHABLE and RTN_PROHIBIT
ONE_HOST = frozenset({(AF_INET, 32), (AF_INET6, 128)})  # family and bits of a target
# include/uapi/linux/nexthop.h: nexthop objects (`ip nexthop`), which routes name by their number
RTM_NEWNEXTHOP, RTM_DELNEXTHOP, RTM_GETNEXTHOP, NHMSG_SIZE = 104, 105, 106, 8
NHA_ID, NHA_GROUP, NHA_OIF, MEMBER_SIZE = 1, 2, 5, 8
NLM_F_REPLACE = 0x100  # as a flag of RTM_NEWROUTE: the route is in the place of the one before

NEXTHOPS = message(RTM_GETNEXTHOP, bytes(NHMSG_SIZE))


@dataclass(slots=True)
class RouteEvents:
    """Tells notifications that change a route from those that only repeat it, such as a renewed lifetime.

    It remembers the last state of each route and nexthop object; when it has MOST_ROUTES (4096) routes and another
    comes, it forgets all routes, and so with objects.
    """

    _known: RouteMemory = field(default_factory=RouteMemory)  # the last state of each route
    _nexthops: dict[bytes, bytes] = field(default_factory=dict)  # messages by number
    # numbers of nexthop objects by device, and of groups of them by the number of a member
    _by_part: Groups[int | bytes, bytes] = field(default_factory=Groups)
    _older: set[bytes] = field(default_factory=set)  # nexthop objects that may have routes which are not remembered
    _all_objects: bool = False  # whether each nexthop object that there is is remembered
    _doubted: set[Key] = field(default_factory=set)  # routes of which notifications may have been lost
    _whole: set[int] = field(default_factory=set)  # devices all of whose routes are remembered, and name them

    def doubt(self) -> None:
        """Note that the kernel dropped notifications, which may have been about any remembered route.

        The next notification of such a route asks for LOST at most if it equals the remembered state: the route may
        have led elsewhere in between. Nexthop objects are forgotten.
        """
        self._doubted = set(self._known)
        self._whole.clear()
        self._forget_objects()

    def there(self, found: Iterable[Message]) -> None:
        """Note the nexthop objects in the messages of a dump of all, whose routes may not have been notified."""
        self._all_objects = True
        for kind, body in found:
            self.nexthop(kind, body)
        self._older.update(self._nexthops)

    def came(self, device: int) -> None:
        """Note that the device with this index is new: all its routes will have been notified."""
        self._whole.add(device)

    def left(self, device: int) -> None:
        """Note that the device with this index exists no more."""
        self._whole.discard(device)

    def by(self, device: int, *, sure: bool) -> ToReturn:
        """What the routes by the device with this index ask for, where all of them are ignored, or heeded again.

        `sure`: it has no routes but remembered ones, as a device that `came`.
        """
        if not sure and device not in self._whole:
            return ToReturn.ALL
        sorts = {key[0][:2] for key in self._known.by_device(device)}  # few, of perhaps thousands: a carrier may flap
        return max((_asked(*each) for each in sorts), default=ToReturn.NOTHING)

    def flushed(self, device: int, address: bytes = b"", *, all_gone: bool = False, sure: bool = False) -> ToReturn:
        """What the routes of IPv4 ask for that the kernel deletes with a device that goes down, or with an address.

        It does not notify of them. `device`: its index. `address`: the one that the device lost, with the routes that
        prefer it as source, also by other devices (older kernels tell of none). `all_gone`: it went down; else it
        may have kept some. `sure`: it has no routes but remembered ones, as a device that `came`. A route that comes
        again later counts as new.
        """
        asked = self.by(device, sure=sure)
        sure |= device in self._whole
        for key in {*self._known.by_device(device), *self._known.by_source(address)}:
            asked = max(asked, _asked(*key[0][:2]))
            if all_gone and self._known.devices(key) == {device}:
                self._known.take(key)
            else:  # it goes on by the other devices, and perhaps later by this one, without a word
                self._known.doubt(key)
        for key in () if sure else self._known.untold():
            self._known.doubt(key)
        return asked

    def changed(self, kind: int, flags: int, body: bytes) -> ToReturn:
        """What the route in a message (type, flags, body) asks for if it is new, was deleted, or leads elsewhere.

        It leads elsewhere if its type, next hops or metrics are not as remembered; its state is remembered. A route
        that is not remembered counts as new, and so does one that is appended to another. Else NOTHING; so for messages
        about other objects, cached routes, routes of the table `local`, link-local targets of IPv6, and a deleted route
        that refused packets: no flow went by it.
        """
        if kind not in {RTM_NEWROUTE, RTM_DELROUTE} or len(body) < RTMSG.size:
            return ToReturn.NOTHING
        family, target, source, tos, table, _, _, sort, own = RTMSG.unpack_from(body)
        if own & RTM_F_CLONED or table == RT_TABLE_LOCAL:
            return ToReturn.NOTHING
        found = attributes(body, RTMSG.size)
        if family == AF_INET6 and found.get(RTA_DST, b"").startswith(LINK_LOCAL):
            return ToReturn.NOTHING
        asked = ToReturn.ALL if sort in REFUSING else _asked(family, target)
        key = (bytes((family, target, source, tos, table)), *(found.get(each, b"") for each in KEY))
        doubted, hops = key in self._doubted, _hops(family, found)
        self._doubted.discard(key)
        if kind == RTM_DELROUTE:  # of several with this key perhaps one, or of one some next hops
            self._known.without(key, hops)
            return ToReturn.NOTHING if sort in REFUSING else asked
        before = self._known.take(key)
        if len(self._known) >= MOST_ROUTES:
            self._forget_routes()
        beside = before.hops if before and (before.several or not flags & NLM_F_REPLACE) else frozenset()
        parts = (bytes((sort,)), *(found.get(each, b"") for each in WAY))
        self._known.put(key, Way(parts, hops | beside, several=not beside <= hops))
        if before is None or before.parts != parts:
            return asked
        return min(asked, ToReturn.LOST) if doubted else ToReturn.NOTHING

    def nexthop(self, kind: int, body: bytes) -> ToReturn:
        """What the nexthop object in a message (type, body) asks for if it was replaced, or deleted with its routes.

        The kernel does not notify of the routes of IPv4 that it deletes so, nor, where net.ipv4.nexthop_compat_mode is
        0, of those that lead elsewhere. An object that is not remembered may be older than our memory, with routes, so
        it asks for ALL, as the routes of a new one do. NOTHING for messages about other objects.
        """
        found = attributes(body, NHMSG_SIZE) if kind in {RTM_NEWNEXTHOP, RTM_DELNEXTHOP} else {}
        name = found.get(NHA_ID)
        if not name:
            return ToReturn.NOTHING
        before, older = self._nexthops.pop(name, None), name in self._older
        for each in _parts(before) if before else ():
            self._by_part.discard(each, name)
        if kind == RTM_DELNEXTHOP:
            self._older.discard(name)
            gone = self._known.by_nexthop(name)
            for key, hops in gone:
                self._known.without(key, hops)
            others = ToReturn.NOTHING if before and not older else ToReturn.ALL
            return max([others, *(_asked(*key[0][:2]) for key, _ in gone)])
        if len(self._nexthops) >= MOST_ROUTES:
            self._forget_objects()
        if not before and not self._all_objects:
            self._older.add(name)
        self._nexthops[name] = body
        for part in _parts(body):
            self._by_part.add(part, name)
        self._whole.difference_update(_parts(body))  # routes lead by its device now that need not name it
        return ToReturn.ALL if before != body else ToReturn.NOTHING

    def unplugged(self, device: int) -> ToReturn:
        """What the nexthop objects by the device with this index ask for: it has no carrier.

        The kernel deletes them then, with their routes, takes them out of groups, and notifies of none of it. So the
        next message about one of these groups, or a route by it, counts as a change.
        """
        gone = set(self._by_part.of(device))
        groups = {group for each in gone for group in self._by_part.of(each)}
        for each in gone | groups:
            self.nexthop(RTM_DELNEXTHOP, self._nexthops[each])
        self._older.update(groups)  # the groups may still exist, with other members, and so may their routes
        return ToReturn.ALL if gone else ToReturn.NOTHING

    def _forget_routes(self) -> None:
        self._known.clear()
        self._doubted.clear()
        self._whole.clear()
        self._older.update(self._nexthops)

    def _forget_objects(self) -> None:
        self._nexthops.clear()
        self._by_part.clear()
        self._older.clear()
        self._all_objects = False


# the index of its device, or of a group the numbers of its members
def _parts(nexthop: bytes) -> set[int | bytes]:
    found = attributes(nexthop, NHMSG_SIZE)
    group = found.get(NHA_GROUP, b"")
    device = number(found.get(NHA_OIF, b""))
    return {group[at : at + 4] for at in range(0, len(group), MEMBER_SIZE)} | ({device} if device else set())


# `bits`: of the target's prefix
def _asked(family: int, bits: int) -> ToReturn:
    return ToReturn.HARDWARE if (family, bits) in ONE_HOST else ToReturn.ALL


def _hops(family: int, found: Attributes) -> frozenset[Hop]:
    # a route of IPv6 stays when its source goes, which it then lacks in the message that it is deleted
    name, source = found.get(RTA_NH_ID, b""), found.get(RTA_PREFSRC, b"") if family == AF_INET else b""
    if RTA_OIF in found:
        return frozenset({Hop(number(found[RTA_OIF]), _gateway(found), name, source)})
    several = next_hops(found.get(RTA_MULTIPATH, b""))
    hops = frozenset(Hop(device, _gateway(each), name, source) for device, each in several)
    # net.ipv4.nexthop_compat_mode=0 names a nexthop object alone
    return hops or frozenset({Hop(UNTOLD, b"", name, source)} if name else ())


def _gateway(found: Attributes) -> bytes:
    return found.get(RTA_GATEWAY) or found.get(RTA_VIA, b"")
