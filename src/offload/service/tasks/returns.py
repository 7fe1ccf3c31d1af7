"""Create our tables again after changes of other programs' rules, or of routes, which offloaded flows bypass.

All flows of these tables are slow for a moment, and meet rules and routes as they are now.
"""

import time
from collections.abc import Collection

from offload.model.cause import Cause
from offload.model.kernel.to_return import ToReturn
from offload.service.engine import HARDWARE, Engine
from offload.service.roaming import follow
from offload.service.tasks import passes


def rules_due(engine: Engine) -> float | None:
    """When to create all our tables again: other programs' rules or sets changed, or a rule's time begins or ends.

    In monotonic seconds. None: no change waits and no rule has a time ahead, or we have no table.
    """
    return engine.rule_returns.due(engine.doors.clock()) if _tables(engine) else None


def for_rules(engine: Engine) -> None:
    """Create all our tables again, for live flows to meet the rules of other programs.

    If nft refuses that, or if a table has timed exempts (traffic kept slow), whose timeouts would begin anew, it makes
    a pass that creates them. If the pass fails too, the next one does it (`engine.owed`). So the changes of rules
    before the call wait no longer; those that come meanwhile do. No OffloadError is raised.
    """
    engine.rule_returns.returned(engine.doors.clock(), time.time())
    _return(engine, _tables(engine), Cause.DECIDING)


def routes_due(engine: Engine) -> float | None:
    """When to create tables again because routes changed, in monotonic seconds, perhaps in the past.

    None: no route changed since that was done last, or we have no table for which a change asked (the changes so far
    are forgotten).
    """
    names = _tables(engine)
    if HARDWARE not in names:
        engine.route_returns.forget(ToReturn.HARDWARE if names else ToReturn.ALL)
    return engine.route_returns.due(engine.doors.clock())


def for_routes(engine: Engine) -> None:
    """Create the hardware table again, or all, as `route_returns` says, for the routes of their flows to be looked up.

    If nft refuses, or if a table has timed exempts (traffic kept slow), it makes a pass that creates them. If the pass
    fails too, the next one does it (`engine.owed`). So the changes of routes before the call that asked for it wait no
    longer; those that come meanwhile do. No OffloadError is raised.
    """
    now = engine.doors.clock()
    what = engine.route_returns.what(now)
    engine.route_returns.returned(what, now)
    _return(engine, passes.tables_for(what, engine.decided.plan) if engine.decided else [], Cause.ROUTES)


def _tables(engine: Engine) -> list[str]:
    return [table.name for table in engine.decided.plan.tables] if engine.decided else []


def _return(engine: Engine, names: Collection[str], cause: Cause) -> None:
    if names and (left := follow.return_tables(engine, names)):
        engine.work(forced=left, cause=cause)
