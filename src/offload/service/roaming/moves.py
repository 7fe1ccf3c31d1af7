"""The stations (hosts behind bridges) that moved, and when to create tables again for them. Pure, time is input.

Flows go on to a station's old port until their table is created again (a return: its flows are slow for a moment). The
returns in a minute are limited. With the last of these, the wired ports of bridges whose stations move too often are
left out of the flowtables for a while; flows over these bridges then follow moved stations without a return.
"""

from collections.abc import Collection, Iterable

from offload.compiler.offload.tables.returns import tables_to_return
from offload.model.plan import Plan
from offload.nouns import dataclass, field
from offload.service.memory.remembered import Key
from offload.service.roaming.return_budget import ReturnBudget
from offload.status.lookup.device_paths import NEIGHBOUR

MOST_MOVES = 1024  # moves whose tables were not created again yet
LEFT_OUT = 600.0  # seconds for which the wired ports of a bridge are left out
# First pause in seconds and growth. A phone may walk from port to port; the MAC of an address changes rarely.
STATION_PAUSE, NEIGHBOUR_PAUSE = (0.25, 2.0), (0.5, 4.0)


@dataclass(frozen=True, slots=True)
class Move:
    """A station at another port (`ports`: the old and new ones), or an address on `device` that got another MAC.

    `segment`: the bridge; without one the device. `device` is empty for a station, `ports` for an address.
    """

    segment: str
    ports: frozenset[str] = frozenset()
    device: str = ""


@dataclass(slots=True)
class Moves:
    """Stations and addresses that moved, until the tables whose flows may go to the old place were created again.

    A key is (MAC, bridge, VLAN) of a station, or (address, device, NEIGHBOUR) of an address. Of more than MOST_MOVES
    (1024) moves the oldest are forgotten.
    """

    budget: ReturnBudget = field(default_factory=ReturnBudget)  # how many returns a minute allows
    bridges: dict[str, str] = field(default_factory=dict)  # device -> the bridge it is, or stands on
    _moves: dict[Key, Move] = field(default_factory=dict)  # whose tables were not all created again yet
    _causes: dict[Key, None] = field(default_factory=dict)  # moves of the tables that are being created again
    _left_out: dict[str, float] = field(default_factory=dict)  # bridge -> until when

    def to_port(self, key: Key, bridge: str, ports: Collection[str]) -> None:
        """Note that a station moved between these ports of a bridge.

        If an earlier move of it still waits until tables are created again, its ports are kept too.
        """
        earlier = self._moves[key].ports if key in self._moves else frozenset[str]()
        self._add(key, Move(bridge, earlier.union(ports)))

    def to_mac(self, key: Key, device: str) -> None:
        """Note that an address on this device got another MAC address."""
        self._add(key, Move(self.bridges.get(device, device), device=device))

    def _add(self, key: Key, move: Move) -> None:
        self._moves.pop(key, None)
        self._moves[key] = move
        if len(self._moves) > MOST_MOVES:  # the oldest may go: tables are created again for the others
            del self._moves[next(iter(self._moves))]

    def ready(self, plan: Plan, now: float) -> bool:
        """Whether a table of the Plan has to be created again because stations moved, and may be now.

        False while all these stations are in a pause, or if it was done too often in this minute.
        """
        return self.budget.left(now) > 0 and bool(self._ready(plan, now))

    def due(self, plan: Plan, now: float) -> float | None:
        """The next time, in monotonic seconds, to create a table again for a move, or to give a bridge its ports back.

        It may be past already; None: neither is to be done. Ports: if stations of a bridge move too often, flowtables
        leave out its wired ports for a while.
        """
        times = [*self._left_out.values()]
        if self._moves and not self.budget.left(now):
            times.append(self.budget.renewed(now))
        elif keys := self._concerning(plan):
            times.append(min(self.budget.ready(key) for key in keys))
        return min(times, default=None)

    def tables_to_return(self, plan: Plan, now: float) -> tuple[str, ...]:
        """The names of the tables to create again now because stations moved.

        Empty: none, it was done too often in this minute, or all stations that moved are in a pause. Moves of stations
        that are not in a pause are noted as causes, for `returned` and `leave_out`.
        """
        if not self.budget.left(now):
            return ()
        keys = self._ready(plan, now)
        self._causes |= dict.fromkeys(keys)
        wanted = {name for key in keys for name in self._tables(plan, self._moves[key])}
        return tuple(table.name for table in plan.tables if table.name in wanted)

    def returned(self, tables: Collection[str], plan: Plan, now: float) -> None:
        """Note that these tables were created again: forget the moves that concern no other table of the Plan.

        If `tables_to_return` has noted causes and `tables` is not empty, `budget` counts it, and for each of these
        causes a pause begins at `now`.
        """
        if self._causes and tables:
            self.budget.returned(self._segments_of(self._causes), now)
            for key in self._causes:
                pause = NEIGHBOUR_PAUSE if key[2] == NEIGHBOUR else STATION_PAUSE
                self.budget.followed(key, *pause, now)
        self._causes = {}
        done = set(tables)
        self._moves = {key: move for key, move in self._moves.items() if not done.issuperset(self._tables(plan, move))}

    def failed(self) -> None:
        """Note that a pass failed: what `tables_to_return` noted is no cause of a later return. The moves stay."""
        self._causes = {}

    def is_last(self, now: float) -> bool:
        """Whether tables may be created again at most once more in this minute."""
        return self.budget.left(now) <= 1

    def leave_out(self, now: float) -> frozenset[str]:
        """Choose bridges whose wired ports no flowtable lists for LEFT_OUT (600) seconds from `now`; gives new ones.

        Chosen are the bridges for which tables were created again SEVERAL (2) times or more in the last minute; else
        those for which that was done once; else those of the causes that `tables_to_return` noted. If one of these is a
        device without a bridge, all bridges are chosen. A bridge that was chosen earlier keeps its time, and is not
        given.
        """
        bridges = frozenset(self.bridges.values())
        offenders = self.budget.offenders(now) or self._segments_of(self._causes)
        chosen = (offenders if offenders.issubset(bridges) else bridges) - self._left_out.keys()
        self._left_out |= dict.fromkeys(chosen, now + LEFT_OUT)
        return chosen

    def left_out(self, now: float) -> frozenset[str]:
        """The bridges whose wired ports no flowtable lists at `now`; those whose time is over are forgotten."""
        self._left_out = {bridge: until for bridge, until in self._left_out.items() if until > now}
        return frozenset(self._left_out)

    def ended(self, now: float) -> bool:
        """Whether the time of any bridge that `leave_out` chose is over at `now`: its ports may be listed again."""
        return any(until <= now for until in self._left_out.values())

    def _segments_of(self, keys: Iterable[Key]) -> frozenset[str]:
        return frozenset(self._moves[key].segment for key in keys if key in self._moves)

    def _ready(self, plan: Plan, now: float) -> list[Key]:
        return [key for key in self._concerning(plan) if self.budget.ready(key) <= now]

    def _concerning(self, plan: Plan) -> list[Key]:
        # moves that concern no flow of the Plan are forgotten
        known: dict[Move, tuple[str, ...]] = {}
        for move in self._moves.values():
            if move not in known:
                known[move] = self._tables(plan, move)
        self._moves = {key: move for key, move in self._moves.items() if known[move]}
        return list(self._moves)

    def _tables(self, plan: Plan, move: Move) -> tuple[str, ...]:
        devices = {move.device} - {""}
        return tables_to_return(plan, move.ports, devices, devices if move.segment in self._left_out else frozenset())
