"""Create our tables again after changes of other programs' rules, or of routes, which offloaded flows bypass.

All flows of these tables are slow for a moment, and meet rules and routes as they are now.
"""

import time

from offload.model.cause import Cause
from offload.service.engine import Engine
from offload.service.roaming import follow


def rules_due(engine: Engine) -> float | None:
    """When to create all our tables again: other programs' rules or sets changed, or a rule's time begins or ends.

    In monotonic seconds. None: no change waits and no rule has a time ahead, or we have no table.
    """
    return engine.rule_returns.due(engine.doors.clock()) if _tables(engine) else None


def for_rules(engine: Engine) -> None:
    """Create all our tables again, for live flows to meet the rules of other programs.

    If nft refuses that, or if a table has timed exempts (traffic kept slow), whose timeouts would begin anew, it makes
    a pass that creates them. The changes of rules so far count as done, even if the pass failed too; no OffloadError is
    raised.
    """
    began = engine.doors.clock(), time.time()  # a rule's time that begins meanwhile needs a return of its own
    _return(engine, Cause.DECIDING)
    engine.rule_returns.returned(*began)


def routes_due(engine: Engine) -> float | None:
    """When to create all our tables again because routes changed, in monotonic seconds, perhaps in the past.

    None: no route changed since that was done last, or we have no table (the changes so far are forgotten).
    """
    if not _tables(engine):
        engine.route_returns.forget()
    return engine.route_returns.due(engine.doors.clock())


def for_routes(engine: Engine) -> None:
    """Create all our tables again, for the routes of their flows to be looked up anew.

    If nft refuses, or if a table has timed exempts (traffic kept slow), it makes a pass that creates them. The changes
    of routes so far count as done, even if the pass failed too; no OffloadError is raised.
    """
    _return(engine, Cause.ROUTES)
    engine.route_returns.returned(engine.doors.clock())


def _tables(engine: Engine) -> list[str]:
    return [table.name for table in engine.decided.plan.tables] if engine.decided else []


def _return(engine: Engine, cause: Cause) -> None:
    names = _tables(engine)
    if names and follow.return_tables(engine, names) is None:
        engine.work(forced=names, cause=cause)
