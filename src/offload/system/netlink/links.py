"""The netlink door: links, addresses and routes through pyroute2, stations and neighbours by a reader of our own."""

import gc
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any, TypeVar

from offload.errors import KernelError
from offload.model.network import CONNTRACK_MAX, MAX_NEIGHBOURS, Address, Link, Neighbour, Route, Station
from offload.nouns import dataclass, field
from offload.system.netlink.ethtool import hw_tc_offload
from offload.system.netlink.messages import NeighbourEvent
from offload.system.netlink.neighbours import places

T = TypeVar("T")

MAIN_TABLE = 254  # RT_TABLE_MAIN, include/uapi/linux/rtnetlink.h
UNICAST = 1  # RTN_UNICAST
IFF_UP = 1
SIZES = {2: 32, 10: 128}  # AF_INET, AF_INET6 -> bits of an address
# IFLA_LINK names a lower device for these kinds; for veth and tunnels it is the peer or the underlay.
STANDING = {"vlan", "macvlan", "macvtap", "dsa", "ipvlan"}


@dataclass(frozen=True, slots=True)
class LinkDump:
    """What one look over netlink found."""

    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    stations: tuple[Station, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


class Netlink:
    """The running kernel. `sysfs` is asked which links are wireless: rtnetlink does not say."""

    def __init__(
        self, sysfs: Path = Path("/sys/class/net"), seen: Callable[[int, int], list[NeighbourEvent]] = places
    ) -> None:
        self._sysfs, self._seen = sysfs, seen

    def scene(self) -> LinkDump:
        """Read links, addresses and who is where. A KernelError if the kernel does not answer."""
        with _asking("links and addresses") as route:
            messages = list(route.get_links())
            names = {message["index"]: _name(message) for message in messages}
            links = self._links(messages, names)
            addresses = _present(_address(message, names) for message in route.get_addr())
        learned = self._seen(socket.AF_BRIDGE, MAX_NEIGHBOURS)
        resolved = self._seen(socket.AF_UNSPEC, MAX_NEIGHBOURS)
        stations = tuple(
            Station(each.address, names[each.device], each.vlan) for each in learned if each.device in names
        )
        neighbours = tuple(
            Neighbour(each.address, names[each.device], each.place) for each in resolved if each.device in names
        )
        return LinkDump(links, addresses, stations, neighbours)

    def routes(self) -> tuple[Route, ...]:
        """Read the routes of the main table, of which there may be very many: nothing but flows' zones needs them."""
        names = dict(socket.if_nameindex())
        with _asking("routes") as route:
            return _present(_route(message, names) for message in route.get_routes(table=MAIN_TABLE))

    def received(self) -> dict[str, int]:
        """Bytes that each device has received so far, by its driver's own count. KernelError where /proc is missing."""
        try:
            lines = Path("/proc/net/dev").read_text(errors="replace").splitlines()[2:]
        except OSError as error:
            raise KernelError(f"/proc/net/dev cannot be read: {error.strerror}") from error
        return {name.strip(): int(figures.split()[0]) for name, _, figures in (line.partition(":") for line in lines)}

    def hw_tc_offload(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these devices whose drivers say that they can offload."""
        return hw_tc_offload(names)

    def _links(self, messages: Iterable[Any], names: Mapping[int, str]) -> tuple[Link, ...]:
        links = []
        for message in messages:
            name, info = _name(message), message.get_attr("IFLA_LINKINFO")
            kind = (info.get_attr("IFLA_INFO_KIND") if info else None) or ""
            parent = names.get(message.get_attr("IFLA_LINK") or 0, "")
            links.append(
                Link(
                    name=name,
                    kind=kind,
                    up=bool(message["flags"] & IFF_UP),
                    master=names.get(message.get_attr("IFLA_MASTER") or 0, ""),
                    lower=(parent,) if parent and kind in STANDING else (),
                    wireless=any((self._sysfs / name / mark).exists() for mark in ("phy80211", "wireless")),
                )
            )
        return tuple(links)


def _name(message: Any) -> str:
    """The link's name, in which the kernel takes any bytes but a few; what is no UTF-8 is shown as such."""
    name: str | bytes = message.get_attr("IFLA_IFNAME")
    return name if isinstance(name, str) else name.decode(errors="replace")


@contextmanager
def _asking(what: str) -> Iterator[Any]:
    """A connection to rtnetlink for one question; a KernelError says what could not be read."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as route:
            yield route
    except (NetlinkError, OSError) as error:
        raise KernelError(f"the kernel does not list its {what} over netlink: {error}") from error
    finally:
        gc.collect()  # pyroute2's messages hang together in cycles: left alone they grow the service by megabytes


def release() -> str:
    """The running kernel's release."""
    return os.uname().release


def modules(path: Path = Path("/proc/modules")) -> tuple[str, ...]:
    """Loaded modules that matter here; built-in ones do not show."""
    try:
        names = sorted(line.split()[0] for line in path.read_text().splitlines())
    except OSError:
        return ()
    return tuple(name for name in names if name.startswith(("nf_", "nft_")))


def conntrack_max(path: Path = Path("/proc/sys/net/netfilter/nf_conntrack_max")) -> int:
    """How many connections the kernel keeps at most; its own default of larger machines where it does not say."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return CONNTRACK_MAX


def _address(message: Any, names: Mapping[int, str]) -> Address | None:
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    device = names.get(message["index"])
    return Address(device, ip_interface((text, message["prefixlen"]))) if text and device else None


def _route(message: Any, names: Mapping[int, str]) -> Route | None:
    """A unicast route; multipath ones have several devices. Others (local, blackhole) lead nowhere."""
    if message["type"] != UNICAST or message["family"] not in SIZES:
        return None
    hops = message.get_attr("RTA_MULTIPATH") or ()
    indexes = [message.get_attr("RTA_OIF")] if message.get_attr("RTA_OIF") else [hop["oif"] for hop in hops]
    devices = tuple(names[index] for index in indexes if index in names)
    anywhere = "0.0.0.0" if SIZES[message["family"]] == 32 else "::"  # noqa: PLR2004, S104 - bits of IPv4; a route's target
    target = ip_network((message.get_attr("RTA_DST") or anywhere, message["dst_len"]))
    return Route(target, devices, message.get_attr("RTA_PRIORITY") or 0) if devices else None


def _present(values: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(value for value in values if value is not None)


@dataclass(slots=True)
class FakeNetlink:
    """A kernel with exactly this scene, and these ways out of it."""

    found: LinkDump = field(default_factory=LinkDump)
    ways: tuple[Route, ...] = ()
    able: frozenset[str] = frozenset()
    octets: dict[str, int] = field(default_factory=dict)

    def scene(self) -> LinkDump:
        """The scene it was made with."""
        return self.found

    def routes(self) -> tuple[Route, ...]:
        """The routes it was made with."""
        return self.ways

    def received(self) -> dict[str, int]:
        """The bytes it was told."""
        return self.octets

    def hw_tc_offload(self, names: Iterable[str]) -> frozenset[str]:
        """Those of them it was told."""
        return self.able.intersection(names)
