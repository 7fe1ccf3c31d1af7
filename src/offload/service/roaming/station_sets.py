"""The sets of stations as the kernel has them, and what brings them up to date. Pure; the caller brings the time.

A new station is one small transaction: no table is returned for it. A station that comes to a port of hardware may
have flows that software took before; if it has, the software table is returned, for all such stations at most once in
`LATE` seconds, and hardware takes the flows with their next packet.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from offload.model.flow import Entry, State
from offload.model.kernel.live import STATION_SETS
from offload.model.network import Neighbour
from offload.model.plan import Table
from offload.nouns import dataclass, field

APART = 0.25  # seconds between two updates
RETRY = 5.0  # seconds after an update that nft refused
LATE = 60.0
Sets = Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class StationSets:
    """`sent`: what each table's sets have, by table; a table that is not in it is filled from the beginning."""

    sent: dict[str, Sets] = field(default_factory=dict)
    late: frozenset[str] = frozenset()  # MAC addresses and addresses that came to ports of hardware
    _seen: int = -1  # the version of the stations that the sets were compared with last
    _next: float = 0.0  # no update before
    _late_at: float = 0.0  # when the software table may be returned for late stations
    _failing: bool = False  # nft refused the last update

    def forget(self) -> None:
        """Tables were made anew, or their content is not known: fill their sets from the beginning."""
        self.sent, self._seen = {}, -1

    def due(self, version: int) -> float | None:
        """When to compare again; None while no station changed since. `version`: of the stations that are known."""
        return None if version == self._seen else self._next

    def compared(self, version: int, now: float) -> None:
        """The sets are as the stations of this version want them."""
        self._seen, self._next, self._failing = version, now + APART, False

    def refused(self, now: float) -> bool:
        """Nft refused the update, so all is sent again later; whether that is new."""
        self.forget()
        new, self._failing, self._next = not self._failing, True, now + RETRY
        return new

    def changes(self, tables: Iterable[Table]) -> str:
        """The transaction that brings the sets to what the tables say; empty where they are there."""
        lines: list[str] = []
        for table in tables:
            before = self.sent.get(table.name)
            for name, elements in table.stations.items():
                had = set(before[name]) if before and name in before else None
                if had is None:
                    lines.append(f"flush set inet {table.name} {name}")
                lines += _line("delete", table.name, name, sorted((had or set()) - set(elements)))
                lines += _line("add", table.name, name, sorted(set(elements) - (had or set())))
        return "".join(f"{line}\n" for line in lines)

    def took(self, tables: Iterable[Table], now: float) -> None:
        """The kernel has the sets of these tables now."""
        for table in tables:
            before = self.sent.get(table.name)
            if table.hardware and before is not None:
                arrived = {each for name in STATION_SETS for each in set(table.stations[name]) - set(before[name])}
                if arrived and not self.late:
                    self._late_at = max(self._late_at, now) + LATE
                # those that hardware still has: invented addresses must not fill the memory
                present = {element.rpartition(" ")[2] for name in STATION_SETS for element in table.stations[name]}
                self.late = (self.late | {element.rpartition(" ")[2] for element in arrived}) & present
            self.sent[table.name] = table.stations

    def late_due(self) -> float | None:
        """When to look for flows of late stations; None where there is no such station."""
        return self._late_at if self.late else None

    def later(self, now: float, late: frozenset[str] = frozenset()) -> None:
        """Late stations are looked for again: their flows could not be read, or those of `late` not returned."""
        self.late, self._late_at = self.late | late, now + LATE

    def are_late(self, entries: Iterable[Entry], neighbours: Iterable[Neighbour], now: float) -> bool:
        """Whether software has a flow of a late station; no station is late afterwards."""
        packed = {ip_address(each.address).packed for each in neighbours if {each.address, each.mac} & self.late}
        self.late, self._late_at = frozenset(), now
        return any(
            entry.state is State.SOFTWARE and (entry.original.src in packed or entry.reply.src in packed)
            for entry in entries
        )


def _line(command: str, table: str, name: str, elements: list[str]) -> list[str]:
    return [f"{command} element inet {table} {name} {{ {', '.join(elements)} }}"] if elements else []
