"""The service's state between passes. A pass reads the router, decides the nft tables, and sends nft what differs.

`tasks/passes.py` makes the pass. The command uses this state for one run where no service runs.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from offload.config.load import FILES, Packages
from offload.model.applied import Applied
from offload.model.cause import Cause
from offload.model.network import Kernel, Route, Snapshot
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE, Plan
from offload.model.problems.problem import Problem
from offload.nouns import dataclass, field, replace
from offload.service import reconcile
from offload.service.counting.sightings import Sightings
from offload.service.counting.totals import Totals
from offload.service.doors import Doors
from offload.service.hardware.give_up import GiveUp
from offload.service.hardware.hardware_monitor import HardwareMonitor
from offload.service.hardware.hardware_probe import HardwareProbe
from offload.service.hints.route_returns import RouteReturns
from offload.service.hints.rule_returns import RuleReturns
from offload.service.memory import recall
from offload.service.memory.connections import Connections
from offload.service.memory.saved_stations import Saved
from offload.service.memory.timed_exempts import TimedExempts, with_timed_exempts
from offload.service.read_snapshot import OUR_FIREWALL, ForeignRules, netifd_says, observe
from offload.service.reconcile import Decided
from offload.service.refusing.judged import Judged
from offload.service.roaming.station_sets import StationSets
from offload.service.roaming.stations import StationTracker
from offload.service.tasks import passes

if TYPE_CHECKING:
    from offload.service.firewall.firewall import Firewall

HARDWARE, SOFTWARE = HARDWARE_TABLE[0], SOFTWARE_TABLE[0]
FIREWALL_TABLE = "fw4"
MOST_NEWS = 100  # events to send over ubus while it is away; older ones are dropped
ROUTES_LAST = 5.0  # seconds for which the routes that were read may be used to find the zones of flows


@dataclass(slots=True)
class Engine:
    """The state of offload on a router between two passes, and the doors (interfaces) to that router."""

    doors: Doors  # to everything outside of the process
    decided: Decided | None = None  # by the last pass that could read all files (else the first); problems: by the last
    applied: Applied = field(default_factory=Applied)  # outcome of the last pass, or of a later return of tables
    timed_exempts: TimedExempts = field(default_factory=TimedExempts)  # exempts given at run time
    stations: StationTracker = field(default_factory=StationTracker)  # where stations were seen last, and which moved
    rule_returns: RuleReturns = field(default_factory=RuleReturns)  # when tables are created again for changed rules
    route_returns: RouteReturns = field(default_factory=RouteReturns)  # when they are created again for changed routes
    station_sets: StationSets = field(default_factory=StationSets)  # the elements of the sets of stations in the kernel
    hardware_monitor: HardwareMonitor = field(default_factory=HardwareMonitor)  # verdicts on pairs in hardware
    totals: Totals = field(default_factory=Totals)  # of connections that ended
    sightings: Sightings = field(default_factory=Sightings)  # connections that were seen on a fast path
    connections: Connections = field(default_factory=Connections)  # as they were read last
    judged: Judged = field(default_factory=Judged)  # the rules by which connections were judged last, for cut_refused
    saved: Saved = field(default_factory=Saved)  # what the file of stations has
    kernel: Kernel | None = None  # the kernel's features; None: not probed yet
    foreign: ForeignRules = field(default_factory=ForeignRules)  # rules of other programs, from the last ruleset
    hardware_probe: HardwareProbe = field(default_factory=HardwareProbe)  # hardware features of devices
    give_up: GiveUp = field(default_factory=GiveUp)  # pairs and devices of whose flows hardware took none
    dump: dict[str, Any] | None = None  # netifd's last reply, in use while ubusd is away
    packages: Packages = field(default_factory=dict)  # the files as the last pass read them
    services: dict[str, Any] | None = None  # procd's last reply, with firewall sections; None without our firewall
    firewall: "Firewall | None" = None  # None without the package offload-firewall
    ubus_away: bool = False  # ubusd is away
    adopted: bool = False  # the timed exempts and stations of an earlier service are known
    restored: bool = False  # the file of timed exempts was read, or proved unreadable
    resident: bool = True  # it stays; False in the command, which answers once
    touched: bool = True  # others may have changed our tables, so the next pass lists all of them
    passes: int = 0  # how many were made
    cause: Cause = Cause.START  # of the last pass, for the log
    trouble: str = ""  # why to try again: the pass, the firewall's load or files failed, or the kernel lacks something
    news: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # events to send over ubus
    returned: dict[str, str] = field(default_factory=dict)  # by table, ISO 8601: last creation anew or deletion
    owed: frozenset[str] = frozenset()  # tables that a failed pass or return was to create again: the next pass does
    unmarked: str = ""  # why marking an earlier version's file (memory/upgrade.py) failed last; "": never
    raised: tuple[Problem, ...] = ()  # pairs that an upgrade made faster, listed for as long as this service lives
    _routes: tuple[float, tuple[Route, ...]] = (float("-inf"), ())  # when they were read

    @classmethod
    def of(cls, doors: Doors, *, resident: bool = True) -> Self:
        """A new engine for these doors, which has read nothing yet. `resident`: False for one run of the command."""
        made = cls(doors, resident=resident)
        if doors.firewall is not None:
            from offload.service.firewall.firewall import Firewall  # imported only when needed, to save memory

            made.firewall = Firewall(doors.firewall, doors.nft, doors.clock)
        return made

    def forget(self) -> None:
        """Let the next pass probe kernel and devices, list our nft sets, and request hardware that was given up."""
        self.kernel = None
        self.touched = True
        self.hardware_probe = HardwareProbe()
        self.give_up.forget()

    def reload(self) -> Applied:
        """Call `forget`, and make a pass at once; gives its outcome. No OffloadError is raised."""
        self.forget()
        return self.work()

    def refresh(self) -> None:
        """Read router and files, decide, and store the decision; the kernel's tables are not changed.

        OffloadError if the router cannot be read; a file that cannot be read is a Problem of the decision.
        """
        self.keep(self.read())

    def refresh_from(self, snapshot: Snapshot) -> None:
        """Read the files, decide for this Snapshot (state of a router) instead of reading one, and store the decision.

        No file raises an error: one that cannot be read is a Problem of the decision.
        """
        self.kernel = snapshot.kernel
        self.packages = reconcile.read(self.doors.uci)
        self.keep(self.decide(self.packages, snapshot))

    def holds_exempt(self, number: int) -> bool:
        """Whether a table of the stored decision has the timed exempt with this number; False without a decision."""
        return self.decided is not None and number in with_timed_exempts(self.decided.plan)

    def with_routes(self, decided: Decided) -> Snapshot:
        """The Snapshot of `decided` with routes, at most 5 seconds old. KernelError if they cannot be read."""
        now = self.doors.clock()
        if now - self._routes[0] >= ROUTES_LAST:
            self._routes = now, self.doors.netlink.routes()
        return replace(decided.snapshot, routes=self._routes[1])

    def with_stations(self, decided: Decided) -> Snapshot:
        """As `with_routes`; in the service the result has the stations and neighbours that are remembered now."""
        if not self.resident:
            return self.with_routes(decided)
        stations, neighbours = self.stations.remembered()
        return replace(self.with_routes(decided), stations=stations, neighbours=neighbours)

    def work(self, forced: Iterable[str] = (), cause: Cause = Cause.CALL) -> Applied:
        """Make a pass and give its outcome; no OffloadError is raised. `cause`: why, for the log.

        `forced`: names of tables to create again even if nothing differs; their flows are slow for a moment.
        """
        self.cause = cause
        return passes.run(self, forced)

    def read(self) -> Decided:
        """Read router and files, and give the decision. It is not stored, and the kernel's tables are not changed.

        The kernel's features are probed the first time, after `forget`, and while it has no flowtables. Stations (hosts
        behind bridges) and timed exempts of an earlier service are taken over once. OffloadError if the router
        cannot be read; while ubusd is away, netifd's last reply is used.
        """
        doors = self.doors
        if self.kernel is None or not self.kernel.flowtable:
            self.kernel = doors.probe()
        if self.kernel.nft and not self.adopted:  # a pass that does not know them deletes them
            self.timed_exempts.adopt(reconcile.adopted(doors.nft), doors.clock())
            recall.stations(self)
            self.adopted = True
        if self.dump is None or not self.ubus_away:
            self.dump = netifd_says(doors.bus)
        packages = self.packages = {name: doors.uci.follow(name) for name in FILES}
        if not self.restored:
            recall.exempts(self, packages)
        seen = observe(self.dump, doors.netlink, doors.nft, self.kernel, self.foreign)
        if self.firewall is not None and not self.firewall.stopped():
            seen = replace(seen, firewall=OUR_FIREWALL)  # if table fw4 is missing, this pass loads it
        snapshot = self.hardware_probe.probe(seen, packages, doors.netlink, doors.nft)
        self.stations.update(snapshot)
        stations, neighbours = self.stations.remembered()
        remembered = replace(snapshot, stations=stations, neighbours=neighbours, crowded=self.stations.crowded)
        return self.decide(packages, replace(self._restless(remembered), given_up=self.give_up.given_up))

    def _restless(self, snapshot: Snapshot) -> Snapshot:
        # no flowtable lists the ports of a restless bridge, since its stations move too often
        bridges = self.stations.moves.left_out(self.doors.clock())
        links = (replace(link, restless=True) if link.name in bridges else link for link in snapshot.links)
        return replace(snapshot, links=tuple(links)) if bridges else snapshot

    def decide(self, packages: Packages, snapshot: Snapshot) -> Decided:
        """Decide the wanted nft tables for these files, this Snapshot and the timed exempts; nothing is stored."""
        before = self.decided.plan if self.decided else None
        decided = reconcile.decide(packages, snapshot, self.timed_exempts.living(self.doors.clock()), before)
        remembered = () if decided.config.globals.old_rule else self.raised
        return replace(decided, problems=(*decided.problems, *remembered))

    def keep(self, decided: Decided) -> None:
        """Store a decision, and tell `hardware_monitor` and `give_up` of its pairs of zones.

        If a file was unreadable, the decision before stays, if there is one, with the new Problems. If option
        `cut_refused` or `enabled` is off, the rules that connections were compared with (`judged`) are forgotten.
        """
        readable = decided.config.readable or self.decided is None
        self.decided = decided if readable else replace(self.decided or decided, problems=decided.problems)
        self.hardware_monitor.follow(self.decided.plan, self.decided.snapshot, self.doors.clock())
        asking = {(pair.src, pair.dest) for pair in self.decided.plan.pairs if pair.hardware}
        self.give_up.follow(asking, self.decided.plan.present)
        options = self.decided.config.globals
        if not (options.cut_refused and options.enabled):
            self.judged = Judged()

    def note_evicted(self, applied: Applied) -> None:
        """If `applied` created or deleted the hardware table, note for the monitor that all flows left hardware."""
        if HARDWARE in applied.returned:
            self.hardware_monitor.flows_evicted(self.doors.clock())

    def record(self, applied: Applied, before: Decided | None) -> Applied:
        """Store and give the outcome of a pass, or of tables created again without one, and queue ubus events about it.

        Events: `offload.degraded` for a new error or newly missing features, `offload.applied` if transactions were
        sent, and, without an error, `offload.device` for each device whose flowtables differ from those in `before`.
        """
        lacks = self.kernel.missing if self.kernel else ()
        refused = self.firewall.error or self.firewall.unkept if self.firewall else ""
        trouble = applied.error or refused or "; ".join(map(str, lacks))
        if trouble and trouble != self.trouble:
            self.news.append(("offload.degraded", {"error": trouble}))
        self.trouble = trouble
        if applied.changes:
            self.station_sets.forget()
            words = {"generation": applied.generation, "time": applied.time, "changes": applied.changes}
            self.news.append(("offload.applied", {**words, "returned": list(applied.returned)}))
        if self.decided is not None and not applied.error:
            self.news += _device_news(before.plan if before else Plan(), self.decided.plan)
        self.bound_news()
        self.applied = applied
        self.owed = self.owed if applied.error else frozenset()
        self.returned |= dict.fromkeys(applied.returned, applied.time)
        return applied

    def bound_news(self) -> None:
        """Drop the oldest ubus events if more than MOST_NEWS (100) wait to be sent."""
        del self.news[:-MOST_NEWS]


def _device_news(before: Plan, after: Plan) -> list[tuple[str, dict[str, Any]]]:
    then, now = _listed(before), _listed(after)
    return [
        ("offload.device", {"name": name, "flowtables": list(now.get(name, ()))})
        for name in sorted(then.keys() | now.keys())
        if then.get(name, ()) != now.get(name, ())
    ]


def _listed(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    return {device.name: device.flowtables for device in plan.devices if device.flowtables}
