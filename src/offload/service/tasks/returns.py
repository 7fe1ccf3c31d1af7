"""Create our tables again after changes of other programs' rules, or of routes, which offloaded flows bypass.

All flows of these tables are slow for a moment, and meet rules and routes as they are now.
"""

import time
from collections.abc import Collection

from offload.model.cause import Cause
from offload.service.engine import Engine
from offload.service.roaming import follow


def rules_due(engine: Engine) -> float | None:
    """When to create all our tables again: other programs' rules or sets changed, or a rule's time begins or ends.

    In monotonic seconds. None: no change waits and no rule has a time ahead, or we have no table.
    """
    if engine.decided is None or not engine.decided.plan.tables:
        return None
    return engine.rule_returns.due(engine.doors.clock())


def for_rules(engine: Engine) -> None:
    """Create all our tables again, for live flows to meet the rules of other programs.

    If nft refuses that, or if a table has exempts (traffic kept slow) given at run time, whose timeouts would begin
    anew, a pass creates them instead. The changes of rules so far count as done, even if that failed; no OffloadError
    is raised.
    """
    names = [table.name for table in engine.decided.plan.tables] if engine.decided else []
    _return(engine, names, Cause.DECIDING)
    engine.rule_returns.returned(engine.doors.clock(), time.time())


def routes_due(engine: Engine) -> float | None:
    """When to create the hardware table again because routes changed, in monotonic seconds, perhaps in the past.

    None: no route changed since that was done last, or there is no hardware table (the changes so far are forgotten).
    """
    if not _in_hardware(engine):
        engine.route_returns.forget()
    return engine.route_returns.due(engine.doors.clock())


def for_routes(engine: Engine) -> None:
    """Create the hardware table again, for the routes of its flows to be looked up anew.

    If nft refuses, or if a table of ours has exempts (traffic kept slow) given at run time, a pass creates it instead.
    The changes of routes so far count as done, even if that failed; no OffloadError is raised.
    """
    _return(engine, _in_hardware(engine), Cause.ROUTES)
    engine.route_returns.returned(engine.doors.clock())


def _in_hardware(engine: Engine) -> list[str]:
    return [table.name for table in engine.decided.plan.tables if table.hardware] if engine.decided else []


def _return(engine: Engine, names: Collection[str], cause: Cause) -> None:
    if names and follow.return_tables(engine, names) is None:
        engine.work(forced=names, cause=cause)
