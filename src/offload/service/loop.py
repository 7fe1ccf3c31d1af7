"""The poll over ubus, the kernel's notifications, signals and time, and what each of them means.

Nothing here believes an event: each is a hint that settles into a pass, and a pass reads everything again.
"""

import gc
import os
import select
import signal
import time

from offload import __version__
from offload.errors import BusError, NftError, OffloadError
from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.service import reconcile
from offload.service.doors import Monitor, Nft, UbusServer
from offload.service.engine import Engine
from offload.service.hints.config_check import ConfigCheck
from offload.service.hints.debounce import APART, Debouncer
from offload.service.journal import Journal
from offload.service.memory.upgrade import note_raised
from offload.service.refusing import cut_refused
from offload.service.tasks import follow, hardware, places, rules, station_sets
from offload.service.tasks.accounting import Accounting
from offload.system.netlink.route.messages import Notification

# Seconds for nft once the service is to end: for what it does at that moment, and then for the removal of our tables.
STOP_PATIENCE = 4.0
RECONNECT_FIRST, RECONNECT_LAST = 0.1, 5.0
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
BREATH = 0.1  # seconds for which a hint waits while the connections are read
OF_RULES = frozenset({Cause.FIREWALL, Cause.RULES})
OURS = frozenset(reconcile.TABLE_NAMES)
UPGRADE = signal.SIGUSR1  # the next version comes: our tables stay, and it adopts them
STOP = frozenset({signal.SIGTERM, signal.SIGINT, UPGRADE})


class Loop:
    """One thread. `signals` is a descriptor from which the numbers of signals can be read."""

    named = False  # ubus has taken our objects, if only for a while

    def __init__(
        self,
        engine: Engine,
        hints: Monitor,
        accounting: Accounting,
        presence: UbusServer,
        journal: Journal,
        signals: int,
    ) -> None:
        self.engine, self.hints, self.accounting, self.presence = engine, hints, accounting, presence
        self.journal = journal
        self.presence.hearing = lambda _: self._hint(Cause.INTERFACE)
        self.watch = Debouncer()
        self.config = ConfigCheck()
        self.poll = select.poll()
        self.stopping = self.upgrading = False
        self._followed = float("-inf")
        self._counted = 0  # of the transactions sent, those we have heard ourselves make
        self._reconnect, self._pause = 0.0, RECONNECT_FIRST
        self._signals = signals
        self._links, self._nft = self.hints.descriptors
        for descriptor in (self._signals, self._links, self._nft):
            self.poll.register(descriptor, select.POLLIN)
        self.accounting.listen(self.poll)
        self._kernel = select.poll()  # what must not wait while a call is answered that takes long
        for descriptor in (self._links, self._nft):
            self._kernel.register(descriptor, select.POLLIN)
        self._serving, self._breathed = False, 0.0
        self.engine.doors.conntrack.between = self._breathe

    def run(self) -> None:
        """Wait, look what came, work when it is time."""
        self.journal.line(LogLevel.NOTICE, f"version {__version__} starts")
        self._hint(Cause.START)
        while not self.stopping:
            now = time.monotonic()
            if self.presence.descriptor is None and now >= self._reconnect:
                self._connect(now)
            self._timed_exempts(now)
            self._config_check(now)
            self.engine.connections.tidy(now)
            self._follow_later(now)
            if self.accounting.due is not None and self.accounting.due <= now:
                self.accounting.run(self.poll, now)
            if (stations := station_sets.due(self.engine)) is not None and stations <= now:
                self._station_sets(now)
            if (saving := places.due(self.engine)) is not None and saving <= now:
                places.run(self.engine, now)
            if (looked := hardware.due(self.engine)) is not None and looked <= now:
                hardware.run(self.engine)
                self._log_hardware()
                self._answer()  # what it has to tell
            self._meet_rules(now)
            self._cut_refused()
            if hardware.asks_otherwise(self.engine):
                self._hint(Cause.HARDWARE)
            due = self.watch.due() if self._may_work() else None
            if due is not None and due <= now:
                self._work()
                continue
            for descriptor, event in self.poll.poll(self._wait(now, due)):
                self._came(descriptor, event)
        self._leave()

    def close(self) -> None:
        """Give the descriptors back."""
        self.hints.close()
        self.accounting.close()

    def _config_check(self, now: float) -> None:
        if self.config.due is not None and self.config.due <= now:
            self.config.asked(now)
            if self.engine.doors.uci.changed():
                self.watch.hint(Cause.FILE, now)

    def _station_sets(self, now: float) -> None:
        """Bring the sets of stations up to date; that may take a pass."""
        passes = self.engine.passes
        station_sets.run(self.engine, now)
        self._transactions()
        self._passed_since(passes, Cause.STATION)

    def _timed_exempts(self, now: float) -> None:
        """Their sets can be tidied away; should that fail, it is tried again as any pass is, and no oftener."""
        if self.engine.timed_exempts.ended(now):
            self.watch.hint(Cause.EXEMPT_ENDED, now)

    def _wait(self, now: float, due: float | None) -> int | None:
        """Milliseconds until something is to be done; None: until a call comes."""
        engine = self.engine
        of_tasks = (each.due(engine) for each in (hardware, station_sets, places, rules, cut_refused))
        others = (*of_tasks, engine.give_up.due)
        tasks = (due, self.accounting.due, *others, self.config.due, engine.connections.due())
        times = [each for each in tasks if each is not None]
        if due is None and (moved := follow.due(self.engine)) is not None:
            times.append(moved)
        if self.presence.descriptor is None:
            times.append(self._reconnect)
        if (end := self.engine.timed_exempts.next_end()) is not None:
            times.append(end)
        return max(0, round((min(times) - now) * 1000) + 1) if times else None

    def _may_work(self) -> bool:
        """Until netifd was heard once there is nothing to go by; later, its last words do while ubusd is away."""
        return self.presence.descriptor is not None or self.engine.dump is not None

    def _came(self, descriptor: int, event: int) -> None:
        if descriptor == self._signals:
            self._signalled(os.read(descriptor, 512))
        elif descriptor == self._links:
            self._notified(self.hints.links())
        elif descriptor == self._nft:
            self._transactions()
        elif descriptor == self.accounting.descriptor:
            self.accounting.run(self.poll, time.monotonic())
        elif event & GONE:
            self._lost()
        else:
            self._answer()

    def _hint(self, cause: Cause) -> None:
        self.watch.hint(cause, time.monotonic())

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            self.stopping |= number in STOP
            self.upgrading |= number == UPGRADE
            if number == signal.SIGHUP:
                self.engine.forget()
                self._hint(Cause.RELOAD)

    def _notified(self, heard: Notification) -> None:
        """Links and addresses; of stations only those that are somewhere else than before."""
        for cause in heard.causes:
            self._hint(cause)
        moved = False
        for seen in heard.seen:
            found = self.hints.named(seen)
            if isinstance(found, tuple):
                station, master = found
                moved |= self.engine.sightings.station(station, master)
            elif found is not None:
                moved |= self.engine.sightings.neighbour(found)
        if moved:
            self._follow()

    def _follow(self) -> None:
        """A transfer stands still until its table is returned: do that now, and look after; but no oftener than passes.

        Who sends with another's MAC address could otherwise keep us, and every flow, busy.
        """
        if not follow.ready(self.engine):
            return  # it is to be followed later, or no flow goes there
        now = time.monotonic()
        if now - self._followed >= APART:
            self._followed = now
            if follow.run(self.engine):
                self.journal.followed(self.engine.applied)
        self._hint(Cause.STATION)

    def _meet_rules(self, now: float) -> None:
        """Let live flows meet the rules of others anew, where these have changed."""
        due = rules.due(self.engine)
        if due is None or due > now:
            return
        rules.run(self.engine)
        self.journal.followed(self.engine.applied, "rules, their sets or times changed")
        self._transactions()
        self._answer()

    def _cut_refused(self) -> None:
        """End the connections that configured rules refuse since now; what goes wrong is tried again."""
        due = cut_refused.due(self.engine)
        if due is None or due > self.engine.doors.clock():
            return
        try:
            ended = cut_refused.run(self.engine, time.time())
        except OffloadError as refusal:
            self.journal.line(LogLevel.ERR, f"cut_refused: {refusal}")
            return
        if ended:
            self.journal.line(LogLevel.NOTICE, ended)

    def _follow_later(self, now: float) -> None:
        """Follow what had to wait. A pass that is hinted already does so itself."""
        due = follow.due(self.engine) if self.watch.due() is None else None
        if due is not None and due <= now:
            self._follow()
            if self.engine.sightings.ended(now):
                self._hint(Cause.PORTS_RETURN)

    def _transactions(self) -> None:
        """Read the notifications of nftables. The kernel sends one before nft ends, so all of ours are there.

        As many as we sent are ours. Tables, chains and rules that came or went are news: rules may treat packets one by
        one. Elements of sets are none.
        """
        sent = self.engine.doors.nft.transactions
        ours, self._counted = sent - self._counted, sent
        heard = self.hints.transactions()
        lost = Cause.OVERRUN in heard.causes
        if heard.generations <= ours and not lost:
            return
        self.engine.touched |= lost or bool(heard.tables & OURS)
        self.engine.rule_returns.elements(heard.elements, time.monotonic())
        if lost:
            self.engine.rule_returns.changed(time.monotonic())
        causes = self.engine.causes_of_others(heard)
        if causes and set(causes) <= OF_RULES and not heard.tables & OURS:
            self._hint(causes[0])
        elif causes or heard.tables & OURS:
            self._hint(Cause.TABLES)

    def _work(self) -> None:
        cause = self.watch.cause
        self.watch.begin()
        self.engine.alone = self.presence.descriptor is None
        applied = self.engine.work()
        note_raised(self.engine, lambda text: self.journal.line(LogLevel.ERR, text))
        self._log(cause)
        if self.engine.passes == 1:
            gc.freeze()  # all that was imported stays: who looks for garbage need not look there again
        self.config.passed(time.monotonic())
        self._transactions()
        mended = cause is Cause.TABLES and applied.changes > 0
        self.watch.done(time.monotonic(), failed=bool(self.engine.trouble), mended=mended)
        self._answer()  # calls that came while we called netifd do not make the descriptor readable again

    def _log(self, cause: Cause) -> None:
        """The lines of the log about a pass."""
        engine = self.engine
        self.journal.passed(cause.value, engine.decided, engine.applied, engine.trouble)
        self._log_hardware()

    def _log_hardware(self) -> None:
        self.journal.hardware((pair, case.reasons) for pair, case in self.engine.proofs.known.items())

    def _answer(self) -> None:
        """Answer calls, send the news as ubus events, and answer the calls that came meanwhile."""
        if self.presence.descriptor is None:
            return
        self._serve()
        self._transactions()
        while self.engine.news and self.presence.descriptor is not None:
            self.presence.send(*self.engine.news.pop(0))
        self._serve()

    def _serve(self) -> None:
        """Answer what was called."""
        if self._serving:
            return  # a hint that is followed while a call is answered: the next calls come after that one
        passes, self._serving = self.engine.passes, True
        try:
            self.presence.serve()
        finally:
            self._serving = False
        self._passed_since(passes, Cause.CALL)

    def _breathe(self) -> None:
        """Follow the kernel's hints while a call reads the connections, which may take a small router seconds."""
        now = time.monotonic()
        if not self._serving or now - self._breathed < BREATH:
            return
        for descriptor, event in self._kernel.poll(0):
            self._came(descriptor, event)
        due = self.watch.due() if self._may_work() else None
        if due is not None and due <= now:
            self._work()
        self._breathed = time.monotonic()

    def _passed_since(self, passes: int, cause: Cause) -> None:
        """Where something else than a hint made a pass: log it, and try again what failed in it."""
        if self.engine.passes != passes:
            self._log(cause)
            self.config.passed(time.monotonic())
            self.watch.done(time.monotonic(), failed=bool(self.engine.trouble))

    def _connect(self, now: float) -> None:
        try:
            self.presence.connect()
        except BusError as refusal:
            if self._pause == RECONNECT_FIRST:
                self.journal.line(LogLevel.WARNING, str(refusal))
            self._reconnect, self._pause = now + self._pause, min(self._pause * 2, RECONNECT_LAST)
            return
        if self.named:
            self.journal.line(LogLevel.NOTICE, "ubus is back")
        self._pause, self.named = RECONNECT_FIRST, True
        if self.presence.descriptor is not None:
            self.poll.register(self.presence.descriptor, select.POLLIN)
        self._hint(Cause.UBUS)

    def _lost(self) -> None:
        if self.presence.descriptor is not None:
            self.poll.unregister(self.presence.descriptor)
            self.presence.leave(lost=True)
            self.journal.line(LogLevel.WARNING, "ubus is away: what was set up stays, and devices are followed")

    def _leave(self) -> None:
        """Our tables go, and nothing else; connections go on on the slow path. Before an upgrade they stay.

        Without our name on ubus we made no pass: they are those of another service, which has the name and lives on.
        """
        nft = self.engine.doors.nft
        nft.hurry(STOP_PATIENCE)
        try:
            if self.named and not self.upgrading and (text := reconcile.removal(nft)):
                nft.apply(text)
        except NftError as refusal:
            self.journal.line(LogLevel.ERR, f"{_remaining(nft)} stays, with what it offloads: {refusal}")
        if self.upgrading:
            places.run(self.engine, time.monotonic())
        self.journal.line(LogLevel.NOTICE, "stops; an upgrade keeps its tables" if self.upgrading else "stops")
        self.presence.leave(lost=False)


def _remaining(nft: Nft) -> str:
    """Which of our tables there are still, for a sentence."""
    try:
        names = sorted(OURS & nft.tables())
    except NftError:
        names = sorted(OURS)
    return "table " + " and ".join(f"inet {name}" for name in names)
