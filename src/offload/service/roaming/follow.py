"""Create our tables again without a pass, as the last one planned them: for stations that moved, rules and routes.

A station is a host that a bridge has learned at one of its ports.
"""

from collections.abc import Collection
from time import time

from offload.nouns import replace
from offload.service import reconcile
from offload.service.engine import Engine
from offload.service.memory.timed_exempts import with_timed_exempts
from offload.service.tasks import passes, station_sets


def due(engine: Engine) -> float | None:
    """The next time, in monotonic seconds, at which `ready` may become true or a bridge gets its ports back.

    It may be past already. `ready`: tables are to be created again, because a station moved or an address got another
    MAC. Ports: if stations of a bridge move too often, flowtables leave out its wired ports for a while. None: nothing
    of this is to be done, or nothing is decided yet.
    """
    return engine.stations.moves.due(engine.decided.plan, engine.doors.clock()) if engine.decided else None


def ready(engine: Engine) -> bool:
    """Whether tables are to be created again now because a station moved, or an address got another MAC.

    False before the first decision. False also if that has to wait, because the station moved again too soon, or it was
    done too often in this minute.
    """
    return engine.decided is not None and engine.stations.moves.ready(engine.decided.plan, engine.doors.clock())


def run(engine: Engine) -> bool:
    """Create again the tables whose flows may go to the old place of a station that moved; True if that was done.

    False: no table is concerned, or it has to wait, or nft refused. False also if a pass has to do it, because a table
    has exempts given at run time, whose timeouts would begin anew, or because this minute allows it only once more.
    """
    before, now = engine.decided, engine.doors.clock()
    if before is None or with_timed_exempts(before.plan) or engine.stations.moves.is_last(now):
        return False
    tables = engine.stations.moves.tables_to_return(before.plan, now)
    return bool(tables) and not return_tables(engine, tables)


def return_tables(engine: Engine, tables: Collection[str]) -> frozenset[str]:
    """Create these tables (names) again as the last pass planned them, with the present stations.

    All their flows are slow for a moment. The outcome is stored in the engine, which queues ubus events for it; its
    `error` is that of the last pass, if there is one. Gives the tables that a pass has to create; empty: all are done.
    They are those that nft refused; or all, if no pass has decided yet, or one of our tables has exempts given at run
    time, whose timeouts would begin anew. If nft refused one after another was created, `engine.owed` has it.
    """
    before, began = engine.decided, (engine.doors.clock(), time())
    if before is None or with_timed_exempts(before.plan):
        return frozenset(tables)
    now_there = replace(before, plan=station_sets.current(engine, before.plan))
    applied = reconcile.again(now_there, engine.doors.nft, engine.applied, tables)
    left = frozenset(tables).difference(applied.made) if applied.error else frozenset[str]()
    owed = engine.owed.difference(applied.made).union(left if applied.made else ())
    done = owed.union(applied.made) if applied.made else frozenset[str]()
    engine.stations.moves.returned(done, before.plan, engine.doors.clock())
    engine.note_evicted(applied)
    if not applied.error:
        passes.note_returned(engine, applied, before.plan, began, began[0])
    engine.touched = engine.touched or bool(applied.error)  # the next pass lists what the kernel has of our tables
    engine.record(replace(applied, error=engine.applied.error), before)
    engine.owed = owed
    return left
