"""`option cut_refused`: end the connections that the configured rules refuse since the rules, or their times, changed.

The firewall accepts packets of established connections before its configured rules, so without this option a new rule
ends no connection, offloaded or not.
"""

from offload.nouns import replace
from offload.service.engine import Engine

AGAIN = 5.0  # seconds until a failed attempt is repeated
TRIES = 3  # in a row without a pass


def due(engine: Engine) -> float | None:
    """When to compare connections with the rules: after each pass, and when a rule's time begins or ends.

    In monotonic seconds, at once after a pass. None: the option is off, a file is unreadable, or no pass was made since
    and no rule has times.
    """
    if not _wanted(engine):
        return None
    return engine.doors.clock() if engine.judged.passes != engine.passes else engine.judged.due


def run(engine: Engine, wall: float) -> str:
    """End live connections that the configured rules refuse now and did not before. Gives a log line; empty: none.

    `wall`: seconds since 1970. An OffloadError has the cause of a failure. Then the attempt is repeated AGAIN seconds
    later; after TRIES failed attempts in a row the next one follows the next pass.
    """
    from offload.service.refusing import judging  # the firewall's compiler costs memory where the option is off

    failures = 1 + (engine.judged.failures if engine.judged.passes == engine.passes else 0)
    again = engine.doors.clock() + AGAIN if failures < TRIES else None
    engine.judged = replace(engine.judged, passes=engine.passes, due=again, failures=failures)
    return judging.run(engine, wall)


def _wanted(engine: Engine) -> bool:
    if engine.decided is None:
        return False
    config = engine.decided.config
    return config.globals.cut_refused and config.globals.enabled and config.readable
