"""Parse links, addresses, routes and neighbours from rtnetlink, and make requests for them. Pure, no socket.

Numbers and structures: include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h and neighbour.h. A message that is too
short, or lacks its main attribute, is left out.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import NamedTuple

from offload.model.network import Address, Route
from offload.system.netlink.wire import Attributes, Message, attribute, attributes, device_name, message, number, text

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30

AF_UNSPEC, AF_INET, AF_BRIDGE, AF_INET6 = 0, 2, 7, 10
ADDRESS_SIZES = {AF_INET: 4, AF_INET6: 16}

IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, changed
IFF_UP = 1
IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO, IFLA_EXT_MASK, IFLA_LINK_NETNSID = 3, 5, 10, 18, 29, 37
IFLA_INFO_KIND, IFLA_INFO_SLAVE_KIND = 1, 4
RTEXT_FILTER_SKIP_STATS = 8

IFADDRMSG = struct.Struct("=BBBBI")  # family, length of the prefix, flags, scope, index
IFA_ADDRESS, IFA_LOCAL = 1, 2

RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst_len, src_len, tos, table, protocol, scope, type, flags
RTA_DST, RTA_OIF, RTA_PRIORITY, RTA_MULTIPATH, RTA_TABLE = 1, 4, 6, 9, 15
RTNEXTHOP = struct.Struct("=HBBi")  # length with its attributes, flags, hops, index
RT_TABLE_MAIN, RTN_UNICAST = 254, 1
RT_TABLE_LOCAL = 255  # of the router's own addresses

NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
NDA_DST, NDA_LLADDR, NDA_VLAN, NDA_MASTER = 1, 2, 5, 9
NUD_NOARP, NUD_PERMANENT = 0x40, 0x80
MAC_SIZE = 6

LINKS = message(
    RTM_GETLINK,
    IFINFOMSG.pack(AF_UNSPEC, 0, 0, 0, 0) + attribute(IFLA_EXT_MASK, struct.pack("=I", RTEXT_FILTER_SKIP_STATS)),
)
ADDRESSES = message(RTM_GETADDR, bytes(IFADDRMSG.size))
ROUTES = message(RTM_GETROUTE, bytes(RTMSG.size))


class LinkMessage(NamedTuple):
    """A device, as rtnetlink describes it."""

    number: int  # its index
    name: str  # of the device
    up: bool  # flag IFF_UP
    kind: str  # IFLA_INFO_KIND: bridge, vlan and so on; empty if it has none, as physical devices
    master: int  # index of its bridge, bond or VRF; 0: none
    # IFLA_LINK: index of the device below (of veth the peer, of tunnels the underlay); 0: none, or in another namespace
    parent: int


class NeighbourEvent(NamedTuple):
    """A station that a bridge learned at a port, or the MAC that the router resolved for an IP address on a device."""

    address: str  # of a station its MAC, of a neighbour its IP address
    mac: str  # of a neighbour; empty for a station
    device: int  # index of the port or device
    master: int  # index of the bridge; 0: it is a neighbour of the router
    vlan: int  # of a station; 0: none


def neighbours_request(family: int) -> bytes:
    """The request for a dump of all bridge stations (`family` AF_BRIDGE), or of all neighbours (AF_UNSPEC)."""
    return message(RTM_GETNEIGH, NDMSG.pack(family, 0, 0, 0, 0))


def links(found: Iterable[Message]) -> list[LinkMessage]:
    """The devices in the messages of a dump, in its order; messages that are only about bridge ports are left out."""
    return [link for kind, body in found if kind == RTM_NEWLINK and (link := _link(body))]


def addresses(found: Iterable[Message], names: Mapping[int, str]) -> tuple[Address, ...]:
    """The router's addresses in the messages of a dump; `names`: of devices, by index.

    Addresses on a device that `names` lacks are left out.
    """
    read = (_address(body, names) for kind, body in found if kind == RTM_NEWADDR)
    return tuple(each for each in read if each)


def routes(found: Iterable[Message], names: Mapping[int, str]) -> tuple[Route, ...]:
    """The unicast routes of the main table in the messages of a dump; `names`: of devices, by index.

    Next hops by devices that `names` lacks are left out, and routes that have no other next hop.
    """
    read = (_route(body, names) for kind, body in found if kind == RTM_NEWROUTE)
    return tuple(each for each in read if each)


def neighbour(body: bytes) -> NeighbourEvent | None:
    """The station or neighbour in the body of an RTM_NEWNEIGH; None if offload does not need it.

    That is: it has no MAC address; it is a station that is permanent, as the router's own, or at no bridge; it is a
    neighbour in state NOARP, or has no IPv4 or IPv6 address; or the body is too short.
    """
    if len(body) < NDMSG.size:
        return None
    family, index, state, _, _ = NDMSG.unpack_from(body)
    found = attributes(body, NDMSG.size)
    mac, address = found.get(NDA_LLADDR, b""), found.get(NDA_DST, b"")
    if len(mac) != MAC_SIZE:
        return None
    if family == AF_BRIDGE:
        master, vlan = number(found.get(NDA_MASTER, b"")), number(found.get(NDA_VLAN, b""))
        return NeighbourEvent(mac.hex(":"), "", index, master, vlan) if master and not state & NUD_PERMANENT else None
    if len(address) == ADDRESS_SIZES.get(family) and not state & NUD_NOARP:
        return NeighbourEvent(str(ip_address(address)), mac.hex(":"), index, 0, 0)
    return None


def next_hops(found: bytes) -> Iterator[tuple[int, Attributes]]:
    """The next hops in the value of an RTA_MULTIPATH, up to the first one that cannot be read.

    Each is (index of its device, attributes).
    """
    at = 0
    while at + RTNEXTHOP.size <= len(found):
        length, _, _, index = RTNEXTHOP.unpack_from(found, at)
        if length < RTNEXTHOP.size:
            return
        yield index, attributes(found[at : at + length], RTNEXTHOP.size)
        at += (length + 3) & ~3


def _link(body: bytes) -> LinkMessage | None:
    if len(body) < IFINFOMSG.size:
        return None
    family, _, index, flags, _ = IFINFOMSG.unpack_from(body)
    found = attributes(body, IFINFOMSG.size)
    name = device_name(found.get(IFLA_IFNAME, b""))
    if family != AF_UNSPEC or not name:
        return None
    info = attributes(found.get(IFLA_LINKINFO, b""))
    # an index of another network namespace names no device here
    parent = 0 if IFLA_LINK_NETNSID in found else number(found.get(IFLA_LINK, b""))
    kind = text(info.get(IFLA_INFO_KIND, b""))
    return LinkMessage(index, name, bool(flags & IFF_UP), kind, number(found.get(IFLA_MASTER, b"")), parent)


def _address(body: bytes, names: Mapping[int, str]) -> Address | None:
    if len(body) < IFADDRMSG.size:
        return None
    family, length, _, _, index = IFADDRMSG.unpack_from(body)
    found = attributes(body, IFADDRMSG.size)
    address = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS) or b""
    size = ADDRESS_SIZES.get(family)
    if len(address) != size or length > size * 8 or index not in names:
        return None
    return Address(names[index], ip_interface((address, length)))


def _route(body: bytes, names: Mapping[int, str]) -> Route | None:
    if len(body) < RTMSG.size:
        return None
    family, length, _, _, table, _, _, kind, _ = RTMSG.unpack_from(body)
    size = ADDRESS_SIZES.get(family)
    if kind != RTN_UNICAST or size is None:
        return None
    found = attributes(body, RTMSG.size)
    target = found.get(RTA_DST) or bytes(size)
    own_table = number(found[RTA_TABLE]) if RTA_TABLE in found else table
    if own_table != RT_TABLE_MAIN or len(target) != size or length > size * 8:
        return None
    indexes = [number(found[RTA_OIF])] if RTA_OIF in found else _devices(found)
    devices = tuple(names[index] for index in indexes if index in names)
    network = ip_network((target, length), strict=False)
    return Route(network, devices, number(found.get(RTA_PRIORITY, b""))) if devices else None


def _devices(found: Attributes) -> list[int]:
    return [index for index, _ in next_hops(found.get(RTA_MULTIPATH, b""))]
