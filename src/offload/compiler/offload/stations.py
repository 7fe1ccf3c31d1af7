"""Stations of bridges with ports of both kinds -> elements of the sets that choose hardware or software. Pure.

On a bridge whose switch ports offload and whose Wi-Fi does not, the port of a station decides (docs/kernel.md 24). A
packet shows its station by the MAC address it comes from, or by the address it goes to, which the neighbour table
resolves to a MAC address. The hardware table's sets hold the stations at ports that hardware covers, the software
table's sets those at other ports. A station in neither is not known yet.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from offload.model.kernel.live import STATION_SETS
from offload.model.network import MAX_NEIGHBOURS, Learned, LearnedFrom, Link, Snapshot
from offload.model.plan import BOTH, FROM, TO, PairDecision, PairStations, Plan, Table
from offload.model.problems.reason import ReasonCode
from offload.nouns import replace

MACS, IPV4, IPV6 = STATION_SETS
UNKNOWN_AFTER = 20  # packets of the original direction before software takes a flow of a station that is not known yet
OF_LINK_4, MULTICAST_4 = "169.254.", range(224, 240)  # RFC 3927, RFC 5771
OF_LINK_6 = ("fe8", "fe9", "fea", "feb", "ff")  # RFC 4291: fe80::/10, and multicast
OF_STATIONS = {ReasonCode.STATIONS_SOFTWARE, ReasonCode.STATIONS_UNSEEN}


def learned_stations(
    snapshot: Snapshot, bridges: Mapping[str, str], able: Iterable[str], before: Learned | None = None
) -> Learned:
    """The stations of the forwarding and neighbour tables. `bridges`: layer 3 device -> bridge; `able`: hardware ports.

    One MAC address may be learned in several VLANs of a bridge, at different ports: then it is taken for software.
    `before`: what was learned earlier, which is the answer where it was learned from the same.
    """
    seen = LearnedFrom(snapshot.stations, snapshot.neighbours, snapshot.links, bridges, frozenset(able))
    return before if before is not None and before.seen == seen else _learned(seen)


def _learned(seen: LearnedFrom) -> Learned:
    links = {link.name: link for link in seen.links}
    arrivals = {link.name: arrival(link, links) for link in seen.links if link.master}
    devices = _devices_by_bridge(seen.bridges)
    macs: dict[tuple[str, str], bool] = {}
    at_ports: set[tuple[str, str]] = set()
    for station in seen.stations:
        port = arrivals.get(station.port)
        if port is None or _is_multicast(station.mac):
            continue
        at_ports.add((port, station.mac))
        hardware = port in seen.able
        for device in devices.get(links[station.port].master, ()):
            macs[device, station.mac] = hardware and macs.get((device, station.mac), True)
    found: dict[tuple[str, str, bool], list[str]] = {}
    for (device, mac), hardware in macs.items():
        found.setdefault((MACS, device, hardware), []).append(f'"{device}" . {mac}')
    for each in seen.neighbours:
        place = macs.get((each.device, each.mac))
        if place is not None and _is_forwarded(each.address):
            name = IPV6 if ":" in each.address else IPV4
            found.setdefault((name, each.device, place), []).append(f'"{each.device}" . {each.address}')
    elements = {key: tuple(sorted(set(each))) for key, each in found.items()}
    return Learned(seen, elements, Counter(port for port, _ in at_ports))


def with_stations(table: Table, learned: Learned) -> Table:
    """The table with the elements of its sets of stations; unchanged where no station's port decides."""
    iifs = {element.iif for element in table.shared if element.policy.stations in {FROM, BOTH}}
    oifs = {element.oif for element in table.shared if element.policy.stations in {TO, BOTH}}
    if not iifs and not oifs:
        return table
    stations = {
        name: tuple(
            element
            for device in sorted(iifs if name == MACS else oifs)
            for element in learned.elements.get((name, device, table.hardware), ())
        )[:MAX_NEIGHBOURS]
        for name in STATION_SETS
    }
    return replace(table, stations=stations)


def counted(plan: Plan, learned: Learned) -> Plan:
    """The plan with the stations that are known counted, by pair and by port."""
    devices = (
        each if each.stations is None else replace(each, stations=learned.ports.get(each.name, 0))
        for each in plan.devices
    )
    return replace(plan, pairs=counted_pairs(plan.pairs, learned), devices=tuple(devices))


def counted_pairs(pairs: Iterable[PairDecision], learned: Learned) -> tuple[PairDecision, ...]:
    """The same pairs, each with its known stations by the path of their flows, and the sentence that says so."""
    paths = {
        (device, hardware): len(each) for (name, device, hardware), each in learned.elements.items() if name == MACS
    }
    return tuple(_counted(pair, pair.stations, paths) if pair.stations else pair for pair in pairs)


def _counted(pair: PairDecision, stations: PairStations, paths: Mapping[tuple[str, bool], int]) -> PairDecision:
    hardware, software = (sum(paths.get((device, path), 0) for device in stations.devices) for path in (True, False))
    found = replace(stations, hardware=hardware, software=software)
    reasons = tuple(found.reason if reason.code in OF_STATIONS else reason for reason in pair.reasons)
    return replace(pair, stations=found, reasons=reasons)


def choosing_rules(key: str, flowtable: str, *, hardware: bool) -> tuple[str, ...]:
    """The rules at the end of a policy's chain that add a flow to the flowtable or leave it to the other table.

    `key` is FROM, TO or BOTH. Hardware needs every end to be known there; software takes a flow with one end known at
    a port of its own at once; after some packets an unknown station, or a flow that hardware has not taken.
    """
    add = f"flow add @{flowtable}"
    source = [f"iifname . ether saddr @{MACS}"] if key in {FROM, BOTH} else []
    dests = [f"oifname . ip daddr @{IPV4}", f"oifname . ip6 daddr @{IPV6}"] if key in {TO, BOTH} else []
    if hardware:
        return tuple(" ".join((*source, dest, add)) for dest in dests) or (f"{source[0]} {add}",)
    return (*(f"{end} {add}" for end in (*source, *dests)), f"ct original packets < {UNKNOWN_AFTER} accept", add)


def _devices_by_bridge(bridges: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for device, bridge in sorted(bridges.items()):
        found.setdefault(bridge, []).append(device)
    return found


def arrival(link: Link, links: Mapping[str, Link]) -> str:
    """The device on which packets of a bridge port arrive: of a VLAN the one it stands on."""
    seen: set[str] = set()
    while link.kind == "vlan" and link.lower and link.name not in seen and link.lower[0] in links:
        seen.add(link.name)
        link = links[link.lower[0]]
    return link.name


def _is_multicast(mac: str) -> bool:
    return bool(int(mac[:2], 16) & 1)


def _is_forwarded(address: str) -> bool:
    """Whether the router forwards packets to it: not where it holds on one link only.

    Read from the text, for there are thousands: the kernel's addresses are written in their shortest form.
    """
    if ":" in address:
        return not address.startswith(OF_LINK_6)
    return not address.startswith(OF_LINK_4) and int(address.partition(".")[0]) not in MULTICAST_4
