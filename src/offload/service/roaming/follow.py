"""Create tables again at once for stations that moved, as they were planned last; a pass reads everything later."""

from collections.abc import Iterable

from offload.model.applied import Applied
from offload.nouns import replace
from offload.service import reconcile
from offload.service.engine import Engine
from offload.service.memory.timed_exempts import with_timed_exempts
from offload.service.tasks import station_sets


def due(engine: Engine) -> float | None:
    """When to create tables again for moves that had to wait, or list ports of a bridge again; None: neither.

    In monotonic seconds, perhaps in the past. None also before the first decision.
    """
    return engine.stations.due(engine.decided.plan, engine.doors.clock()) if engine.decided else None


def ready(engine: Engine) -> bool:
    """Whether tables are to be created again now because a station moved; False also if that has to wait.

    False also before the first decision.
    """
    return engine.decided is not None and engine.stations.ready(engine.decided.plan, engine.doors.clock())


def run(engine: Engine) -> bool:
    """Create the tables again whose flows may go to the old port of a station that moved; whether that was done.

    Nothing is read for it. False also if a pass has to do it: a table has exempts of run time, which would begin anew
    with it; it is the last return of this minute (`is_last`); or nft refused.
    """
    before, now = engine.decided, engine.doors.clock()
    if before is None or with_timed_exempts(before.plan) or engine.stations.is_last(now):
        return False
    tables = engine.stations.tables_to_return(before.plan, now)
    return bool(tables) and return_tables(engine, tables) is not None


def return_tables(engine: Engine, tables: Iterable[str]) -> Applied | None:
    """Create tables again as they were planned last, with the present stations; gives the outcome.

    An error of the last pass stays in it. None: nft refused (maybe after the first transactions), no pass has decided
    yet, or a table has exempts of run time, which would begin anew. Then a pass has to do it.
    """
    before = engine.decided
    if before is None or with_timed_exempts(before.plan):
        return None
    now_there = replace(before, plan=station_sets.current(engine, before.plan))
    applied = reconcile.again(now_there, engine.doors.nft, engine.applied, tables)
    engine.stations.returned(applied.returned, before.plan, engine.doors.clock())
    engine.taken_out(applied)
    noted = engine.noted(replace(applied, error=engine.applied.error), before)
    return None if applied.error else noted
