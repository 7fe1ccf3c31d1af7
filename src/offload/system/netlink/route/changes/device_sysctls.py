"""What the sysctls of devices do to routes, without a notification of any route. Pure.

Where ignore_routes_with_linkdown is 1, the kernel ignores routes by a device that has no carrier. Numbers:
include/uapi/linux/netconf.h.
"""

from offload.model.kernel.to_return import ToReturn
from offload.nouns import dataclass, field
from offload.system.netlink.route.rtnetlink import AF_INET, AF_INET6, IFF_UP
from offload.system.netlink.wire import attributes, message, number

RTM_NEWNETCONF, RTM_GETNETCONF, NETCONFMSG_SIZE = 80, 82, 4  # one byte, aligned
NETCONFA_IFINDEX, NETCONFA_FORWARDING, NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN = 1, 2, 6
WRITTEN = {NETCONFA_IFINDEX, NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN}  # a message of a new device has other values too
OF_ALL_DEVICES, OF_NEW_DEVICES = 0xFFFFFFFF, 0xFFFFFFFE  # NETCONFA_IFINDEX_ALL, NETCONFA_IFINDEX_DEFAULT
IFF_CARRIER = 0x40 | 0x10000  # IFF_RUNNING, IFF_LOWER_UP: a device with neither has no carrier

SYSCTLS = tuple(message(RTM_GETNETCONF, bytes((family, *bytes(NETCONFMSG_SIZE - 1)))) for family in (AF_INET, AF_INET6))


@dataclass(slots=True)
class Carriers:
    """Tells changes of a carrier that make the kernel ignore routes, or heed them again."""

    # (family, index of a device, or OF_ALL_DEVICES, or OF_NEW_DEVICES)
    _ignoring: set[tuple[int, int]] = field(default_factory=set)
    # by device, whether it has a carrier by its last notification; True for one that is down, as it has no routes
    _there: dict[int, bool] = field(default_factory=dict)
    _doubted: set[int] = field(default_factory=set)  # devices of which notifications may have been lost

    def doubt(self) -> None:
        """Note that the kernel dropped notifications: the next flags of a device ask for LOST if they are as before."""
        self._doubted = set(self._there)

    def sysctl(self, kind: int, body: bytes) -> bool:
        """Note the sysctl in a message (type, body); True if one was written, and so has changed.

        False for a new device, which has no routes yet, and for other messages.
        """
        found = attributes(body, NETCONFMSG_SIZE) if kind == RTM_NEWNETCONF else {}
        if not found.keys() >= WRITTEN:
            return False
        place, before = (body[0], number(found[NETCONFA_IFINDEX])), len(self._ignoring)
        if number(found[NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN]):
            self._ignoring.add(place)
        else:
            self._ignoring.discard(place)
        return found.keys() == WRITTEN and before != len(self._ignoring)

    def changed(self, device: int, flags: int) -> ToReturn:
        """The most that routes by the device with this index ask for, as it now has these flags; NOTHING: no change.

        They ask if the kernel ignores them, or heeds them again. The first flags of a device count as a change,
        for it may have had no carrier before. The kernel copies IPv4's value for new devices to those that have no
        address yet, and tells of the copy no more; so that counts for all.
        """
        there = bool(flags & IFF_CARRIER) or not flags & IFF_UP
        before, self._there[device] = self._there.get(device), there
        same = ToReturn.LOST if device in self._doubted else ToReturn.NOTHING
        self._doubted.discard(device)
        places = (*_places(device, OF_ALL_DEVICES), (AF_INET, OF_NEW_DEVICES))
        if self._ignoring.isdisjoint(places):
            return ToReturn.NOTHING
        return same if before is there else ToReturn.ALL

    def left(self, device: int) -> None:
        """Note that the device with this index exists no more."""
        self._there.pop(device, None)
        self._doubted.discard(device)
        self._ignoring.difference_update(_places(device))


def _places(*devices: int) -> list[tuple[int, int]]:
    return [(family, device) for family in (AF_INET, AF_INET6) for device in devices]


def forwarding_stopped(kind: int, body: bytes) -> bool:
    """Whether a message (type, body) says that the sysctl forwarding was written: 0, of a device or all devices."""
    found = attributes(body, NETCONFMSG_SIZE) if kind == RTM_NEWNETCONF else {}
    alone = found.keys() == {NETCONFA_IFINDEX, NETCONFA_FORWARDING}
    return alone and not number(found[NETCONFA_FORWARDING]) and number(found[NETCONFA_IFINDEX]) != OF_NEW_DEVICES
