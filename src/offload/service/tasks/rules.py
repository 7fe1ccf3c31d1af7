"""Return the tables if rules of others may decide differently about live flows."""

import time

from offload.model.cause import Cause
from offload.service.engine import Engine
from offload.service.roaming import follow


def due(engine: Engine) -> float | None:
    """When to return tables; None: nothing is offloaded."""
    if engine.decided is None or not engine.decided.plan.tables:
        return None
    return engine.rule_returns.due(engine.doors.clock())


def run(engine: Engine) -> None:
    """Return all tables. If that fails, a pass does it and reports the cause."""
    before = engine.decided
    names = [table.name for table in before.plan.tables] if before else []
    if follow.return_tables(engine, names) is None:
        engine.work(forced=names, cause=Cause.RULES)
    engine.rule_returns.returned(engine.doors.clock(), time.time())
