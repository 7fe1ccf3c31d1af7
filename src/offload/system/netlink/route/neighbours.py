"""Read the stations that bridges have learned, and the router's neighbours, over rtnetlink, up to a limit.

Hosts can invent addresses, so the reply is parsed while it arrives.
"""

import socket
from collections.abc import Iterator
from itertools import islice

from offload.errors import KernelError
from offload.system.netlink.dump import stream
from offload.system.netlink.route.rtnetlink import RTM_NEWNEIGH, NeighbourEvent, neighbour, neighbours_request
from offload.system.netlink.wire import NETLINK_ROUTE


def neighbour_dump(family: int, most: int) -> list[NeighbourEvent]:
    """Read the stations that bridges have learned (`family` AF_BRIDGE) or the neighbours (AF_UNSPEC).

    At most `most` are returned, the first that the kernel lists. Those for which `rtnetlink.neighbour` gives None are
    left out. KernelError if the kernel does not list them.
    """
    try:
        return list(islice(_read(family), most))
    except OSError as error:
        what = error.strerror or error
        raise KernelError(f"the kernel does not list its stations and neighbours over netlink: {what}") from error


def _read(family: int) -> Iterator[NeighbourEvent]:
    for kind, body in stream(NETLINK_ROUTE, neighbours_request(socket.AddressFamily(family))):
        if kind == RTM_NEWNEIGH and (found := neighbour(body)):
            yield found
