"""Ask the kernel by which device packets to an address leave, and how long they may be."""

import struct
from contextlib import suppress

from offload.model.network import Leaving
from offload.system.netlink.dump import ask
from offload.system.netlink.route.rtnetlink import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    IFINFOMSG,
    IFLA_IFNAME,
    RTA_DST,
    RTA_OIF,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    RTMSG,
    RTN_UNICAST,
)
from offload.system.netlink.wire import (
    NETLINK_ROUTE,
    NLM_F_REQUEST,
    Attributes,
    attribute,
    attributes,
    device_name,
    message,
    messages,
    number,
)

IFLA_MTU, RTA_METRICS, RTAX_MTU = 4, 8, 2
FAMILIES = {4: AF_INET, 16: AF_INET6}


def leaving(address: bytes) -> Leaving | None:
    """Ask the kernel by which device packets to this packed address (4 or 16 bytes) leave.

    The Leaving has the name of the device, its MTU in bytes, and the MTU of the route (0: the route has none). None if
    there is no unicast route, or the kernel does not answer.
    """
    with suppress(OSError, struct.error):
        return _leaving(address)
    return None


def route_request(address: bytes) -> bytes:
    """The netlink request for the route to a packed address (4 or 16 bytes), as `ip route get` makes it."""
    header = RTMSG.pack(FAMILIES[len(address)], len(address) * 8, 0, 0, 0, 0, 0, 0, 0)
    return message(RTM_GETROUTE, header + attribute(RTA_DST, address), NLM_F_REQUEST)


def link_request(index: int) -> bytes:
    """The netlink request for the attributes of the device with this index, such as its name and MTU."""
    return message(RTM_GETLINK, IFINFOMSG.pack(AF_UNSPEC, 0, index, 0, 0), NLM_F_REQUEST)


def _leaving(address: bytes) -> Leaving | None:
    route = _answer(route_request(address), RTM_NEWROUTE, RTMSG.size)
    if route is None or RTMSG.unpack_from(route[0])[7] != RTN_UNICAST:
        return None
    link = _answer(link_request(number(route[1].get(RTA_OIF, b""))), RTM_NEWLINK, IFINFOMSG.size)
    if link is None:
        return None
    own = number(attributes(route[1].get(RTA_METRICS, b"")).get(RTAX_MTU, b""))
    return Leaving(device_name(link[1].get(IFLA_IFNAME, b"")), number(link[1].get(IFLA_MTU, b"")), own)


def _answer(request: bytes, kind: int, header: int) -> tuple[bytes, Attributes] | None:
    for found, body in messages(ask(NETLINK_ROUTE, request)):
        if found == kind and len(body) >= header:
            return body, attributes(body, header)
    return None
