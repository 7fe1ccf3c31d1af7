"""The service's poll loop over ubus, the kernel's notifications, signals and timers.

Most events are hints: a pass follows, which reads everything again. Ended connections and moved stations are taken from
the notifications themselves.
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
from offload.service.tasks.timed import Task, follows_hints, log_hardware, tasks

STOP_PATIENCE = 4.0  # seconds that nft may take when the service ends: for the present run, and to remove our tables
RECONNECT_FIRST, RECONNECT_LAST = 0.1, 2.0  # seconds between attempts to connect to ubusd: the first, the longest
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
MEANWHILE = 0.05  # seconds between two looks at waiting events while connections are read
UPGRADE = signal.SIGUSR1  # a new version is being installed: our tables stay, and the new service adopts them
STOP = frozenset({signal.SIGTERM, signal.SIGINT, UPGRADE})


class Loop:
    """The service's poll loop, in one thread: it waits for events and times, makes passes, runs tasks, answers calls.

    `monitor`: the kernel's notifications. `accounting`: counts ended connections. `ubus`: our objects on ubus.
    `signals`: descriptor that gives the number of each received signal as a byte. `poll`: waits for descriptors.
    """

    named = False  # ubusd accepted our objects at least once

    def __init__(
        self,
        engine: Engine,
        monitor: Monitor,
        accounting: Accounting,
        ubus: UbusServer,
        journal: Journal,
        signals: int,
        poll: select.poll,
    ) -> None:
        self.engine, self.monitor, self.accounting, self.ubus = engine, monitor, accounting, ubus
        self.journal = journal
        self.ubus.hearing = lambda _: self._hint(Cause.INTERFACE)
        self.debouncer = Debouncer()
        self.config = ConfigCheck()
        self.poll = poll
        self.stopping = self.upgrading = self._reading = False
        self._reconnect, self._pause, self._follow_at = 0.0, RECONNECT_FIRST, 0.0
        self._signals = signals
        self.events = KernelEvents(engine, monitor, self.debouncer, journal)
        for descriptor in (self._signals, *self.events.readers):
            self.poll.register(descriptor, select.POLLIN)
        self._kernel = select.poll()  # descriptors that are read even during a long call
        for descriptor in self.events.readers:
            self._kernel.register(descriptor, select.POLLIN)
        self.engine.doors.conntrack.between = self._follow_meanwhile
        self.tasks: tuple[Task, ...] = (self.events, accounting, *tasks(journal, self.debouncer, self.config))

    def run(self) -> None:
        """Wait, handle events, run due tasks, make due passes, until SIGTERM, SIGINT or SIGUSR1 (before an upgrade).

        At the end it deletes our nft tables (not before an upgrade, and not if ubusd never accepted our objects),
        writes the totals to their file (before an upgrade the stations too), and leaves ubus. If nft refuses to delete
        the tables, the log says so.
        """
        self.journal.line(LogLevel.NOTICE, f"version {__version__} starts")
        self._hint(Cause.START)
        while not self.stopping:
            if self.ubus.descriptor is None and time.monotonic() >= self._reconnect:
                self._connect(time.monotonic())
            for task in self.tasks:
                if (at := task.due(self.engine)) is not None and at <= time.monotonic():
                    self._run(task)
            if hardware.requests_changed(self.engine):
                self._hint(Cause.HARDWARE)
            due = self._pass_due()
            if due is not None and due <= time.monotonic():
                self._work()
                continue
            for descriptor, event in self.poll.poll(self._wait(due)):
                self._handle(descriptor, event)
        self._leave()

    def close(self) -> None:
        """Close the sockets of the kernel's notifications and of conntrack's events, after `run` ended or raised."""
        self.monitor.close()
        self.accounting.close()

    def _run(self, task: Task) -> None:
        passes, self._reading = self.engine.passes, follows_hints(task)
        task.run(self.engine, time.monotonic())
        self._reading = False
        self.events.transactions()
        self._passed_since(passes)
        self._answer()

    def _wait(self, due: float | None) -> int | None:
        # milliseconds; None: nothing has a time, so only an event ends the wait
        away = self.ubus.descriptor is None
        every = (
            due,
            *(task.due(self.engine) for task in self.tasks),
            self.engine.give_up.due,
            self._reconnect if away else None,
        )
        times = [each for each in every if each is not None]
        return max(0, round((min(times) - time.monotonic()) * 1000) + 1) if times else None

    def _pass_due(self) -> float | None:
        # Without a reply of netifd no pass can be made. After the first one, passes use the last while ubusd is away.
        heard = self.ubus.descriptor is not None or self.engine.dump is not None
        return self.debouncer.due() if heard else None

    def _handle(self, descriptor: int, event: int) -> None:
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
        self.debouncer.hint(cause, time.monotonic())

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            self.stopping |= number in STOP
            self.upgrading |= number == UPGRADE
            if number == signal.SIGHUP:
                self.engine.forget()
                self._hint(Cause.RELOAD)

    def _work(self) -> None:
        causes = self.debouncer.begin()
        self.engine.ubus_away = self.ubus.descriptor is None
        applied = self.engine.work(cause=self.debouncer.cause)
        note_raised(self.engine, lambda text: self.journal.line(LogLevel.ERR, text))
        self._log()
        if self.engine.passes == 1:
            gc.freeze()  # imported objects stay for ever, so the collector need not visit them
        self.config.passed(time.monotonic())
        self.events.transactions()
        mended = Cause.TABLES in causes and applied.changes > 0
        self.debouncer.done(time.monotonic(), failed=bool(self.engine.trouble), mended=mended)
        self._answer()  # calls that arrived while we waited for netifd do not make the descriptor readable again

    def _log(self) -> None:
        self.journal.passed(self.engine.cause, self.engine.decided, self.engine.applied, self.engine.trouble)
        log_hardware(self.engine, self.journal)

    def _answer(self) -> None:
        if self.ubus.descriptor is None:
            return
        self._serve()
        self.events.transactions()
        while self.engine.news and self.ubus.descriptor is not None:
            self.ubus.send(*self.engine.news.pop(0))
        self._serve()

    def _serve(self) -> None:
        if self._reading:
            return  # another call is being answered, or a task reads connections: this one comes after it
        passes, self._reading = self.engine.passes, True
        try:
            self.ubus.serve()
        finally:
            self._reading = False
        self._passed_since(passes)

    def _follow_meanwhile(self) -> None:
        # called now and then while a call or task reads connections, which may take seconds
        now = time.monotonic()
        if not self._reading or now < self._follow_at:
            return
        for descriptor, event in self._kernel.poll(0):
            self._handle(descriptor, event)
        if self.ubus.event_waits():
            self._hint(Cause.INTERFACE)
        if (due := self._pass_due()) is not None and due <= now:
            self._work()
        self._follow_at = min(filter(None, (time.monotonic() + MEANWHILE, due)))

    def _passed_since(self, passes: int) -> None:
        if self.engine.passes != passes:
            self._log()
            self.config.passed(time.monotonic())
            self.debouncer.done(time.monotonic(), failed=bool(self.engine.trouble))

    def _connect(self, now: float) -> None:
        try:
            self.ubus.connect()
        except BusError as refusal:
            if self._pause == RECONNECT_FIRST:
                self.journal.line(LogLevel.WARNING, str(refusal))
            self._reconnect, self._pause = now + self._pause, min(self._pause * 2, RECONNECT_LAST)
            return
        if self.named:
            self.journal.line(LogLevel.NOTICE, "ubus is back")
        self._pause, self.named = RECONNECT_FIRST, True
        if self.ubus.descriptor is not None:
            self.poll.register(self.ubus.descriptor, select.POLLIN)
        self._hint(Cause.UBUS)

    def _lost(self) -> None:
        if self.ubus.descriptor is not None:
            self.poll.unregister(self.ubus.descriptor)
            self.ubus.leave(lost=True)
            self.journal.line(LogLevel.WARNING, "ubus is away: what was set up stays, and devices are followed")

    def _leave(self) -> None:
        # The tables stay before an upgrade, as the new service adopts them; also if ubusd never accepted our objects,
        # because then another service has the name, and the tables are its own.
        self.engine.doors.nft.hurry(STOP_PATIENCE)
        if self.named and not self.upgrading and (refusal := reconcile.removed(self.engine.doors.nft)):
            self.journal.line(LogLevel.ERR, refusal)
        if self.upgrading:
            station_file.run(self.engine, time.monotonic())
        self.accounting.run(self.engine, time.monotonic())
        totals_file.run(self.engine, time.monotonic())
        self.journal.line(LogLevel.NOTICE, "stops; an upgrade keeps its tables" if self.upgrading else "stops")
        self.ubus.leave(lost=False)
