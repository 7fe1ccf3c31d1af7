"""The nft sets of stations that the kernel has, and the text that updates them. Pure; the caller gives the time.

A station is a host that a bridge has learned. One that arrives at a hardware port may have flows in software; then the
software table is created again, for hardware to take them.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from offload.model.flow import Entry, State
from offload.model.kernel.live import STATION_SETS
from offload.model.network import Neighbour
from offload.model.plan import Table
from offload.nouns import dataclass, field

APART = 0.25  # seconds between two updates
RETRY = 5.0  # seconds until an update that nft refused is repeated
SEARCH_APART = 60.0
Sets = Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class StationSets:
    """The elements of the station sets that the kernel has, and when to update them.

    These nft sets of our tables have stations (hosts behind bridges). If a table is not in `sent`, the content of its
    sets is not known, and is sent anew.
    """

    sent: dict[str, Sets] = field(default_factory=dict)  # by table, its sets and their elements
    arrived: frozenset[str] = frozenset()  # MAC addresses and addresses that came to ports of hardware
    _seen: int = -1  # the version of the stations that the sets were compared with last
    _next: float = 0.0  # no update before
    _search_at: float = 0.0  # when to look for flows in software of stations in `arrived`
    _failing: bool = False  # nft refused the last update

    def forget(self) -> None:
        """Forget what the sets in the kernel have, as after tables were created again: `changes` fills them anew."""
        self.sent, self._seen = {}, -1

    def due(self, version: int) -> float | None:
        """When to compare the sets with the known stations, and update them, in monotonic seconds, perhaps in the past.

        None: that was done for this `version`, a number that changes with the known stations. The time is APART (0.25)
        seconds after the last update, RETRY (5) after a refused one.
        """
        return None if version == self._seen else self._next

    def compared(self, version: int, now: float) -> None:
        """Note that the sets have the stations of this `version`: until another one, `due` gives None.

        The next update is not before APART (0.25) seconds after `now` (monotonic).
        """
        self._seen, self._next, self._failing = version, now + APART, False

    def refused(self, now: float) -> bool:
        """Note that nft refused the changes; gives whether this is the first refusal in a row.

        All sets are filled anew RETRY (5) seconds after `now` (monotonic).
        """
        self.forget()
        new, self._failing, self._next = not self._failing, True, now + RETRY
        return new

    def changes(self, tables: Iterable[Table]) -> str:
        """The nft commands (add, delete, flush) that update the sets in the kernel to the elements in these tables.

        Empty if they agree. A set whose content is not known is flushed first. The caller notes by `took` that nft took
        them.
        """
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
        """Note that the sets in the kernel have the elements in these tables.

        `arrived` gets the stations that are new in the hardware table, and loses those that are no longer in its sets;
        it stays if their content was not known. If `arrived` was empty, the search for flows of the new ones is due
        SEARCH_APART (60) seconds after `now` (monotonic).
        """
        for table in tables:
            before = self.sent.get(table.name)
            if table.hardware and before is not None:
                arrived = {each for name in STATION_SETS for each in set(table.stations[name]) - set(before[name])}
                if arrived and not self.arrived:
                    self._search_at = now + SEARCH_APART
                # only stations that are still in the sets, so that invented addresses cannot fill the memory
                present = {element.rpartition(" ")[2] for name in STATION_SETS for element in table.stations[name]}
                self.arrived = (self.arrived | {element.rpartition(" ")[2] for element in arrived}) & present
            self.sent[table.name] = table.stations

    def arrived_due(self) -> float | None:
        """When to look for flows in software of stations in `arrived` (monotonic seconds); None: `arrived` is empty."""
        return self._search_at if self.arrived else None

    def search_again(self, now: float, stations: frozenset[str] = frozenset()) -> None:
        """Note that the search for flows in software failed, or that the software table could not be created again.

        It is due again SEARCH_APART (60) seconds after `now` (monotonic). `stations`: are added to `arrived`, which a
        search has emptied.
        """
        self.arrived, self._search_at = self.arrived | stations, now + SEARCH_APART

    def are_in_software(self, entries: Iterable[Entry], neighbours: Iterable[Neighbour]) -> bool:
        """Whether one of these connections is in software and has an end in `arrived`; empties `arrived`.

        `neighbours`: give the addresses of a MAC; an end without a neighbour is not found.
        """
        packed = {ip_address(each.address).packed for each in neighbours if {each.address, each.mac} & self.arrived}
        self.arrived = frozenset()
        return any(
            entry.state is State.SOFTWARE and (entry.original.src in packed or entry.reply.src in packed)
            for entry in entries
        )


def _line(command: str, table: str, name: str, elements: list[str]) -> list[str]:
    return [f"{command} element inet {table} {name} {{ {', '.join(elements)} }}"] if elements else []
