"""The work that has a time of its own, as the loop runs it: one list, each with `due` and `run`."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from offload.errors import OffloadError
from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.service.engine import Engine
from offload.service.journal import Journal
from offload.service.refusing import cut_refused
from offload.service.tasks import accounting, hardware, rules, station_file, station_sets


class Task(NamedTuple):
    """Work with a time of its own.

    `due`: when, in seconds that never jump; None: not before something happens. `run` is given the time. `cause`: what
    the log calls a pass that it makes.
    """

    due: Callable[[], float | None]
    run: Callable[[float], None]
    cause: Cause = Cause.CALL


def tasks(engine: Engine, journal: Journal) -> tuple[Task, ...]:
    """What the engine has to do between passes, in the order in which it is done."""
    return (
        Task(engine.connections.due, engine.connections.tidy),
        Task(partial(station_sets.due, engine), partial(station_sets.run, engine), Cause.STATION),
        Task(partial(station_file.due, engine), partial(station_file.run, engine)),
        Task(partial(accounting.save_due, engine), partial(accounting.save, engine)),
        Task(partial(hardware.due, engine), lambda _: _hardware(engine, journal)),
        Task(partial(rules.due, engine), lambda _: _rules(engine, journal), Cause.RULES),
        Task(partial(cut_refused.due, engine), lambda _: _cut_refused(engine, journal)),
    )


def log_hardware(engine: Engine, journal: Journal) -> None:
    """What live flows show of pairs in hardware."""
    journal.hardware((pair, case.reasons) for pair, case in engine.hardware_monitor.known.items())


def _hardware(engine: Engine, journal: Journal) -> None:
    hardware.run(engine)
    log_hardware(engine, journal)


def _rules(engine: Engine, journal: Journal) -> None:
    """Let live flows meet the rules of others anew, where these have changed."""
    rules.run(engine)
    journal.followed(engine.applied, "rules, their sets or times changed")


def _cut_refused(engine: Engine, journal: Journal) -> None:
    """End the connections that configured rules refuse since now; what goes wrong is tried again."""
    try:
        ended = cut_refused.run(engine, time.time())
    except OffloadError as refusal:
        journal.line(LogLevel.ERR, f"cut_refused: {refusal}")
        return
    if ended:
        journal.line(LogLevel.NOTICE, ended)
