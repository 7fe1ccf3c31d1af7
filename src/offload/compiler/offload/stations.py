"""Stations of bridges with ports of both kinds -> elements of the sets that choose hardware or software. Pure.

On a bridge whose switch ports offload and whose Wi-Fi does not, the port of a station decides (docs/kernel.md 24). A
packet shows its station by the MAC address it comes from, or by the address it goes to, which the neighbour table
resolves to a MAC address. The hardware table's sets hold the stations at ports that hardware covers, the software
table's sets those at other ports. A station in neither is not known yet.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from offload.model.kernel.live import STATION_SETS
from offload.model.network import MAX_NEIGHBOURS, Link, Snapshot
from offload.model.plan import BOTH, FROM, TO, PairDecision, PairStations, Plan, Table
from offload.model.problems.reason import ReasonCode
from offload.nouns import dataclass, replace

MACS, IPV4, IPV6 = STATION_SETS
UNKNOWN_AFTER = 20  # packets of the original direction before software takes a flow of a station that is not known yet
OF_STATIONS = {ReasonCode.STATIONS_SOFTWARE, ReasonCode.STATIONS_UNSEEN}


@dataclass(frozen=True, slots=True)
class Learned:
    """The stations, and addresses that belong to them, by the layer 3 device: whether hardware covers their port.

    `ports`: how many stations were seen last at each port.
    """

    macs: Mapping[tuple[str, str], bool]
    addresses: Mapping[tuple[str, str], bool]
    ports: Mapping[str, int]


def learned_stations(snapshot: Snapshot, bridges: Mapping[str, str], able: Iterable[str]) -> Learned:
    """What the forwarding tables and the neighbour table say. `bridges`: layer 3 device -> bridge; `able`: ports.

    One MAC address may be learned in several VLANs of a bridge, at different ports: then it is taken for software.
    """
    links = {link.name: link for link in snapshot.links}
    covered, devices = frozenset(able), _devices_by_bridge(bridges)
    macs: dict[tuple[str, str], bool] = {}
    at_ports: set[tuple[str, str]] = set()
    for station in snapshot.stations:
        link = links.get(station.port)
        if link is None or _is_multicast(station.mac):
            continue
        port = arrival(link, links)
        at_ports.add((port, station.mac))
        hardware = port in covered
        for device in devices.get(link.master, ()):
            macs[device, station.mac] = hardware and macs.get((device, station.mac), True)
    addresses = {
        (each.device, each.address): macs[each.device, each.mac]
        for each in snapshot.neighbours
        if (each.device, each.mac) in macs and _is_forwarded(each.address)
    }
    return Learned(macs, addresses, Counter(port for port, _ in at_ports))


def with_stations(table: Table, learned: Learned) -> Table:
    """The table with the elements of its sets of stations; unchanged where no station's port decides."""
    iifs = {element.iif for element in table.shared if element.policy.stations in {FROM, BOTH}}
    oifs = {element.oif for element in table.shared if element.policy.stations in {TO, BOTH}}
    if not iifs and not oifs:
        return table
    found: dict[str, list[str]] = {name: [] for name in STATION_SETS}
    for (device, mac), hardware in sorted(learned.macs.items()):
        if device in iifs and hardware is table.hardware:
            found[MACS].append(f'"{device}" . {mac}')
    for (device, address), hardware in sorted(learned.addresses.items()):
        if device in oifs and hardware is table.hardware:
            found[IPV6 if ":" in address else IPV4].append(f'"{device}" . {address}')
    stations = {name: tuple(elements[:MAX_NEIGHBOURS]) for name, elements in found.items()}
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
    paths = Counter((device, hardware) for (device, _), hardware in learned.macs.items())
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
    """Whether the router forwards packets to it: not where it holds on one link only."""
    found = ip_address(address)
    return not found.is_link_local and not found.is_multicast
