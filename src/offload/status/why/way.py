"""Texts about how the packets of a connection travel: routes, neighbours, MTU, and who has to send next. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from offload.model.flow import IPS_ASSURED, Entry
from offload.model.network import Leaving, Snapshot
from offload.status.lookup.device_paths import DevicePaths
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.why.reasons import UDP

Address = IPv4Address | IPv6Address
STREAM = "nf_conntrack_udp_timeout_stream"  # sysctl: seconds without a packet until an assured UDP connection ends


class Fact(NamedTuple):
    """What is known of the ends of a connection: their routes, neighbours or MTU."""

    text: str  # for people
    whole: bool  # there is an end, and it is known of each end


class End(NamedTuple):
    """An end of a connection: its real address (a source before SNAT, a destination after DNAT), and its endpoint."""

    address: Address
    endpoint: Endpoint


def ends(entry: Entry, src: Endpoint, dest: Endpoint) -> tuple[End, ...]:
    """The ends of a connection: source, then destination, without one that is never forwarded, such as the router.

    `src`, `dest`: their endpoints.
    """
    both = End(ip_address(entry.original.src), src), End(ip_address(entry.reply.src), dest)
    return tuple(end for end in both if end.endpoint.forwarded)


def routes(found: Iterable[End], snapshot: Snapshot) -> Fact:
    """The route to each end in `found`: the most specific of the main table's routes and the router's own networks.

    Rules of `ip rule`, which may choose other routes, are not considered. `whole` of the Fact is false if an end has no
    route, or `found` is empty.
    """
    return _joined(_route(end, snapshot) for end in found)


def neighbours(found: Iterable[End], snapshot: Snapshot, paths: DevicePaths) -> Fact:
    """The MAC of each end in `found`, and the lowest device known below its layer 3 device, such as a bridge port.

    `whole` of the Fact is false if a MAC is not known, as behind another router, or `found` is empty.
    """
    macs = {(each.address, each.device): each.mac for each in snapshot.neighbours}
    return _joined(_neighbour(end, macs, paths) for end in found)


def mtu(found: Iterable[End], leaves: Mapping[bytes, Leaving]) -> Fact:
    """The most bytes that a fast packet to each end in `found` may have; longer ones are slow (nf_flow_exceeds_mtu()).

    `leaves`: by packed address, how packets to it leave. `whole` of the Fact is false if the address of an end is not
    in `leaves`, or `found` is empty.
    """
    fact = _joined(_mtu(end, leaves.get(end.address.packed)) for end in found)
    return fact._replace(text=f"{fact.text}; longer packets are slow") if fact.whole else fact


def _mtu(end: End, found: Leaving | None) -> Fact:
    if found is None:
        return Fact(f"the MTU to {end.address} is not known", whole=False)
    by = " by its route" if found.route_mtu else ""
    return Fact(f"up to {found.most} bytes{by} to {end.address} on {found.device}", whole=True)


def _joined(facts: Iterable[Fact]) -> Fact:
    made = list(facts)
    return Fact("; ".join(each.text for each in made), bool(made) and all(each.whole for each in made))


def _route(end: End, snapshot: Snapshot) -> Fact:
    connected = ((each.address.network, -1, (each.device,)) for each in snapshot.addresses)
    ways = [*((each.target, each.metric, each.devices) for each in snapshot.routes), *connected]
    fitting = [way for way in ways if end.address in way[0]]
    if not fitting:
        return Fact(f"no route of the main table leads to {end.address}", whole=False)
    target, _, devices = min(fitting, key=lambda way: (-way[0].prefixlen, way[1]))
    text = f"{end.address} by {target} on {' or '.join(devices)}"
    if end.endpoint.devices and not set(devices) & set(end.endpoint.devices):
        return Fact(f"{text}, but its translated address is one of {' or '.join(end.endpoint.devices)}", whole=True)
    return Fact(text, whole=True)


def _neighbour(end: End, macs: dict[tuple[str, str], str], paths: DevicePaths) -> Fact:
    for device in end.endpoint.devices:
        if mac := macs.get((str(end.address), device)):
            path = paths.path(device, end.address.packed)
            at = f" at {path[-1]}" if path[1:] else ""
            return Fact(f"{end.address} is {mac}{at}", whole=True)
    on = f" on {' or '.join(end.endpoint.devices)}" if end.endpoint.devices else ""
    return Fact(f"{end.address} is not resolved{on}, or behind another router", whole=False)


def sending(entry: Entry, snapshot: Snapshot) -> str:
    """The text that only a packet from the source offloads the connection.

    For an assured UDP connection (one with a stream of packets in both directions) it also says when the last packet of
    either end passed, if timeouts tell that.
    """
    who = f"only a packet from {ip_address(entry.original.src)} offloads it, not an answer"
    return "; ".join((who, *_silent(entry, snapshot)))


def _silent(entry: Entry, snapshot: Snapshot) -> Iterator[str]:
    # Each packet restarts the timeout; a longer one than the sysctl's is the connection's own.
    whole = snapshot.settings.get(STREAM)
    if entry.proto != UDP or not entry.status & IPS_ASSURED or whole is None or entry.timeout is None:
        return
    if entry.timeout <= whole:  # otherwise it has a timeout of its own
        yield f"the last packet of either end passed {whole - entry.timeout} s ago"
