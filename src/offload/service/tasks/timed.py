"""The list of all tasks with a time of their own, which the loop runs."""

import time
from typing import Protocol

from offload.errors import OffloadError
from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.nouns import dataclass
from offload.service.engine import Engine
from offload.service.hints.config_check import ConfigCheck
from offload.service.hints.debounce import Debouncer
from offload.service.journal import Journal
from offload.service.refusing import cut_refused
from offload.service.tasks import hardware, returns, station_file, station_sets, totals_file


class Task(Protocol):
    """Work with a time of its own: an object, or a module of this folder."""

    def due(self, engine: Engine, /) -> float | None:
        """When, in seconds that never jump; None: not before something happens."""

    def run(self, engine: Engine, now: float, /) -> None:
        """Do it. It may be called when nothing is to be done any more."""


def tasks(journal: Journal, hints: Debouncer, files: ConfigCheck) -> tuple[Task, ...]:
    """What is to be done between passes, in the order in which it is done."""
    return (
        TimedExemptsEnd(hints),
        ConfigFiles(hints, files),
        OldDump(),
        station_sets,
        station_file,
        totals_file,
        HardwareSample(journal),
        RoutesChanged(journal),
        RulesOfOthers(journal),
        RefusedConnections(journal),
    )


@dataclass(frozen=True, slots=True)
class TimedExemptsEnd:
    """Hint a pass when a timed exempt ended: it removes empty sets, and is repeated like any failed pass."""

    hints: Debouncer

    def due(self, engine: Engine) -> float | None:
        """When the next one ends."""
        return engine.timed_exempts.next_end()

    def run(self, engine: Engine, now: float) -> None:
        """Hint a pass if one has ended."""
        if engine.timed_exempts.ended(now):
            self.hints.hint(Cause.EXEMPT_ENDED, now)


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Hint a pass when a configuration file is no longer the one that was read."""

    hints: Debouncer
    files: ConfigCheck

    def due(self, _: Engine) -> float | None:
        """When to look at the files."""
        return self.files.due

    def run(self, engine: Engine, now: float) -> None:
        """Hint a pass if one was written."""
        self.files.asked(now)
        if engine.doors.uci.changed():
            self.hints.hint(Cause.FILE, now)


@dataclass(frozen=True, slots=True)
class OldDump:
    """Free the memory of the last dump of connections."""

    def due(self, engine: Engine) -> float | None:
        """When no call can use it any more."""
        return engine.connections.due()

    def run(self, engine: Engine, now: float) -> None:
        """Free it."""
        engine.connections.tidy(now)


@dataclass(frozen=True, slots=True)
class HardwareSample:
    """Judge the pairs in hardware, and log their faults."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When to take the next sample."""
        return hardware.due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Take it."""
        hardware.run(engine)
        log_hardware(engine, self.journal)


@dataclass(frozen=True, slots=True)
class RoutesChanged:
    """Let flows in hardware look up their routes anew, where routes have changed."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When tables are to be returned."""
        return returns.routes_due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Return them."""
        returns.for_routes(engine)
        self.journal.followed(engine.applied, "routes changed")


@dataclass(frozen=True, slots=True)
class RulesOfOthers:
    """Return tables so that live flows pass changed rules of others."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When tables are to be returned."""
        return returns.rules_due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Return them."""
        returns.for_rules(engine)
        self.journal.followed(engine.applied, "rules, their sets or times changed")


@dataclass(frozen=True, slots=True)
class RefusedConnections:
    """End the connections that changed rules refuse; a failure is repeated later."""

    journal: Journal

    def due(self, engine: Engine) -> float | None:
        """When to judge them."""
        return cut_refused.due(engine)

    def run(self, engine: Engine, _: float) -> None:
        """Judge them, and end those that are refused."""
        try:
            ended = cut_refused.run(engine, time.time())
        except OffloadError as refusal:
            self.journal.line(LogLevel.ERR, f"cut_refused: {refusal}")
            return
        if ended:
            self.journal.line(LogLevel.NOTICE, ended)


def log_hardware(engine: Engine, journal: Journal) -> None:
    """Log the faults of pairs in hardware."""
    journal.hardware((pair, case.reasons) for pair, case in engine.hardware_monitor.known.items())
