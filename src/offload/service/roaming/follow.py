"""Return tables at once for stations that moved, as they were planned last; the pass that follows reads everything."""

from collections.abc import Iterable

from offload.model.applied import Applied
from offload.nouns import replace
from offload.service import reconcile
from offload.service.engine import Engine
from offload.service.memory.timed_exempts import with_timed_exempts
from offload.service.tasks import station_sets


def due(engine: Engine) -> float | None:
    """When a move may be followed that had to wait, or ports of a bridge may be listed again."""
    return engine.stations.due(engine.decided.plan, engine.doors.clock()) if engine.decided else None


def ready(engine: Engine) -> bool:
    """Whether a station moved for which tables are to be returned now."""
    return engine.decided is not None and engine.stations.ready(engine.decided.plan, engine.doors.clock())


def run(engine: Engine) -> bool:
    """Return the tables; whether that was done.

    Nothing is read for it: making a table anew harms no connection. Timed exempts would live longer by it, so where
    there are any the pass does it. An error of the last pass stays.
    """
    before, now = engine.decided, engine.doors.clock()
    if before is None or with_timed_exempts(before.plan) or engine.stations.is_last(now):
        return False
    tables = engine.stations.tables_to_return(before.plan, now)
    return bool(tables) and return_tables(engine, tables) is not None


def return_tables(engine: Engine, tables: Iterable[str]) -> Applied | None:
    """Return tables as they were planned last; None where that is not to be done, or failed: a pass reads why."""
    before = engine.decided
    if before is None or with_timed_exempts(before.plan):
        return None
    now_there = replace(before, plan=station_sets.current(engine, before.plan))
    applied = reconcile.again(now_there, engine.doors.nft, engine.applied, tables)
    if applied.error:
        return None
    engine.stations.returned(applied.returned, before.plan, engine.doors.clock())
    engine.taken_out(applied)
    return engine.noted(replace(applied, error=engine.applied.error), before)
