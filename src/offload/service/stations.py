"""Where every station was last seen, and which of them moved: what a Snapshot alone forgets. Pure.

Packets on the fast path refresh no forwarding table, so a bridge forgets a station whose flow lives on; when it turns
up at another port, only who remembers the old one knows that it moved (docs/kernel.md 23).
"""

from offload.compiler.offload.returns import tables_to_return
from offload.model.network import MAX_NEIGHBOURS, Neighbour, Snapshot, Station
from offload.model.plan import Plan
from offload.nouns import dataclass, field

Key = tuple[str, str, int]


@dataclass(slots=True)
class StationTracker:
    """The latest place of each station and neighbour, and what moved since the last pass."""

    _places: dict[Key, str] = field(default_factory=dict)
    _ports: set[str] = field(default_factory=set)
    _devices: set[str] = field(default_factory=set)

    def station(self, seen: Station, master: str) -> bool:
        """A bridge has learned a station; whether it was somewhere else before."""
        before = self._remember((seen.mac, master, seen.vlan), seen.port)
        if before in {None, seen.port}:
            return False
        self._ports |= {before or "", seen.port}
        return True

    def neighbour(self, seen: Neighbour) -> bool:
        """An address was resolved; whether to another MAC than before."""
        before = self._remember((seen.address, seen.device, -1), seen.mac)
        if before in {None, seen.mac}:
            return False
        self._devices.add(seen.device)
        return True

    def look(self, snapshot: Snapshot) -> None:
        """Take in a whole Snapshot: events may have been lost."""
        masters = {link.name: link.master for link in snapshot.links}
        for station in snapshot.stations:
            self.station(station, masters.get(station.port, ""))
        for neighbour in snapshot.neighbours:
            self.neighbour(neighbour)

    def tables_to_return(self, plan: Plan) -> tuple[str, ...]:
        """The tables whose flows must find their way anew."""
        return tables_to_return(plan, self._ports, self._devices)

    def settled(self) -> None:
        """Those tables were returned."""
        self._ports.clear()
        self._devices.clear()

    def _remember(self, key: Key, place: str) -> str | None:
        before = self._places.pop(key, None)  # to stand last: the first is the one to forget
        self._places[key] = place
        if len(self._places) > MAX_NEIGHBOURS:
            del self._places[next(iter(self._places))]
        return before
