"""Return tables: all if rules of others may decide differently about live flows, hardware's if routes changed."""

import time
from collections.abc import Collection

from offload.model.cause import Cause
from offload.service.engine import Engine
from offload.service.roaming import follow


def rules_due(engine: Engine) -> float | None:
    """When all tables are to be returned; None where nothing is offloaded."""
    if engine.decided is None or not engine.decided.plan.tables:
        return None
    return engine.rule_returns.due(engine.doors.clock())


def for_rules(engine: Engine) -> None:
    """Return all tables."""
    names = [table.name for table in engine.decided.plan.tables] if engine.decided else []
    _return(engine, names, Cause.RULES)
    engine.rule_returns.returned(engine.doors.clock(), time.time())


def routes_due(engine: Engine) -> float | None:
    """When the hardware tables are to be returned; None where there is none."""
    if not _in_hardware(engine):
        engine.route_returns.forget()
    return engine.route_returns.due(engine.doors.clock())


def for_routes(engine: Engine) -> None:
    """Return the hardware tables: chips do not look routes up anew, as software does."""
    _return(engine, _in_hardware(engine), Cause.ROUTES)
    engine.route_returns.returned(engine.doors.clock())


def _in_hardware(engine: Engine) -> list[str]:
    return [table.name for table in engine.decided.plan.tables if table.hardware] if engine.decided else []


def _return(engine: Engine, names: Collection[str], cause: Cause) -> None:
    """Return these tables; where that fails, a pass reads why and does it."""
    if follow.return_tables(engine, names) is None:
        engine.work(forced=names, cause=cause)
