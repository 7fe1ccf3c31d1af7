"""The poll loop over ubus, the kernel's notifications, signals and timers.

Events are only hints: each leads to a pass, which reads everything again.
"""

import gc
import os
import select
import signal
import time

from offload import __version__
from offload.errors import BusError
from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.service import reconcile
from offload.service.counting import totals_file
from offload.service.counting.accounting import Accounting
from offload.service.doors import Monitor, UbusServer
from offload.service.engine import Engine
from offload.service.hints.config_check import ConfigCheck
from offload.service.hints.debounce import Debouncer
from offload.service.hints.kernel_events import KernelEvents
from offload.service.journal import Journal
from offload.service.memory.upgrade import note_raised
from offload.service.tasks import hardware, station_file
from offload.service.tasks.timed import Task, log_hardware, tasks

# Seconds that nft may take when the service ends: for the run in progress, and for the removal of our tables.
STOP_PATIENCE = 4.0
RECONNECT_FIRST, RECONNECT_LAST = 0.1, 5.0
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
BREATH = 0.1  # seconds that a hint waits while connections are read
UPGRADE = signal.SIGUSR1  # a new version is being installed: our tables stay, and the new service adopts them
STOP = frozenset({signal.SIGTERM, signal.SIGINT, UPGRADE})


class Loop:
    """The service's poll loop, in one thread. `hints`: the kernel's notifications; `presence`: our objects on ubus.

    `signals`: a descriptor with the numbers of received signals. `poll` waits for all descriptors.
    """

    named = False  # ubusd accepted our objects at least once

    def __init__(
        self,
        engine: Engine,
        hints: Monitor,
        accounting: Accounting,
        presence: UbusServer,
        journal: Journal,
        signals: int,
        poll: select.poll,
    ) -> None:
        self.engine, self.hints, self.accounting, self.presence = engine, hints, accounting, presence
        self.journal = journal
        self.presence.hearing = lambda _: self._hint(Cause.INTERFACE)
        self.watch = Debouncer()
        self.config = ConfigCheck()
        self.poll = poll
        self.stopping = self.upgrading = self._serving = False
        self._reconnect, self._pause, self._breathed = 0.0, RECONNECT_FIRST, 0.0
        self._signals = signals
        self.events = KernelEvents(engine, hints, self.watch, journal)
        for descriptor in (self._signals, *self.events.readers):
            self.poll.register(descriptor, select.POLLIN)
        self._kernel = select.poll()  # descriptors that are read even during a long call
        for descriptor in self.events.readers:
            self._kernel.register(descriptor, select.POLLIN)
        self.engine.doors.conntrack.between = self._breathe
        self.tasks: tuple[Task, ...] = (self.events, accounting, *tasks(journal, self.watch, self.config))

    def run(self) -> None:
        """Wait, handle events, and make due passes until a signal; then remove our tables, except for an upgrade."""
        self.journal.line(LogLevel.NOTICE, f"version {__version__} starts")
        self._hint(Cause.START)
        while not self.stopping:
            if self.presence.descriptor is None and time.monotonic() >= self._reconnect:
                self._connect(time.monotonic())
            for task in self.tasks:
                if (at := task.due(self.engine)) is not None and at <= time.monotonic():
                    self._run(task)
            if hardware.asks_otherwise(self.engine):
                self._hint(Cause.HARDWARE)
            due = self._pass_due()
            if due is not None and due <= time.monotonic():
                self._work()
                continue
            for descriptor, event in self.poll.poll(self._wait(due)):
                self._came(descriptor, event)
        self._leave()

    def close(self) -> None:
        """Close the sockets of the kernel's notifications and of conntrack's events, after `run` ended or raised."""
        self.hints.close()
        self.accounting.close()

    def _run(self, task: Task) -> None:
        """Run a task, read the notifications that it caused, log the pass if it made one, and answer ubus calls."""
        passes = self.engine.passes
        task.run(self.engine, time.monotonic())
        self.events.transactions()
        self._passed_since(passes)
        self._answer()

    def _wait(self, due: float | None) -> int | None:
        """Milliseconds until the next task, pass (`due`, monotonic seconds) or reconnection.

        None: wait for an event.
        """
        away = self.presence.descriptor is None
        every = (
            due,
            *(task.due(self.engine) for task in self.tasks),
            self.engine.give_up.due,
            self._reconnect if away else None,
        )
        times = [each for each in every if each is not None]
        return max(0, round((min(times) - time.monotonic()) * 1000) + 1) if times else None

    def _pass_due(self) -> float | None:
        """When the next pass is due, in monotonic seconds; None: not before a hint.

        There is none before netifd answered once; later, its last reply is used while ubusd is away.
        """
        heard = self.presence.descriptor is not None or self.engine.dump is not None
        return self.watch.due() if heard else None

    def _came(self, descriptor: int, event: int) -> None:
        if descriptor == self._signals:
            self._signalled(os.read(descriptor, 512))
        elif descriptor in self.events.readers:
            self.events.readers[descriptor]()
        elif descriptor == self.accounting.descriptor:
            self.accounting.run(self.engine, time.monotonic())
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

    def _work(self) -> None:
        cause = self.watch.cause
        self.watch.begin()
        self.engine.alone = self.presence.descriptor is None
        applied = self.engine.work(cause=cause)
        note_raised(self.engine, lambda text: self.journal.line(LogLevel.ERR, text))
        self._log()
        if self.engine.passes == 1:
            gc.freeze()  # imported objects stay for ever, so the collector need not visit them
        self.config.passed(time.monotonic())
        self.events.transactions()
        mended = cause is Cause.TABLES and applied.changes > 0
        self.watch.done(time.monotonic(), failed=bool(self.engine.trouble), mended=mended)
        self._answer()  # calls that arrived while we waited for netifd do not make the descriptor readable again

    def _log(self) -> None:
        """Log the last pass, and new faults of pairs in hardware."""
        self.journal.passed(self.engine.cause, self.engine.decided, self.engine.applied, self.engine.trouble)
        log_hardware(self.engine, self.journal)

    def _answer(self) -> None:
        """Answer ubus calls, send the waiting events over ubus, and answer the calls that arrived meanwhile."""
        if self.presence.descriptor is None:
            return
        self._serve()
        self.events.transactions()
        while self.engine.news and self.presence.descriptor is not None:
            self.presence.send(*self.engine.news.pop(0))
        self._serve()

    def _serve(self) -> None:
        """Answer the ubus calls that have arrived, none within another call; log the pass if a call made one."""
        if self._serving:
            return  # a call is being answered already: this one comes after it
        passes, self._serving = self.engine.passes, True
        try:
            self.presence.serve()
        finally:
            self._serving = False
        self._passed_since(passes)

    def _breathe(self) -> None:
        """During a ubus call that reads connections, each BREATH seconds read hints, and make a pass that is due."""
        now = time.monotonic()
        if not self._serving or now - self._breathed < BREATH:
            return
        for descriptor, event in self._kernel.poll(0):
            self._came(descriptor, event)
        if self.presence.event_waits():
            self._hint(Cause.INTERFACE)
        if (due := self._pass_due()) is not None and due <= now:
            self._work()
        self._breathed = time.monotonic()

    def _passed_since(self, passes: int) -> None:
        """If a pass was made since their number was `passes`, log it, and repeat it later if it failed."""
        if self.engine.passes != passes:
            self._log()
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
        """Remove our tables and nothing else: connections continue on the slow path. Before an upgrade the tables stay.

        If ubusd never accepted our objects, another service has the name, and the tables are its own: nothing is
        removed.
        """
        self.engine.doors.nft.hurry(STOP_PATIENCE)
        if self.named and not self.upgrading and (refusal := reconcile.removed(self.engine.doors.nft)):
            self.journal.line(LogLevel.ERR, refusal)
        if self.upgrading:
            station_file.run(self.engine, time.monotonic())
        self.accounting.run(self.engine, time.monotonic())
        totals_file.run(self.engine, time.monotonic())
        self.journal.line(LogLevel.NOTICE, "stops; an upgrade keeps its tables" if self.upgrading else "stops")
        self.presence.leave(lost=False)
