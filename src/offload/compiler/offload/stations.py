"""The sets of stations (hosts on bridges), which choose hardware or software by the port of a host. Pure.

A station is a host that a bridge has learned at one of its ports. If flows of a bridge are to be in hardware, and its
switch ports can be but its Wi-Fi ports cannot, the station's port decides (docs/kernel.md 24). A packet shows its
station by its source MAC, or by its destination address, for which the neighbour table has a MAC. The hardware table's
sets have the stations at ports that hardware covers, the software table's sets those at other ports.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from offload.model.kernel.learned import Learned, LearnedFrom
from offload.model.kernel.live import STATION_SETS
from offload.model.network import MAX_NEIGHBOURS, Link, Snapshot
from offload.model.plan import BOTH, FROM, TO, PairDecision, PairStations, Plan, Table
from offload.model.problems.reason import ReasonCode
from offload.nouns import replace

MACS, IPV4, IPV6 = STATION_SETS
UNKNOWN_AFTER = 20  # packets of the original direction before software takes a flow whose station is not known
OF_LINK_4, MULTICAST_4 = "169.254.", range(224, 240)  # RFC 3927, RFC 5771
OF_LINK_6 = ("fe8", "fe9", "fea", "feb", "ff")  # RFC 4291: fe80::/10, and multicast
OF_STATIONS = {ReasonCode.STATIONS_SOFTWARE, ReasonCode.STATIONS_UNSEEN}


def learned_stations(
    snapshot: Snapshot, bridges: Mapping[str, str], able: Iterable[str], before: Learned | None = None
) -> Learned:
    """Divide the hosts that bridges have learned by their ports: ports in `able`, which hardware covers, and others.

    The result has, as nft set elements, the hosts' MACs and those of their IP addresses that are forwarded (not
    link-local or multicast), and the number of hosts by port. A MAC that a bridge has learned at several ports (in
    different VLANs) counts as at a hardware port only if all of them are. `bridges`: {l3 device: its bridge}. `before`:
    an earlier result, which is returned if it was made of equal inputs.
    """
    seen = LearnedFrom(snapshot.stations, snapshot.neighbours, snapshot.links, bridges, frozenset(able))
    return before if before is not None and before.seen == seen else _learned(seen)


def _learned(seen: LearnedFrom) -> Learned:
    links = {link.name: link for link in seen.links}
    arrivals = {link.name: arrival_device(link, links) for link in seen.links if link.master}
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
    """The table with sets of hosts at the bridges where a host's port decides, for elements of `table`.

    These are elements whose policy has `stations`. A bridge has no hosts in the sets if it is in no such element, even
    if hardware covers only some of its ports. The hardware table gets the hosts at ports that hardware covers, the
    software table those at other ports: their MACs for input devices, their IP addresses for output devices. A set
    holds at most MAX_NEIGHBOURS of them; the others are left out. `learned`: where hosts are. Without such elements the
    table is unchanged.
    """
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


def with_station_counts(plan: Plan, learned: Learned) -> Plan:
    """The Plan with numbers of hosts from `learned`: in hardware and software for a pair, and at each bridge port.

    Pairs and devices for which the port of a host decides nothing are unchanged.
    """
    devices = (
        each if each.stations is None else replace(each, stations=learned.ports.get(each.name, 0))
        for each in plan.devices
    )
    return replace(plan, pairs=with_pair_counts(plan.pairs, learned), devices=tuple(devices))


def with_pair_counts(pairs: Iterable[PairDecision], learned: Learned) -> tuple[PairDecision, ...]:
    """The pairs of zones with the numbers of their hosts in hardware and software, also in the Reason that names them.

    `learned`: where hosts are. Pairs for which the bridge port of a host decides nothing are unchanged.
    """
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
    """The last rules of a chain, as nft text, where a host's bridge port decides whether hardware takes a flow.

    `key`: the ends of the flow where the port decides: FROM (its source), TO (its destination) or BOTH. `hardware`: the
    rules are for the hardware table, and add the flow to `flowtable` if every such end is a known host at a hardware
    port. Rules for the software table add it at once if one such end is a known host at another port; any other flow
    after UNKNOWN_AFTER (20) packets of the original direction.
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


def arrival_device(link: Link, links: Mapping[str, Link]) -> str:
    """The device on which packets of a bridge port arrive: of a VLAN the first below it that is none, else the port.

    `links`: all links by name; a device below that is not among them is not followed.
    """
    seen: set[str] = set()
    while link.kind == "vlan" and link.lower and link.name not in seen and link.lower[0] in links:
        seen.add(link.name)
        link = links[link.lower[0]]
    return link.name


def _is_multicast(mac: str) -> bool:
    return bool(int(mac[:2], 16) & 1)


# Not to link-local or multicast addresses. It reads the text, because there are thousands: the kernel writes addresses
# in their shortest form.
def _is_forwarded(address: str) -> bool:
    if ":" in address:
        return not address.startswith(OF_LINK_6)
    return not address.startswith(OF_LINK_4) and int(address.partition(".")[0]) not in MULTICAST_4
