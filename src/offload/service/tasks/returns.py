"""Create our tables again when rules of other programs or routes changed, which offloaded flows would not notice.

Their flows are slow for a moment, and pass rules and routes like new ones.
"""

import time
from collections.abc import Collection

from offload.model.cause import Cause
from offload.service.engine import Engine
from offload.service.roaming import follow


def rules_due(engine: Engine) -> float | None:
    """When to create all our tables again because rules of other programs changed, or a rule's time begins or ends.

    In monotonic seconds. None: no rule changed and none has a time ahead, or nothing is offloaded.
    """
    if engine.decided is None or not engine.decided.plan.tables:
        return None
    return engine.rule_returns.due(engine.doors.clock())


def for_rules(engine: Engine) -> None:
    """Create all our tables again, so that live flows leave them and pass the rules of other programs.

    If nft refuses that, or if a table has exempts (traffic kept slow) given at run time, whose timeouts would begin
    anew, a pass (read the router, decide, change the tables) creates them instead. The changes of rules so far count as
    done, also if that failed; no OffloadError is raised.
    """
    names = [table.name for table in engine.decided.plan.tables] if engine.decided else []
    _return(engine, names, Cause.DECIDING)
    engine.rule_returns.returned(engine.doors.clock(), time.time())


def routes_due(engine: Engine) -> float | None:
    """When to create the hardware table again because routes changed, in monotonic seconds, perhaps in the past.

    None: no route changed since it was done last, or the Plan has no hardware table. In the latter case the changes so
    far are forgotten.
    """
    if not _in_hardware(engine):
        engine.route_returns.forget()
    return engine.route_returns.due(engine.doors.clock())


def for_routes(engine: Engine) -> None:
    """Create the hardware table again, so that its flows look up their routes, as hardware never does by itself.

    If nft refuses, or if a table of ours has exempts (traffic kept slow) given at run time, a pass (read the router,
    decide, change the tables) creates it instead. The changes of routes so far count as done, also if that failed; no
    OffloadError is raised.
    """
    _return(engine, _in_hardware(engine), Cause.ROUTES)
    engine.route_returns.returned(engine.doors.clock())


def _in_hardware(engine: Engine) -> list[str]:
    return [table.name for table in engine.decided.plan.tables if table.hardware] if engine.decided else []


def _return(engine: Engine, names: Collection[str], cause: Cause) -> None:
    if names and follow.return_tables(engine, names) is None:
        engine.work(forced=names, cause=cause)
