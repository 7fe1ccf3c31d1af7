"""The tasks of the loop, except those that read events: work between passes that is due at times of its own."""

import time
from typing import Protocol

from offload.errors import OffloadError
from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.nouns import dataclass
from offload.service.counting import looking, totals_file
from offload.service.engine import Engine
from offload.service.hints.config_check import ConfigCheck
from offload.service.hints.debounce import Debouncer
from offload.service.journal import Journal
from offload.service.refusing import cut_refused
from offload.service.tasks import hardware, returns, station_file, station_sets

LOOK = 10.0  # seconds between two looks at the wall clock
STEP = 1.0  # seconds; a smaller step may be a correction


class Task(Protocol):
    """Work between passes that is due at times of its own: an object, or a module, with `due` and `run`."""

    def due(self, engine: Engine, /) -> float | None:
        """When to run, in monotonic seconds, perhaps in the past; None: not before something happens."""

    def run(self, engine: Engine, now: float, /) -> None:
        """Do the work. Most tasks do not check whether the time that `due` gives has come.

        `now`: monotonic seconds.
        """


def tasks(journal: Journal, hints: Debouncer, files: ConfigCheck) -> tuple[Task, ...]:
    """The tasks that the loop runs after those that read events, in this order.

    They write to `journal`, request passes by `hints`, and check the configuration files at the times that `files`
    gives.
    """
    return (
        TimedExemptsEnd(hints),
        ConfigFiles(hints, files),
        ClockSet(hints),
        OldDump(),
        station_sets,
        station_file,
        totals_file,
        looking,
        HardwareSample(journal),
        RoutesChanged(journal),
        RulesOfOthers(journal),
        RefusedConnections(journal),
    )


def follows_hints(task: Task) -> bool:
    """Whether the loop goes on reading notifications and making passes while this task reads connections.

    True for `looking` and HardwareSample, whose reading may take seconds.
    """
    return task is looking or isinstance(task, HardwareSample)


@dataclass(frozen=True, slots=True)
class TimedExemptsEnd:
    """Requests a pass when a timed exempt (traffic kept slow) has ended: the pass removes nft sets that are empty."""

    hints: Debouncer

    def due(self, engine: Engine) -> float | None:
        """When the next exempt ends, in monotonic seconds, perhaps in the past; None: there is none."""
        return engine.timed_exempts.next_end()

    def run(self, engine: Engine, now: float) -> None:
        """Forget the exempts that have ended at `now` (monotonic seconds), and request a pass if there was one."""
        if engine.timed_exempts.ended(now):
            self.hints.hint(Cause.EXEMPT_ENDED, now)


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Requests a pass when a configuration file was written, made or removed after the last pass read it."""

    hints: Debouncer
    files: ConfigCheck

    def due(self, _: Engine) -> float | None:
        """When to check the files next, in monotonic seconds; None: not before the next pass."""
        return self.files.due

    def run(self, engine: Engine, now: float) -> None:
        """Request a pass if a file was written, made or removed since the last pass read it.

        Each pass is followed by several checks, after pauses that grow; the final check is about 15 seconds after it.
        """
        self.files.asked(now)
        if engine.doors.uci.changed():
            self.hints.hint(Cause.FILE, now)


@dataclass(slots=True)
class ClockSet:
    """Requests a pass when the wall clock was set, while firewall rules have times.

    By the old clock it was found at which monotonic seconds such a rule begins and ends. This is found anew when our
    tables are created again (`rule_returns`) and when connections are compared (`judged`).
    """

    hints: Debouncer
    _next: float = 0.0  # when to look, in monotonic seconds
    _offset: float | None = None  # of the wall clock to the monotonic one, in seconds; None: not looked yet

    def due(self, engine: Engine) -> float | None:
        """When to read the wall clock next, in monotonic seconds.

        None: neither `engine.rule_returns` (rules of other programs) nor `engine.judged` (the configured rules) has a
        rule with times.
        """
        return self._next if engine.rule_returns.timed or engine.judged.times else None

    def run(self, engine: Engine, now: float) -> None:
        """Read the wall clock; if it moved against `now` (monotonic) by STEP (1 s) or more since last, request a pass.

        Then, if rules of other programs have times, `rule_returns` notes that our tables are to be created again. The
        first run notes the clock, and requests nothing. The next run is due LOOK (10) seconds later.
        """
        self._next = now + LOOK
        before, self._offset = self._offset, time.time() - now
        if before is not None and abs(self._offset - before) >= STEP:
            engine.rule_returns.clock_set(now)
            self.hints.hint(Cause.CLOCK, now)


@dataclass(frozen=True, slots=True)
class OldDump:
    """Frees the memory of the last conntrack dump when no call can use it any more."""

    def due(self, engine: Engine) -> float | None:
        """When no call can use the dump any more, in monotonic seconds; None: none is kept."""
        return engine.connections.due()

    def run(self, engine: Engine, now: float) -> None:
        """Free the dump if no call can use it any more at `now` (monotonic seconds)."""
        engine.connections.tidy(now)


@dataclass(frozen=True, slots=True)
class HardwareSample:
    """Judges the pairs in hardware by their live flows, and logs their faults."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When to take the next sample, in monotonic seconds, perhaps in the past.

        None: no pair is in hardware, and none that left it may still have flows there.
        """
        return hardware.due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Take a sample by `hardware.run`, and log the kinds of fault that a pair did not have at the last logging.

        Faults are logged after each pass too.
        """
        hardware.run(engine)
        log_hardware(engine, self.journal)


@dataclass(frozen=True, slots=True)
class RoutesChanged:
    """Creates our tables again after a change of routes, for live flows to look them up."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When to create tables again, in monotonic seconds, perhaps in the past.

        None: no route changed since it was done last, or we have no table for which a change asked.
        """
        return returns.routes_due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Create our tables again, but only the hardware table if no other routes changed than those to single hosts.

        If nft refuses, or one of our tables has timed exempts, a pass does this instead. When the tables are created,
        the log gets a line that their flows took the slow path. No OffloadError is raised.
        """
        returns.for_routes(engine)
        self.journal.followed(engine.applied, Cause.ROUTES)


@dataclass(frozen=True, slots=True)
class RulesOfOthers:
    """Creates our tables again after a change of other programs' rules, for live flows to meet these."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When to create all our tables again, in monotonic seconds, also for rules whose times begin or end.

        None: no rule changed and none has a time ahead, or we have no table.
        """
        return returns.rules_due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Create all our tables again, and if that succeeds, log that their flows took the slow path.

        If nft refuses, or one of our tables has timed exempts, a pass does this instead. No OffloadError is raised.
        """
        returns.for_rules(engine)
        self.journal.followed(engine.applied, Cause.DECIDING)


@dataclass(frozen=True, slots=True)
class RefusedConnections:
    """Ends connections that the firewall's rules refuse since they changed, or since a rule's time began or ended.

    Only with `option cut_refused`.
    """

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When to compare connections with the rules, in monotonic seconds: after a pass, and at a rule's time.

        Also when a failed attempt is repeated. None: none of these is ahead, the option is off, offload is disabled, a
        configuration file cannot be read, or no pass has decided yet.
        """
        return cut_refused.due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Delete the conntrack entries of forwarded TCP and UDP connections that the rules refuse now, not before.

        The log gets how many, or why that failed; no OffloadError is raised. Tables that had such flows are created
        again, which is logged too.
        """
        before = engine.applied
        try:
            if ended := cut_refused.run(engine, time.time()):
                self.journal.line(LogLevel.NOTICE, ended)
        except OffloadError as refusal:
            self.journal.line(LogLevel.ERR, f"cut_refused: {refusal}")
        if engine.applied is not before:
            self.journal.followed(engine.applied, Cause.ENDED)


def log_hardware(engine: Engine, journal: Journal) -> None:
    """Log a warning for each kind of fault in hardware that a pair of zones did not have at the last call."""
    journal.hardware((pair, case.reasons) for pair, case in engine.hardware_monitor.known.items())
