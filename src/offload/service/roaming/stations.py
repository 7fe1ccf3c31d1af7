"""Where each station was seen last, and which stations moved; one Snapshot cannot show it. Pure, time is input.

Packets on the fast path do not refresh a bridge's forwarding table, so the bridge forgets a station whose flow lives
on. If it appears at another port, only the port remembered here shows that it moved.

With the last return that a minute allows the plan changes: a bridge whose stations move too often loses its wired ports
from the software flowtable for a while. Its flows then follow moved stations without a return.
"""

from collections.abc import Collection, Iterable, Mapping

from offload.compiler.offload.stations import arrival_device
from offload.compiler.offload.tables.returns import tables_to_return
from offload.model.network import MAX_NEIGHBOURS, Link, Neighbour, Snapshot, Station
from offload.model.plan import Plan
from offload.nouns import dataclass, field
from offload.service.memory.remembered import Key, Remembered
from offload.service.roaming.return_budget import ReturnBudget
from offload.status.lookup.device_paths import NEIGHBOUR, KnownStations

MOST_MOVES = 1024  # moves whose tables were not created again yet
DEPTH = 4  # devices below a device, at most
LEFT_OUT = 600.0  # seconds for which the wired ports of a bridge are left out
# First pause in seconds and growth. A phone may walk from port to port; the MAC of an address changes rarely.
STATION_PAUSE, NEIGHBOUR_PAUSE = (0.25, 2.0), (0.5, 4.0)
Everything = tuple[tuple[Station, ...], tuple[Neighbour, ...]]


@dataclass(frozen=True, slots=True)
class Move:
    """A station at another port (`ports`: the old and new ones), or an address on `device` that got another MAC.

    `segment` is the bridge, or the device where there is none. `device` is empty for a station, `ports` for an address.
    """

    segment: str
    ports: frozenset[str] = frozenset()
    device: str = ""


@dataclass(slots=True)
class StationTracker:
    """Where each station (MAC learned by a bridge) and neighbour (address with its MAC) was seen last, and which moved.

    A move is remembered until the tables whose flows may go to the old port or MAC were created again. Stations and
    neighbours are limited separately; those at ports that hardware can take are kept first.
    """

    budget: ReturnBudget = field(default_factory=ReturnBudget)  # how many returns a minute allows
    version: int = 0  # changes with each station or neighbour that is new, somewhere else, or forgotten
    crowded: bool = False  # some that the kernel has now found no room
    _stations: Remembered = field(default_factory=lambda: Remembered(MAX_NEIGHBOURS))  # (MAC, bridge, VLAN) -> port
    # (address, device, NEIGHBOUR) -> MAC
    _neighbours: Remembered = field(default_factory=lambda: Remembered(MAX_NEIGHBOURS))
    _hardware: frozenset[str] = frozenset()  # ports that hardware can take
    _macs: set[str] = field(default_factory=set)  # of stations at such ports
    _moves: dict[Key, Move] = field(default_factory=dict)  # for which no table was created again yet
    _causes: dict[Key, None] = field(default_factory=dict)  # moves of the tables that are being created again
    _bridges: dict[str, str] = field(default_factory=dict)  # device -> the bridge it is, or stands on
    _ports: dict[str, set[str]] = field(default_factory=dict)  # bridge -> its ports
    _left_out: dict[str, float] = field(default_factory=dict)  # bridge -> until when
    _updated: tuple[int, tuple[object, ...]] = (-1, ())  # version and input of the last `update`
    _listed: tuple[int, Everything] = (-1, ((), ()))  # what `remembered` gave last, and of which version

    @property
    def known(self) -> KnownStations:
        """What was seen last: (MAC, bridge, VLAN) -> port, and (address, device, NEIGHBOUR) -> MAC."""
        return {**dict(self._stations.items()), **dict(self._neighbours.items())}

    def station(self, seen: Station, master: str) -> bool:
        """Note that bridge `master` learned a station; True: it was at another port before. The move is noted."""
        key, wired = (seen.mac, master, seen.vlan), seen.port in self._hardware
        if wired:
            self._macs.add(seen.mac)
        before = self._remember(self._stations, key, seen.port, preferred=wired)
        if before in {None, seen.port}:
            return False
        earlier = self._moves[key].ports if key in self._moves else frozenset[str]()
        return self._moved(key, Move(master, earlier | {before or "", seen.port}))

    def neighbour(self, seen: Neighbour) -> bool:
        """Note that the router resolved an address; True: its MAC was another before. The move is noted."""
        key = (seen.address, seen.device, NEIGHBOUR)
        before = self._remember(self._neighbours, key, seen.mac, preferred=seen.mac in self._macs)
        if before in {None, seen.mac}:
            return False
        return self._moved(key, Move(self._bridges.get(seen.device, seen.device), device=seen.device))

    def remembered(self) -> Everything:
        """All stations and neighbours, also those that the kernel forgot; no station whose port left its bridge."""
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
        """Add where an earlier service saw stations and neighbours: the next Snapshot shows which moved since."""
        for key, value in known:
            self._remember(self._neighbours if key[2] == NEIGHBOUR else self._stations, key, value, preferred=False)

    def update(self, snapshot: Snapshot) -> None:
        """Note all stations and neighbours of a Snapshot, since events may be lost. An unchanged one takes no time."""
        seen = self.version, (snapshot.links, snapshot.stations, snapshot.neighbours)
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
        self._bridges = {name: bridge for name in links if (bridge := _bridge(name, links))}
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

    def ready(self, plan: Plan, now: float) -> bool:
        """Whether a table of the Plan has to be created again because stations moved, and may be now.

        False while all these stations are in a pause, or if it was done too often in this minute.
        """
        return self.budget.left(now) > 0 and bool(self._ready(plan, now))

    def due(self, plan: Plan, now: float) -> float | None:
        """When to create a table again for a move, or list left-out ports again (monotonic seconds); None: neither."""
        times = [*self._left_out.values()]
        if self._moves and not self.budget.left(now):
            times.append(self.budget.renewed(now))
        elif keys := self._concerning(plan):
            times.append(min(self.budget.ready(key) for key in keys))
        return min(times, default=None)

    def tables_to_return(self, plan: Plan, now: float) -> tuple[str, ...]:
        """The tables to create again now because stations moved; none if that was done too often in this minute.

        Stations whose pause lasts are not considered yet. The others are noted as causes, for `returned` and
        `leave_out`.
        """
        if not self.budget.left(now):
            return ()
        keys = self._ready(plan, now)
        self._causes |= dict.fromkeys(keys)
        wanted = {name for key in keys for name in self._tables(plan, self._moves[key])}
        return tuple(table.name for table in plan.tables if table.name in wanted)

    def returned(self, tables: Collection[str], plan: Plan, now: float) -> None:
        """Note that these tables were created again: forget the moves that concern no other table of the Plan.

        If `tables_to_return` gave them, `budget` counts that, and its stations begin a pause.
        """
        if self._causes and tables:
            self.budget.returned(self._segments_of(self._causes), now)
            for key in self._causes:
                pause = NEIGHBOUR_PAUSE if key[2] == NEIGHBOUR else STATION_PAUSE
                self.budget.followed(key, *pause, now)
        self._causes = {}
        done = set(tables)
        self._moves = {key: move for key, move in self._moves.items() if not done.issuperset(self._tables(plan, move))}

    def is_last(self, now: float) -> bool:
        """Whether tables may be created again at most once more in this minute; then bridge ports leave flowtables."""
        return self.budget.left(now) <= 1

    def leave_out(self, now: float) -> frozenset[str]:
        """Choose bridges whose wired ports no flowtable lists for LEFT_OUT seconds; gives those that are new.

        Chosen are bridges for which tables were created again SEVERAL times in this minute; if there is none, once;
        else those on which stations move now. If one of these causes is a device without a bridge, all
        bridges are chosen, so that stations on all of them can move without a table created again.
        """
        bridges = frozenset(self._bridges.values())
        offenders = self.budget.offenders(now) or self._segments_of(self._causes)
        chosen = (offenders if offenders.issubset(bridges) else bridges) - self._left_out.keys()
        self._left_out |= dict.fromkeys(chosen, now + LEFT_OUT)
        return chosen

    def left_out(self, now: float) -> frozenset[str]:
        """The bridges whose wired ports are left out of the flowtables now; those whose time is over are forgotten."""
        self._left_out = {bridge: until for bridge, until in self._left_out.items() if until > now}
        return frozenset(self._left_out)

    def ended(self, now: float) -> bool:
        """Whether the LEFT_OUT seconds of a bridge are over, and `left_out` was not called since: it forgets them."""
        return any(until <= now for until in self._left_out.values())

    def _segments_of(self, keys: Iterable[Key]) -> frozenset[str]:
        return frozenset(self._moves[key].segment for key in keys if key in self._moves)

    def _ready(self, plan: Plan, now: float) -> list[Key]:
        return [key for key in self._concerning(plan) if self.budget.ready(key) <= now]

    def _concerning(self, plan: Plan) -> list[Key]:
        """The moves after which flows of the Plan may go to the old port or MAC; all others are forgotten."""
        known: dict[Move, tuple[str, ...]] = {}
        for move in self._moves.values():
            if move not in known:
                known[move] = self._tables(plan, move)
        self._moves = {key: move for key, move in self._moves.items() if known[move]}
        return list(self._moves)

    def _tables(self, plan: Plan, move: Move) -> tuple[str, ...]:
        devices = {move.device} - {""}
        return tables_to_return(plan, move.ports, devices, devices if move.segment in self._left_out else frozenset())

    def _moved(self, key: Key, move: Move) -> bool:
        self._moves.pop(key, None)
        self._moves[key] = move
        if len(self._moves) > MOST_MOVES:  # the oldest may go: tables are created again for the others
            del self._moves[next(iter(self._moves))]
        return True

    def _remember(self, memory: Remembered, key: Key, value: str, *, preferred: bool) -> str | None:
        before = memory.put(key, value, preferred=preferred)
        self.version += before != value and key in memory
        return before


def _bridge(name: str, links: Mapping[str, Link]) -> str:
    """The bridge that a device is, or the first bridge below it (DEPTH devices are looked at); empty: none."""
    for _ in range(DEPTH):
        link = links.get(name)
        if link is None or link.kind == "bridge" or not link.lower:
            return name if link is not None and link.kind == "bridge" else ""
        name = link.lower[0]
    return ""
