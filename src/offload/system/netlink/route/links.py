"""Read facts of a Snapshot from the kernel: devices, addresses, routes, neighbours, qdiscs, sysctls and so on."""

import errno
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from offload.errors import KernelError
from offload.model.network import (
    MAX_NEIGHBOURS,
    Address,
    Filter,
    Leaving,
    Link,
    Neighbour,
    Qdisc,
    Route,
    RoutingRule,
    Station,
)
from offload.nouns import dataclass, field
from offload.system.netlink.dump import dump
from offload.system.netlink.ethtool import hw_tc_offload
from offload.system.netlink.route import rtnetlink, traffic_control
from offload.system.netlink.route.leaving import leaving
from offload.system.netlink.route.neighbours import neighbour_dump
from offload.system.netlink.route.routing_rules import RULES, policy_routed, routing_rules
from offload.system.netlink.route.rtnetlink import LinkMessage, NeighbourEvent
from offload.system.netlink.route.traffic_control import QdiscMessage
from offload.system.netlink.wire import NETLINK_ROUTE, Message, device_name
from offload.system.nft.iptables.legacy import legacy_tables

MOST_READ = MAX_NEIGHBOURS + 256  # stations and neighbours: more than are stored, so that too many are noticed
SETTINGS = (  # of net.netfilter
    "nf_conntrack_acct",
    "nf_conntrack_tcp_timeout_established",
    "nf_conntrack_udp_timeout_stream",
    "nf_flowtable_tcp_timeout",
    "nf_flowtable_udp_timeout",
)
# IFLA_LINK names a lower device for these kinds; for veth and tunnels it is the peer or the underlay.
STANDING = {"vlan", "macvlan", "macvtap", "dsa", "ipvlan"}


@dataclass(frozen=True, slots=True)
class LinkDump:
    """The router's devices, addresses, neighbours and so on, read from rtnetlink in several dumps."""

    links: tuple[Link, ...] = ()  # all devices
    addresses: tuple[Address, ...] = ()  # of the router
    stations: tuple[Station, ...] = ()  # MACs that bridges have learned at their ports; at most MOST_READ (16,640)
    neighbours: tuple[Neighbour, ...] = ()  # IP addresses whose MAC the router has resolved; at most MOST_READ
    rules: tuple[RoutingRule, ...] = ()  # of policy routing, only those that compare the packet mark
    qdiscs: tuple[Qdisc, ...] = ()  # root and other queueing disciplines, without `noqueue`; equal ones once
    filters: tuple[Filter, ...] = ()  # of tc, also those that do not compare the mark; equal ones once
    policy_routed: frozenset[str] = frozenset()  # families of which a routing rule looks up a table besides main


class Netlink:
    """The running kernel. `sysfs`: directory that shows which devices are wireless.

    `seen(family, most)`: function that reads bridge stations or neighbours, as `neighbour_dump`. `sysctls`: the
    directory of net.netfilter's sysctls. `received`: the file with the counters of devices.
    """

    def __init__(
        self,
        sysfs: Path = Path("/sys/class/net"),
        seen: Callable[[int, int], list[NeighbourEvent]] = neighbour_dump,
        sysctls: Path = Path("/proc/sys/net/netfilter"),
        received: Path = Path("/proc/net/dev"),
    ) -> None:
        self._sysfs, self._seen, self._sysctls, self._received = sysfs, seen, sysctls, received

    def scene(self) -> LinkDump:
        """Read devices, addresses, stations, neighbours, routing rules, qdiscs and tc filters from the kernel.

        KernelError if it does not list one of them; filters that it does not list are missing, and so are rules and
        qdiscs of a kernel that has none. Entries about a device that is not in the dump of devices are left out.
        """
        with _asking("links and addresses"):
            found = rtnetlink.links(_dump(rtnetlink.LINKS))
            names = {each.number: each.name for each in found}
            addresses = rtnetlink.addresses(_dump(rtnetlink.ADDRESSES), names)
        learned = self._seen(socket.AF_BRIDGE, MOST_READ)
        resolved = self._seen(socket.AF_UNSPEC, MOST_READ)
        stations = tuple(
            Station(each.address, names[each.device], each.vlan) for each in learned if each.device in names
        )
        neighbours = tuple(
            Neighbour(each.address, names[each.device], each.mac) for each in resolved if each.device in names
        )
        with _asking("routing rules and queueing disciplines"):
            rules, qdiscs = _if_built(RULES), traffic_control.qdiscs(_if_built(traffic_control.QDISCS))
        return LinkDump(
            self._links(found, names),
            addresses,
            stations,
            neighbours,
            routing_rules(rules),
            traffic_control.named(qdiscs, names),
            traffic_control.filters(_filters(qdiscs), names),
            policy_routed(rules),
        )

    def settings(self) -> dict[str, int]:
        """The values of the sysctls of net.netfilter in SETTINGS, such as {"nf_conntrack_acct": 1}.

        A sysctl that the kernel does not have is not in the result.
        """
        found = {}
        for name in SETTINGS:
            with suppress(OSError, ValueError):
                found[name] = int((self._sysctls / name).read_text())
        return found

    def legacy_tables(self) -> tuple[str, ...]:
        """The loaded tables of iptables-legacy, such as `iptables filter`, without `nat`; `()` if none can be read."""
        return legacy_tables()

    def routes(self) -> tuple[Route, ...]:
        """Read the unicast routes of the main table, of IPv4 and IPv6. KernelError if the kernel does not list them."""
        with _asking("routes"):
            names = {index: device_name(name) for index, name in socket.if_nameindex()}
            return rtnetlink.routes(_dump(rtnetlink.ROUTES), names)

    def leaving(self, address: bytes) -> Leaving | None:
        """Ask the kernel by which device packets to this packed address (4 or 16 bytes) leave.

        The Leaving has the name of the device, its MTU in bytes, and the MTU of the route (0: the route has none). None
        if there is no unicast route, or the kernel does not answer.
        """
        return leaving(address)

    def received(self) -> dict[str, int]:
        """Map each device's name to the bytes that it has received, as /proc/net/dev counts them.

        KernelError if that file cannot be read.
        """
        try:
            lines = self._received.read_bytes().split(b"\n")[2:]  # some names have what ends lines of text
        except OSError as error:
            raise KernelError(f"{self._received} cannot be read: {error.strerror}") from error
        parts = (line.partition(b":") for line in lines if line)
        return {device_name(name.lstrip(b" ")): int(figures.split()[0]) for name, _, figures in parts}

    def hw_tc_offload(self, names: Iterable[str]) -> frozenset[str]:
        """The devices among `names` whose ethtool feature `hw-tc-offload` is on.

        A device that does not exist, or whose driver does not answer, is not in the result.
        """
        return hw_tc_offload(names)

    def _links(self, found: Iterable[LinkMessage], names: Mapping[int, str]) -> tuple[Link, ...]:
        return tuple(
            Link(
                name=each.name,
                index=each.number,
                kind=each.kind,
                up=each.up,
                master=names.get(each.master, ""),
                lower=(names[each.parent],) if each.parent in names and each.kind in STANDING else (),
                wireless=any((self._sysfs / each.name / mark).exists() for mark in ("phy80211", "wireless")),
            )
            for each in found
        )


def _dump(request: bytes) -> list[Message]:
    return dump(NETLINK_ROUTE, request)


def _if_built(request: bytes) -> list[Message]:
    # none where the kernel has no policy routing (CONFIG_IP_MULTIPLE_TABLES) or traffic control (CONFIG_NET_SCHED)
    try:
        return _dump(request)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return []


def _filters(qdiscs: list[QdiscMessage]) -> Iterator[Message]:
    # A device or queueing discipline that goes away meanwhile has none.
    parents = dict.fromkeys(traffic_control.filter_parents(qdiscs))
    for request in traffic_control.class_requests(qdiscs):
        with suppress(OSError):
            parents |= dict.fromkeys(traffic_control.classes(_dump(request)))
    for index, parent in parents:
        with suppress(OSError):
            yield from _dump(traffic_control.filter_request(index, parent))


@contextmanager
def _asking(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KernelError(f"the kernel does not list its {what} over netlink: {error.strerror or error}") from error


@dataclass(slots=True)
class FakeNetlink:
    """A kernel in memory, whose answers are these values."""

    found: LinkDump = field(default_factory=LinkDump)  # reply of `scene`
    ways: tuple[Route, ...] = ()  # reply of `routes`
    able: frozenset[str] = frozenset()  # devices whose hw-tc-offload is on
    octets: dict[str, int] = field(default_factory=dict)  # received bytes by device
    sysctls: dict[str, int] = field(default_factory=dict)  # reply of `settings`
    leaves: dict[bytes, Leaving] = field(default_factory=dict)  # reply of `leaving`
    legacy: tuple[str, ...] = ()  # reply of `legacy_tables`

    def leaving(self, address: bytes) -> Leaving | None:
        """The value in `leaves` for the address; None if it has none."""
        return self.leaves.get(address)

    def settings(self) -> dict[str, int]:
        """The sysctls in `sysctls`, by name."""
        return self.sysctls

    def legacy_tables(self) -> tuple[str, ...]:
        """The tables in `legacy`."""
        return self.legacy

    def scene(self) -> LinkDump:
        """The LinkDump in `found`."""
        return self.found

    def routes(self) -> tuple[Route, ...]:
        """The routes in `ways`."""
        return self.ways

    def received(self) -> dict[str, int]:
        """The received bytes in `octets`, by device."""
        return self.octets

    def hw_tc_offload(self, names: Iterable[str]) -> frozenset[str]:
        """The devices among `names` that are in `able`."""
        return self.able.intersection(names)
