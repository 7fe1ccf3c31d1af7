"""Return the tables where rules of others may decide otherwise about live flows."""

import time

from offload.service.engine import Engine
from offload.service.tasks import follow


def due(engine: Engine) -> float | None:
    """When tables are to be returned; None where nothing is offloaded."""
    if engine.decided is None or not engine.decided.plan.tables:
        return None
    return engine.rule_returns.due(engine.doors.clock())


def run(engine: Engine) -> tuple[str, ...]:
    """Return all tables; their names, none where that failed: then a pass does it."""
    before = engine.decided
    names = [table.name for table in before.plan.tables] if before else []
    applied = follow.return_tables(engine, names) or engine.work(forced=names)
    engine.rule_returns.returned(engine.doors.clock(), time.time())
    return () if applied.error else applied.returned
