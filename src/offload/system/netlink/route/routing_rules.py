"""Parse routing rules (`ip rule`), most of all those that compare the packet mark, and changes of routes. Pure.

Numbers and structures: include/uapi/linux/fib_rules.h and rtnetlink.h.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from offload.model.network import RoutingRule
from offload.nouns import dataclass, field
from offload.system.netlink.route.rtnetlink import (
    AF_INET,
    AF_INET6,
    RTA_DST,
    RTA_MULTIPATH,
    RTA_OIF,
    RTA_PRIORITY,
    RTA_TABLE,
    RTM_DELROUTE,
    RTM_NEWROUTE,
    RTMSG,
    hop_devices,
)
from offload.system.netlink.wire import Attributes, Message, attributes, message, number

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FIB_RULE_HDR = struct.Struct("=BBBBBxxBI")  # family, dst_len, src_len, tos, table, action, flags
FRA_FWMARK, FRA_TABLE, FRA_FWMASK = 10, 15, 16
FIB_RULE_INVERT = 0x2
FR_ACT_TO_TBL, FR_ACT_NOP = 1, 3
FAMILIES = {AF_INET: "ipv4", AF_INET6: "ipv6"}
WHOLE_MARK = 0xFFFFFFFF

RTA_SRC, RTA_GATEWAY, RTA_METRICS, RTA_VIA, RTA_ENCAP, RTA_NH_ID = 2, 5, 8, 18, 22, 30
RTM_F_CLONED = 0x200  # a cache entry, not a route
RT_TABLE_LOCAL = 255  # of the router's own addresses
EVERYWHERE = frozenset({253, 254, RT_TABLE_LOCAL})  # default, main and local: tables that the kernel's own rules have
LINK_LOCAL = b"\xfe\x80"  # IPv6, which is never forwarded: each device that comes up brings such a route
KEY = (RTA_DST, RTA_SRC, RTA_PRIORITY, RTA_TABLE)  # together with the header these identify a route
# and these say where it leads, and how (its MTU is a metric)
WAY = (RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH, RTA_METRICS, RTA_ENCAP, RTA_NH_ID)
MOST_ROUTES = 4096  # that are remembered
REFUSING = frozenset({6, 7, 8})  # types RTN_BLACKHOLE, RTN_UNREACHABLE and RTN_PROHIBIT
ONE_HOST = frozenset({(AF_INET, 32), (AF_INET6, 128)})  # family and bits of a target
# include/uapi/linux/nexthop.h: nexthop objects (`ip nexthop`), which routes name by their number
RTM_NEWNEXTHOP, RTM_DELNEXTHOP, NHMSG_SIZE, NHA_ID, NHA_OIF = 104, 105, 8, 1, 5
UNTOLD = 0  # in place of a device's index
Parts = tuple[bytes, ...]

RULES = message(RTM_GETRULE, bytes(FIB_RULE_HDR.size))


def routing_rules(found: Iterable[Message]) -> tuple[RoutingRule, ...]:
    """The routing rules of IPv4 and IPv6 that compare the packet mark, from the messages of a dump.

    Those with the action `nop` are left out.
    """
    read = (_rule(body) for kind, body in found if _is_rule(kind, body))
    return tuple(each for each in read if each)


def policy_routed(found: Iterable[Message]) -> frozenset[str]:
    """The families (ipv4, ipv6) of which a rule in the messages of a dump looks up a table besides main.

    Tables `local` and `default` do not count. A rule of VRFs does.
    """
    heads = ((FIB_RULE_HDR.unpack_from(body), body) for kind, body in found if _is_rule(kind, body))
    return frozenset(
        FAMILIES[family]
        for (family, _, _, _, table, action, _), body in heads
        if family in FAMILIES and action == FR_ACT_TO_TBL and _table(body, table) not in EVERYWHERE
    )


def _is_rule(kind: int, body: bytes) -> bool:
    return kind == RTM_NEWRULE and len(body) >= FIB_RULE_HDR.size


# `short`: the table's number in the header, which has room for 255 tables
def _table(body: bytes, short: int) -> int:
    found = attributes(body, FIB_RULE_HDR.size)
    return number(found[FRA_TABLE][:4]) if FRA_TABLE in found else short


def _rule(body: bytes) -> RoutingRule | None:
    family, _, _, _, table, action, flags = FIB_RULE_HDR.unpack_from(body)
    found = attributes(body, FIB_RULE_HDR.size)
    if family not in FAMILIES or action == FR_ACT_NOP or not found.keys() & {FRA_FWMARK, FRA_FWMASK}:
        return None
    mask = number(found[FRA_FWMASK][:4]) if FRA_FWMASK in found else WHOLE_MARK
    mark = number(found.get(FRA_FWMARK, b"")[:4])
    return RoutingRule(FAMILIES[family], mark & mask, mask, _table(body, table), bool(flags & FIB_RULE_INVERT))


class ToReturn(IntEnum):
    """Which of our tables a change of routes asks to create again; each value includes those before it.

    HARDWARE: a route that leads to one host changed. Daemons may write such all the time (odhcpd as a relay, babel,
    OLSR), and the kernel itself looks routes up anew for most flows in software. LOST: notifications were lost,
    perhaps of any route, so all tables. ALL: another route, or a routing rule, changed.
    """

    NOTHING, HARDWARE, LOST, ALL = range(4)


class Way(NamedTuple):
    """Where a route leads."""

    parts: Parts  # its type, empty if the kernel may have deleted the route, and the attributes WAY
    devices: frozenset[int]  # indexes; UNTOLD for those of a nexthop object; empty: it refuses packets


@dataclass(slots=True)
class RouteEvents:
    """Tells notifications that change a route from those that only repeat it, such as a renewed lifetime.

    It remembers the last state of each route and nexthop object; when it has MOST_ROUTES (4096) routes or objects and
    another comes, it forgets all.
    """

    _known: dict[Parts, Way] = field(default_factory=dict)
    _nexthops: dict[bytes, bytes] = field(default_factory=dict)  # messages by number
    _doubted: set[Parts] = field(default_factory=set)  # routes of which notifications may have been lost
    _whole: set[int] = field(default_factory=set)  # devices all of whose routes are remembered, and name them

    def doubt(self) -> None:
        """Note that the kernel dropped notifications, which may have been about any remembered route.

        The next notification of such a route asks for LOST at most if it equals the remembered state: the route may
        have led elsewhere in between. Nexthop objects are forgotten.
        """
        self._doubted = set(self._known)
        self._nexthops.clear()
        self._whole.clear()

    def came(self, device: int) -> None:
        """Note that the device with this index is new: all its routes will have been notified."""
        self._whole.add(device)

    def left(self, device: int) -> None:
        """Note that the device with this index exists no more."""
        self._whole.discard(device)

    def flushed(self, device: int, *, all_gone: bool, sure: bool) -> ToReturn:
        """What the routes of IPv4 ask for that the kernel deletes with a device that goes down, or with an address.

        It does not notify of them. `device`: its index. `all_gone`: it went down; else it may have kept some. `sure`:
        it has no routes but remembered ones, as a device that `came`. A route that comes again later counts as new.
        """
        sure |= device in self._whole
        asked, lost = (ToReturn.NOTHING, {device}) if sure else (ToReturn.ALL, {device, UNTOLD})
        for key, way in list(self._known.items()):
            if way.devices & lost:
                asked = max(asked, _asked(*key[0][:2]))
                if all_gone and way.devices == {device}:
                    del self._known[key]
                else:  # it goes on by the other devices, and perhaps later by this one, without a word
                    self._known[key] = Way((b"", *way.parts[1:]), way.devices)
        return asked

    def changed(self, kind: int, body: bytes) -> ToReturn:
        """What the route in a message (type, body) asks for if it is new, was deleted, or leads elsewhere.

        It leads elsewhere if its type, next hops or metrics are not as remembered; its state is remembered. A route
        that is not remembered counts as new. Else NOTHING; so for messages about other objects, cached routes, routes
        of the table `local`, link-local targets of IPv6, and a deleted route that refused packets: no flow went by it.
        """
        if kind not in {RTM_NEWROUTE, RTM_DELROUTE} or len(body) < RTMSG.size:
            return ToReturn.NOTHING
        family, target, source, tos, table, _, _, sort, flags = RTMSG.unpack_from(body)
        if flags & RTM_F_CLONED or table == RT_TABLE_LOCAL:
            return ToReturn.NOTHING
        found = attributes(body, RTMSG.size)
        if family == AF_INET6 and found.get(RTA_DST, b"").startswith(LINK_LOCAL):
            return ToReturn.NOTHING
        asked = ToReturn.ALL if sort in REFUSING else _asked(family, target)
        key = (bytes((family, target, source, tos, table)), *(found.get(each, b"") for each in KEY))
        before, doubted = self._known.pop(key, None), key in self._doubted
        self._doubted.discard(key)
        if kind == RTM_DELROUTE:
            return ToReturn.NOTHING if sort in REFUSING else asked
        if len(self._known) >= MOST_ROUTES:
            self._forget()
        way = self._known[key] = Way((bytes((sort,)), *(found.get(each, b"") for each in WAY)), _devices(found))
        if before != way:
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
        before = self._nexthops.pop(name, None)
        if kind == RTM_DELNEXTHOP:
            gone = [key for key, way in self._known.items() if way.parts[-1] == name]
            for key in gone:
                del self._known[key]
            return max([_asked(*key[0][:2]) for key in gone] + [ToReturn.NOTHING if before else ToReturn.ALL])
        if len(self._nexthops) >= MOST_ROUTES:
            self._forget()
        self._nexthops[name] = body
        self._whole.discard(_out(found))  # routes lead by it now that need not name it
        return ToReturn.ALL if before != body else ToReturn.NOTHING

    def unplugged(self, device: int) -> ToReturn:
        """What the nexthop objects by the device with this index ask for: it has no carrier.

        The kernel deletes them then, with their routes, and notifies of neither.
        """
        gone = [each for each in self._nexthops.values() if _out(attributes(each, NHMSG_SIZE)) == device]
        for each in gone:
            self.nexthop(RTM_DELNEXTHOP, each)
        return ToReturn.ALL if gone else ToReturn.NOTHING  # also for the routes of groups that they were in

    def _forget(self) -> None:
        self._known.clear()
        self.doubt()


def _out(nexthop: Attributes) -> int:
    return number(nexthop.get(NHA_OIF, b""))


# `bits`: of the target's prefix
def _asked(family: int, bits: int) -> ToReturn:
    return ToReturn.HARDWARE if (family, bits) in ONE_HOST else ToReturn.ALL


def _devices(found: Attributes) -> frozenset[int]:
    if RTA_OIF in found:
        return frozenset({number(found[RTA_OIF])})
    # net.ipv4.nexthop_compat_mode=0 names a nexthop object alone
    return frozenset(hop_devices(found.get(RTA_MULTIPATH, b""))) or frozenset({UNTOLD} if RTA_NH_ID in found else ())
