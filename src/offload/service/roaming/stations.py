"""Where each station (MAC learned by a bridge) was seen last, and which moved.

Pure. Packets on the fast path do not refresh a bridge's forwarding table, so the bridge forgets a station whose flow
lives on. If the station appears at another port, only the port remembered here shows that it moved.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter

from offload.compiler.offload.stations import arrival_device
from offload.model.network import MAX_NEIGHBOURS, Link, Neighbour, Snapshot, Station
from offload.nouns import dataclass, field
from offload.service.memory.remembered import Key, Remembered
from offload.service.roaming.moves import Moves
from offload.status.lookup.device_paths import NEIGHBOUR, KnownStations

DEPTH = 4  # devices below a device, at most
# Tuples of these are compared in a quarter of the time that the nouns take.
OF_STATION, OF_NEIGHBOUR = attrgetter("mac", "port", "vlan"), attrgetter("address", "device", "mac")
Everything = tuple[tuple[Station, ...], tuple[Neighbour, ...]]


@dataclass(slots=True)
class StationTracker:
    """Where each station (MAC learned by a bridge) and neighbour (address with its MAC) was seen last, and which moved.

    Stations and neighbours are limited separately; those at ports that hardware can take are kept first.
    """

    moves: Moves = field(default_factory=Moves)  # stations that moved, and the tables to create again for them
    version: int = 0  # changes with each station or neighbour that is new, somewhere else, or forgotten
    crowded: bool = False  # some that the kernel has now found no room
    _stations: Remembered = field(default_factory=lambda: Remembered(MAX_NEIGHBOURS))  # (MAC, bridge, VLAN) -> port
    # (address, device, NEIGHBOUR) -> MAC
    _neighbours: Remembered = field(default_factory=lambda: Remembered(MAX_NEIGHBOURS))
    _hardware: frozenset[str] = frozenset()  # ports that hardware can take
    _macs: set[str] = field(default_factory=set)  # of stations at such ports
    _ports: dict[str, set[str]] = field(default_factory=dict)  # bridge -> its ports
    _updated: tuple[int, tuple[object, ...]] = (-1, ())  # version and input of the last `update`
    _listed: tuple[int, Everything] = (-1, ((), ()))  # what `remembered` gave last, and of which version

    @property
    def known(self) -> KnownStations:
        """What was seen last: (MAC, bridge, VLAN) -> port, and (address, device, NEIGHBOUR) -> MAC."""
        return {**dict(self._stations.items()), **dict(self._neighbours.items())}

    def station(self, seen: Station, master: str) -> bool:
        """Note that bridge `master` learned a station at a port.

        True: it was at another port before, and that move is noted.
        """
        key, wired = (seen.mac, master, seen.vlan), seen.port in self._hardware
        if wired:
            self._macs.add(seen.mac)
        before = self._remember(self._stations, key, seen.port, preferred=wired)
        if before in {None, seen.port}:
            return False
        self.moves.to_port(key, master, {before or "", seen.port})
        return True

    def neighbour(self, seen: Neighbour) -> bool:
        """Note that the router resolved an address to a MAC.

        True: it had another MAC before, and that move is noted.
        """
        key = (seen.address, seen.device, NEIGHBOUR)
        before = self._remember(self._neighbours, key, seen.mac, preferred=seen.mac in self._macs)
        if before in {None, seen.mac}:
            return False
        self.moves.to_mac(key, seen.device)
        return True

    def remembered(self) -> Everything:
        """(stations, neighbours): those that are remembered, also if the kernel forgot them.

        Stations whose port was not in their bridge at the last `update` are left out.
        """
        if self._listed[0] != self.version:
            self._listed = self.version, self._everything()
        return self._listed[1]

    def _everything(self) -> Everything:
        bridges = {bridge: ports for bridge, ports in self._ports.items() if ports}
        stations = tuple(
            Station(mac, port, vlan)
            for (mac, bridge, vlan), port in self._stations.items()
            if port in bridges.get(bridge, ())
        )
        neighbours = tuple(Neighbour(address, device, mac) for (address, device, _), mac in self._neighbours.items())
        return stations, neighbours

    def restore(self, known: Iterable[tuple[Key, str]]) -> None:
        """Add where an earlier service saw stations and neighbours: the next `update` shows which moved since.

        `known`: ((MAC, bridge, VLAN), port) of stations, and ((address, device, NEIGHBOUR), MAC) of neighbours.
        """
        for key, value in known:
            self._remember(self._neighbours if key[2] == NEIGHBOUR else self._stations, key, value, preferred=False)

    def update(self, snapshot: Snapshot) -> None:
        """Take over all stations, neighbours and ports of a Snapshot (the router as read), since events may be lost.

        Moves that it shows are noted in `moves`.
        """
        lists = tuple(map(OF_STATION, snapshot.stations)), tuple(map(OF_NEIGHBOUR, snapshot.neighbours))
        seen = self.version, (snapshot.links, *lists)
        if seen != self._updated or self.crowded:
            self._take_in(snapshot)
            self._updated = self.version, seen[1]

    def _take_in(self, snapshot: Snapshot) -> None:
        links = {link.name: link for link in snapshot.links}
        ports: dict[str, set[str]] = {}
        for port in snapshot.links:
            ports.setdefault(port.master, set()).add(port.name)
        self.version += ports != self._ports  # stations at ports that left their bridge are no longer known
        self._ports = ports
        self.moves.bridges = {name: bridge for name in links if (bridge := _bridge(name, links))}
        self._hardware = frozenset(name for name, link in links.items() if links[arrival_device(link, links)].is_able)
        learned = {
            (each.mac, links[each.port].master if each.port in links else "", each.vlan) for each in snapshot.stations
        }
        resolved = {(each.address, each.device, NEIGHBOUR) for each in snapshot.neighbours}
        self._stations.prefer_only(learned)
        self._neighbours.prefer_only(resolved)
        self._macs = {mac for mac, _, _ in self._stations.preferred()}
        for station in snapshot.stations:
            link = links.get(station.port)
            self.station(station, link.master if link else "")
        for neighbour in snapshot.neighbours:
            self.neighbour(neighbour)
        self.crowded = self._stations.crowded_out(learned) or self._neighbours.crowded_out(resolved)

    def _remember(self, memory: Remembered, key: Key, value: str, *, preferred: bool) -> str | None:
        before = memory.put(key, value, preferred=preferred)
        self.version += before != value and key in memory
        return before


def _bridge(name: str, links: Mapping[str, Link]) -> str:
    # the device itself, or the first bridge below it
    for _ in range(DEPTH):
        link = links.get(name)
        if link is None or link.kind == "bridge" or not link.lower:
            return name if link is not None and link.kind == "bridge" else ""
        name = link.lower[0]
    return ""
