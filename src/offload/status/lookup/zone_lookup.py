"""Find the zone of an address, by the router's addresses and routes. Pure.

A conntrack entry has no devices, so the zones of its ends are found by the longest prefix, then by the metric. Policy
routing (mwan3, pbr) is not considered; but with NAT an address of the router shows the device, whatever the route
(`ZoneLookup.between`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from offload.model.flow import IPS_DST_NAT, IPS_SRC_NAT, Entry
from offload.model.network import Snapshot
from offload.model.plan import Plan

Target = IPv4Network | IPv6Network

# Prefixes shorter than any site's network: the default route, or the halves of it that VPN clients set.
DISTANT = 8
# After all routes: the network of an address counts only if no route to that network has a better metric.
LAST = float("inf")
POINT_TO_POINT = 31  # RFC 3021: IPv4 networks of this length or longer have no broadcast address


class Endpoint(NamedTuple):
    """Where an address is, seen from this router. At most one of `zone`, `router`, `unrouted` and `group` is set."""

    zone: str | None = None  # name; None: none, or not known
    router: bool = False  # the router itself
    unrouted: bool = False  # another address that no router forwards: link-local, or unspecified
    group: bool = False  # multicast or broadcast
    # only a default route (or half of one) leads there, or none of the others is set
    distant: bool = False
    devices: tuple[str, ...] = ()  # devices of the zone by which it is reached; several: by any of them

    @property
    def forwarded(self) -> bool:
        """Whether the router forwards packets to this address as a single receiver, where a route leads there."""
        return not (self.router or self.unrouted or self.group)


ROUTER = Endpoint(router=True)
UNROUTED = Endpoint(unrouted=True)
MULTICAST = Endpoint(group=True)
UNKNOWN = Endpoint(distant=True)

# Packets to these are never forwarded to a single receiver, whatever the routes are. Linux forwards those to the rest
# of 0.0.0.0/8 (since 5.3) and to class E (240.0.0.0/4) by their routes.
SPECIAL: dict[Target, Endpoint] = {
    ip_network("0.0.0.0"): UNROUTED,  # noqa: S104 - an address of packets
    ip_network("127.0.0.0/8"): ROUTER,
    ip_network("::"): UNROUTED,
    ip_network("::1"): ROUTER,
    ip_network("fe80::/10"): UNROUTED,  # the router's own are found before
    ip_network("224.0.0.0/4"): MULTICAST,
    ip_network("255.255.255.255"): MULTICAST,
    ip_network("ff00::/8"): MULTICAST,
}


class ZoneLookup:
    """Finds zone and devices of addresses and connections, by a Snapshot's routes and addresses and a Plan's zones.

    The Snapshot of a pass has no routes: the caller has to add them (`with_routes`).
    """

    def __init__(self, snapshot: Snapshot, plan: Plan) -> None:
        zones = _zones_of_devices(plan)
        self._special = _Prefixes(SPECIAL | _broadcasts(snapshot) | _own(snapshot))
        self._routed = _Prefixes(_routed(snapshot, zones))
        self._owners = _owners(snapshot, zones)
        self._known: dict[bytes, Endpoint] = {}

    def at(self, address: bytes) -> Endpoint:
        """The endpoint of a packed address: the router, an address never forwarded, a group, or a zone by its route.

        UNKNOWN, which has no zone and is `distant`, if there is no route, or its devices are not all of one zone.
        """
        place = self._known.get(address)
        if place is None:
            place = self._special.longest(address) or self._routed.longest(address) or UNKNOWN
            self._known[address] = place
        return place

    def ends(self, entry: Entry) -> tuple[Endpoint, Endpoint]:
        """The endpoints of a connection: that of its source, and that of its destination after DNAT."""
        (src, dst, *_), (reply_src, reply_dst, *_) = entry.original, entry.reply
        return self.between(src, dst, reply_src, reply_dst, entry.status & IPS_SRC_NAT, entry.status & IPS_DST_NAT)

    def between(
        self, src: bytes, dst: bytes, reply_src: bytes, reply_dst: bytes, src_nat: int, dst_nat: int
    ) -> tuple[Endpoint, Endpoint]:
        """The endpoints of a connection (source, destination after DNAT), from packed addresses of both directions.

        `src_nat`, `dst_nat`: 0 if it has no such NAT. The endpoints are `at(src)` and `at(reply_src)`, except where NAT
        shows a device: with source NAT a destination that is not the router, link-local or a group is where the router
        has `reply_dst`; with destination NAT a `distant` source is where the router has `dst`. An address that the
        router does not have, or not on devices of one zone, shows nothing.
        """
        # After source NAT replies go to an address of the output device; before destination NAT packets go to one of
        # the input device, except with NAT reflection, where the source is near.
        near, far = self._known.get(src) or self.at(src), self._known.get(reply_src) or self.at(reply_src)
        if src_nat and (far.zone or far.distant):
            far = self._owners.get(reply_dst, far)
        if dst_nat and near.distant:
            near = self._owners.get(dst, near)
        return near, far


class _Prefixes:
    # longest prefix match

    def __init__(self, places: Mapping[Target, Endpoint]) -> None:
        tables = defaultdict[tuple[int, int], dict[int, Endpoint]](dict)
        for target, place in places.items():
            bits, length = target.max_prefixlen, target.prefixlen
            tables[bits, length][int(target.network_address) >> (bits - length)] = place
        longest_first = sorted(tables.items(), reverse=True)
        self._tables = {
            size: [(size * 8 - length, found) for (bits, length), found in longest_first if bits == size * 8]
            for size in (4, 16)
        }

    def longest(self, address: bytes) -> Endpoint | None:
        number = int.from_bytes(address, "big")
        for shift, places in self._tables[len(address)]:
            place = places.get(number >> shift)
            if place is not None:
                return place
        return None


def _zones_of_devices(plan: Plan) -> Mapping[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    for zone in plan.zones:
        for device in zone.devices:
            found[device].add(zone.name)
    return found


def _only_zone(zones: Mapping[str, set[str]], devices: Iterable[str]) -> str | None:
    # None if a device is in no zone, or they are in several
    named = [zones.get(device, set()) for device in devices]
    every = set[str]().union(*named)
    return every.pop() if len(every) == 1 and all(named) else None


def _routed(snapshot: Snapshot, zones: Mapping[str, set[str]]) -> dict[Target, Endpoint]:
    # of each network the routes with the lowest metric count
    ways = defaultdict[Target, list[tuple[float, tuple[str, ...]]]](list)
    for route in snapshot.routes:
        ways[route.target].append((route.metric, route.devices))
    for known in snapshot.addresses:
        ways[known.address.network].append((LAST, (known.device,)))

    places = {}
    for target, found in ways.items():
        best = min(metric for metric, _ in found)
        ways_there = [device for metric, devices in found if metric == best for device in devices]
        zone = _only_zone(zones, ways_there)
        distant = zone is None or target.prefixlen < DISTANT
        places[target] = Endpoint(zone, distant=distant, devices=tuple(ways_there) if zone else ())
    return places


def _own(snapshot: Snapshot) -> dict[Target, Endpoint]:
    return {ip_network(known.address.ip): ROUTER for known in snapshot.addresses}


def _broadcasts(snapshot: Snapshot) -> dict[Target, Endpoint]:
    networks = (known.address.network for known in snapshot.addresses)
    return {
        ip_network(network.broadcast_address): MULTICAST
        for network in networks
        if isinstance(network, IPv4Network) and network.prefixlen < POINT_TO_POINT
    }


def _owners(snapshot: Snapshot, zones: Mapping[str, set[str]]) -> dict[bytes, Endpoint]:
    devices = defaultdict[bytes, set[str]](set)
    for known in snapshot.addresses:
        devices[known.address.packed].add(known.device)
    found = {
        address: Endpoint(_only_zone(zones, names), devices=tuple(sorted(names))) for address, names in devices.items()
    }
    return {address: place for address, place in found.items() if place.zone is not None}
