"""Who is where: the stations that bridges have learned, and the neighbours of the router, asked over rtnetlink.

An own small reader, because anybody on a network can invent addresses: it takes the answer apart as it comes, and
stops in time. pyroute2 would have all of it in memory at once, four kilobytes for each station.
"""

import os
import socket
from collections.abc import Iterator
from itertools import islice

from offload.errors import KernelError
from offload.system.netlink.ctnetlink import ERRNO, NLMSG_DONE, NLMSG_ERROR
from offload.system.netlink.messages import NDMSG, NLMSGHDR, RTM_NEWNEIGH, NeighbourEvent, messages, seen
from offload.system.netlink.monitor import NETLINK_ROUTE

RTM_GETNEIGH = 30  # include/uapi/linux/rtnetlink.h
NLM_F_REQUEST_DUMP = 0x301
DATAGRAM = 64 << 10
PATIENCE = 10.0  # seconds without a datagram


def places(family: int, most: int) -> list[NeighbourEvent]:
    """At most so many stations (AF_BRIDGE) or neighbours (AF_UNSPEC); a KernelError if the kernel does not answer."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as kernel:
            kernel.settimeout(PATIENCE)
            kernel.send(question(family))
            return list(islice(_answers(kernel), most))
    except OSError as error:
        said = error.strerror or error
        raise KernelError(f"the kernel does not list its stations and neighbours over netlink: {said}") from error


def question(family: int) -> bytes:
    """RTM_GETNEIGH as a dump."""
    header = NLMSGHDR.pack(NLMSGHDR.size + NDMSG.size, RTM_GETNEIGH, NLM_F_REQUEST_DUMP, 1, 0)
    return header + bytes([family]) + bytes(NDMSG.size - 1)


def answer(datagram: bytes) -> Iterator[NeighbourEvent | None]:
    """Who is in one datagram of the answer, None for its end; an OSError where the kernel refused."""
    for kind, body in messages(datagram):
        if kind == RTM_NEWNEIGH:
            yield from seen(body)
        elif kind == NLMSG_DONE:
            yield None
        elif kind == NLMSG_ERROR and len(body) >= ERRNO.size:
            number = -ERRNO.unpack_from(body)[0]
            raise OSError(number, os.strerror(number))


def _answers(kernel: socket.socket) -> Iterator[NeighbourEvent]:
    while True:
        for each in answer(kernel.recv(DATAGRAM)):
            if each is None:
                return
            yield each
