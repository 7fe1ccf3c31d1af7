"""What the service knows between passes, and one pass: look, decide, apply, and say what changed.

The command uses the same without the loop around it, for one pass, where no service runs.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, Self

from offload.compiler.offload.effective import effective_plan
from offload.compiler.offload.tables.table import expected
from offload.config.load import Packages, load
from offload.errors import BusError, NftError, OffloadError
from offload.model.applied import Applied
from offload.model.cause import Cause
from offload.model.network import Kernel, Route, Snapshot
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE, Plan, ReasonCode
from offload.model.problems.problem import Problem
from offload.nouns import dataclass, field, replace
from offload.service import reconcile
from offload.service.doors import Doors
from offload.service.hardware.give_up import GiveUp
from offload.service.hardware.hardware_monitor import HardwareMonitor
from offload.service.hardware.hardware_probe import HardwareProbe
from offload.service.hints.rule_returns import RuleReturns
from offload.service.memory import saved_exempts, saved_places
from offload.service.memory.saved_places import Saved
from offload.service.memory.timed_exempts import TimedExempts, with_timed_exempts
from offload.service.memory.totals import Totals
from offload.service.read_snapshot import ForeignRules, netifd_says, observe
from offload.service.reconcile import Decided
from offload.service.roaming.station_sets import StationSets
from offload.service.roaming.stations import StationTracker
from offload.system.netlink.route.messages import Notification

if TYPE_CHECKING:
    from offload.service.firewall.firewall import Firewall, Pending

# A device that goes away between plan and transaction refuses all of it: look again, but not for ever.
TRIES = 3
HARDWARE, SOFTWARE = HARDWARE_TABLE[0], SOFTWARE_TABLE[0]
FIREWALL_TABLE = "fw4"
MOST_NEWS = 100  # events kept for ubus while it is away; the older ones are dropped
ROUTES_LAST = 5.0  # seconds for which routes once read are good enough to find flows' zones by


@dataclass(slots=True)
class Engine:
    """`decided` is the last look that counts, `news` events to tell.

    `trouble` is what makes another try worth while: the last pass failed, or the kernel lacks something. `dump` is what
    netifd replied last; it stays in use while ubusd is away (`alone`). `adopted`: the exempts
    of an earlier life are known. `touched`: others may have changed our tables, so the next pass lists all of them.
    `resident`: it stays, and so does what only it remembers.
    """

    doors: Doors
    decided: Decided | None = None
    applied: Applied = field(default_factory=Applied)
    timed_exempts: TimedExempts = field(default_factory=TimedExempts)
    sightings: StationTracker = field(default_factory=StationTracker)
    rule_returns: RuleReturns = field(default_factory=RuleReturns)
    station_sets: StationSets = field(default_factory=StationSets)
    proofs: HardwareMonitor = field(default_factory=HardwareMonitor)
    totals: Totals = field(default_factory=Totals)
    saved: Saved = field(default_factory=Saved)
    kernel: Kernel | None = None
    foreign: ForeignRules = field(default_factory=ForeignRules)
    ability: HardwareProbe = field(default_factory=HardwareProbe)
    give_up: GiveUp = field(default_factory=GiveUp)
    dump: dict[str, Any] | None = None
    packages: Packages = field(default_factory=dict)  # the files as the last pass read them
    services: dict[str, Any] | None = None  # what procd's services ask the firewall for
    firewall: "Firewall | None" = None  # None without the package offload-firewall
    alone: bool = False
    adopted: bool = False
    restored: bool = False  # the timed exempts of the file are known
    resident: bool = True
    touched: bool = True
    passes: int = 0
    trouble: str = ""
    news: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    raised: tuple[Problem, ...] = ()  # pairs that an upgrade made faster, listed for as long as this service lives
    _routes: tuple[float, tuple[Route, ...]] = (float("-inf"), ())

    @classmethod
    def of(cls, doors: Doors, *, resident: bool = True) -> Self:
        """The engine of a router: with the firewall where the package offload-firewall is there."""
        made = cls(doors, resident=resident)
        if doors.firewall is not None:
            from offload.service.firewall.firewall import Firewall  # costs memory where it is not needed

            made.firewall = Firewall(doors.firewall, doors.nft, doors.clock)
        return made

    def forget(self) -> None:
        """Ask anew what the kernel and its devices can do: a package may have come."""
        self.kernel = None
        self.touched = True
        self.ability = HardwareProbe()
        self.give_up.forget()

    def reload(self) -> Applied:
        """A pass that also asks anew what the kernel can do."""
        self.forget()
        return self.work()

    def work(self, forced: Iterable[str] = ()) -> Applied:
        """One pass. A failure leaves the last good state and is reported in `error`."""
        self.passes += 1
        before, last = self.decided, None
        moved = self._moved(before.plan if before else Plan())
        for _ in range(TRIES):
            try:
                decided = self._look()
            except OffloadError as refusal:
                return self.noted(replace(self.applied, changes=0, returned=(), error=str(refusal)), before)
            if last is not None and decided.plan == last.plan:
                break  # nothing vanished meanwhile: nft means it
            last = decided
            wanted = {*forced, *moved, *self._moved_meanwhile(decided.plan)}
            applied, loaded = self._apply(decided, wanted)
            self.touched = bool(applied.error)
            self.taken_out(applied)
            if not applied.error:
                self.sightings.returned(applied.returned, decided.plan, self.doors.clock())
                if decided.snapshot.firewall != "none" or not loaded:
                    break  # else the table that offload stands on is there from now on
                continue
            self.ability = HardwareProbe()  # a device may no longer be what it was when it was asked
        if applied.error and decided.config.readable:
            decided = replace(decided, plan=self._standing(decided.plan, before.plan if before else Plan()))
        self._keep(decided)
        now, wall = self.doors.clock(), time()
        self.rule_returns.look(self.foreign.deciding, now, wall)
        if applied.returned and set(applied.returned) >= {table.name for table in decided.plan.tables}:
            self.rule_returns.returned(now, wall)
        return self.noted(applied, before)

    def _apply(self, decided: Decided, forced: Collection[str]) -> tuple[Applied, bool]:
        """Bring the kernel to what was decided and the firewall to its configuration; whether that one was loaded.

        Both are one transaction, unless nft refuses part of it. A new ruleset returns our tables: flows that live now
        must meet its rules.
        """
        nft, trusting = self.doors.nft, not self.touched
        firewall, pending = self.firewall, self._firewall_pending()
        if firewall is None or pending is None:
            return reconcile.apply(decided, nft, self.applied, forced=forced, trusting=trusting), False
        tables = {*forced, *reconcile.TABLE_NAMES}
        applied = reconcile.apply(decided, nft, self.applied, forced=tables, trusting=trusting, opening=pending.text)
        if applied.changes:
            firewall.sent(pending)
            return applied, True
        loaded = firewall.load(pending)
        applied = reconcile.apply(decided, nft, self.applied, forced=tables if loaded else forced, trusting=trusting)
        return replace(applied, changes=applied.changes + loaded), loaded

    def _firewall_pending(self) -> "Pending | None":
        if self.firewall is None:
            return None
        with suppress(BusError):  # ubusd is away: what services ask for is as it was
            self.services = self.doors.bus.call("service", "get_data", {"type": "firewall"})
        try:
            return self.firewall.pending(self.packages["firewall"], self.dump, self.services)
        except OffloadError as refusal:
            self.firewall.error = str(refusal)
            return None

    def firewall_damaged(self) -> bool:
        """Whether rules of our firewall are missing; also where that cannot be asked."""
        try:
            return self.firewall is not None and self.firewall.damaged()
        except OffloadError:
            return True

    def causes_of_others(self, heard: Notification) -> tuple[Cause, ...]:
        """The causes for a pass where others changed nftables.

        In a firewall of ours rules that others add, and rules that they take away again, are none.
        """
        if self.firewall is None:
            return heard.causes
        causes = tuple(each for each in heard.causes if each is not Cause.FIREWALL)
        suspected = Cause.OVERRUN in causes or FIREWALL_TABLE in heard.removed
        return (*causes, Cause.TABLES) if suspected and self.firewall_damaged() else causes

    def _moved(self, plan: Plan) -> tuple[str, ...]:
        """The tables to return for stations that moved; with the last return that may be, ports are left out."""
        now = self.doors.clock()
        tables = self.sightings.tables_to_return(plan, now)
        chosen = self.sightings.leave_out(now) if tables and self.sightings.is_last(now) else frozenset[str]()
        for bridge in sorted(chosen):
            self.news.append(("offload.degraded", {"error": ReasonCode.STATIONS_MOVE(master=bridge).text}))
        return (*tables, SOFTWARE) if chosen else tables

    def _moved_meanwhile(self, plan: Plan) -> tuple[str, ...]:
        """The same for moves that only a look showed; the last return needs a pass of its own."""
        now = self.doors.clock()
        return () if self.sightings.is_last(now) else self.sightings.tables_to_return(plan, now)

    def look(self) -> None:
        """Read everything and decide, without touching the kernel."""
        self._keep(self._look())

    def look_at(self, snapshot: Snapshot) -> None:
        """Decide for a router whose Snapshot was taken before."""
        self.kernel = snapshot.kernel
        self.packages = reconcile.read(self.doors.uci)
        self._keep(self.decide(self.packages, snapshot))

    def holds(self, number: int) -> bool:
        """Whether a table that was planned last, and so the kernel, has this run-time exempt."""
        return self.decided is not None and number in with_timed_exempts(self.decided.plan)

    def placed(self, decided: Decided) -> Snapshot:
        """The Snapshot with the router's routes: for flows' zones, and on no decision's way."""
        now = self.doors.clock()
        if now - self._routes[0] >= ROUTES_LAST:
            self._routes = now, self.doors.netlink.routes()
        return replace(decided.snapshot, routes=self._routes[1])

    def with_stations(self, decided: Decided) -> Snapshot:
        """The Snapshot with routes, and with stations and neighbours where they were seen last: after it as well."""
        if not self.resident:
            return self.placed(decided)
        stations, neighbours = self.sightings.remembered()
        return replace(self.placed(decided), stations=stations, neighbours=neighbours)

    def _look(self) -> Decided:
        doors = self.doors
        if self.kernel is None or not self.kernel.flowtable:
            self.kernel = doors.probe()
        if self.kernel.nft and not self.adopted:  # first of all: a pass that knows nothing of them would delete them
            self.timed_exempts.adopt(reconcile.adopted(doors.nft), doors.clock())
            self._recall_places()
            self.adopted = True
        if self.dump is None or not self.alone:
            self.dump = netifd_says(doors.bus)
        packages = self.packages = reconcile.read(doors.uci)
        if not self.restored:
            self._restore(packages)
        seen = observe(self.dump, doors.netlink, doors.nft, self.kernel, self.foreign)
        if self.firewall is not None and not self.firewall.stopped():
            seen = replace(seen, firewall=FIREWALL_TABLE)  # where it is not there, this pass loads it
        snapshot = self.ability.look(seen, packages, doors.netlink, doors.nft)
        self.sightings.look(snapshot)
        stations, neighbours = self.sightings.remembered()
        remembered = replace(snapshot, stations=stations, neighbours=neighbours, crowded=self.sightings.crowded)
        return self.decide(packages, replace(self._restless(remembered), given_up=self.give_up.standing))

    def _restless(self, snapshot: Snapshot) -> Snapshot:
        """The Snapshot with the bridges marked whose stations move too often."""
        bridges = self.sightings.left_out(self.doors.clock())
        links = (replace(link, restless=True) if link.name in bridges else link for link in snapshot.links)
        return replace(snapshot, links=tuple(links)) if bridges else snapshot

    def _restore(self, packages: Packages) -> None:
        """Take in the timed exempts of the file that the kernel lost; their zones are judged by the configuration."""
        config, _ = load(packages)
        if not config.readable:
            return
        self.restored, now = True, self.doors.clock()
        try:
            content = self.doors.saved.read()
        except OffloadError as refusal:
            self.news.append(("offload.degraded", {"error": str(refusal)}))
            return
        saved = saved_exempts.read(content or b"", [zone.name for zone in config.zones], now)
        self.timed_exempts.adopt(saved_exempts.missing(saved, self.timed_exempts.ends), now)

    def _recall_places(self) -> None:
        """Where an earlier service left tables, take in where it saw stations: some may have moved since."""
        if self.doors.places is None or not self.doors.nft.tables() & set(reconcile.TABLE_NAMES):
            return
        try:
            self.sightings.restore(saved_places.read(self.doors.places.read() or b""))
        except OffloadError as refusal:  # as if there were none: a station that moved meanwhile is noticed later
            self.news.append(("offload.degraded", {"error": str(refusal)}))

    def save_exempts(self) -> None:
        """Write the timed exempts where the next service finds them."""
        if not self.restored:
            return
        try:
            self.doors.saved.write(saved_exempts.written(self.timed_exempts.ends))
        except OffloadError as refusal:
            self.news.append(("offload.degraded", {"error": str(refusal)}))

    def decide(self, packages: Packages, snapshot: Snapshot) -> Decided:
        """Config, Snapshot and what this service remembers -> Plan and Problems."""
        before = self.decided.plan if self.decided else None
        decided = reconcile.decide(packages, snapshot, self.timed_exempts.living(self.doors.clock()), before)
        remembered = () if decided.config.globals.old_rule else self.raised
        return replace(decided, problems=(*decided.problems, *remembered))

    def _keep(self, decided: Decided) -> None:
        """Remember a look; one at broken files changes nothing but the problems that are reported."""
        readable = decided.config.readable or self.decided is None
        self.decided = decided if readable else replace(self.decided or decided, problems=decided.problems)
        self.proofs.follow(self.decided.plan, self.decided.snapshot, self.doors.clock())
        asking = {(pair.src, pair.dest) for pair in self.decided.plan.pairs if pair.hardware}
        self.give_up.follow(asking, self.decided.plan.present)

    def _standing(self, wanted: Plan, before: Plan) -> Plan:
        """What holds after a refusal; where nft fails altogether, what held before."""
        try:
            live = self.doors.nft.live(reconcile.TABLE_NAMES)
        except NftError:
            live = {table.name: expected(table) for table in before.tables}
        return effective_plan(wanted, before, live)

    def taken_out(self, applied: Applied) -> None:
        """Flows that were in hardware begin anew where that table was returned."""
        if HARDWARE in applied.returned:
            self.proofs.evicted(self.doors.clock())

    def noted(self, applied: Applied, before: Decided | None) -> Applied:
        """Remember the outcome, and make news of its differences."""
        lacks = self.kernel.missing if self.kernel else ()
        refused = self.firewall.error if self.firewall else ""
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
        return applied

    def bound_news(self) -> None:
        """Drop the oldest events where too many wait for ubus."""
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
