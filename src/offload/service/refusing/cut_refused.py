"""`option cut_refused`: end the connections that configured rules refuse since they, or their times, have changed.

The firewall accepts packets of established connections before its configured rules, so without this option a new rule
ends no connection, offloaded or not.
"""

from offload.nouns import replace
from offload.service.engine import Engine

AGAIN = 5.0  # seconds after which a failure is followed by another try
TRIES = 3  # in a row without a pass


def due(engine: Engine) -> float | None:
    """When to judge: after each pass, and when times begin or end; None while the option is off."""
    if not _wanted(engine):
        return None
    return engine.doors.clock() if engine.judged.passes != engine.passes else engine.judged.due


def run(engine: Engine, wall: float) -> str:
    """Judge live connections and end the refused ones; the line for the log, empty for none. `wall`: since 1970.

    An OffloadError says why it was not possible. Further tries follow after AGAIN seconds, up to TRIES without a pass.
    """
    from offload.service.refusing import judging  # the firewall's compiler costs memory where the option is off

    failures = engine.judged.failures + 1
    again = engine.doors.clock() + AGAIN if failures < TRIES else None
    engine.judged = replace(engine.judged, passes=engine.passes, due=again, failures=failures)
    return judging.run(engine, wall)


def _wanted(engine: Engine) -> bool:
    if engine.decided is None:
        return False
    config = engine.decided.config
    return config.globals.cut_refused and config.globals.enabled and config.readable
