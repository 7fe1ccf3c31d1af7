"""`option cut_refused`: end connections that the firewall's rules refuse now, and did not before.

Connections are compared with the rules when these changed, and when the time of a rule begins or ends. The firewall
accepts packets of established connections before its configured rules, so without this option a new rule ends none.
"""

from offload.nouns import replace
from offload.service.engine import Engine

AGAIN = 5.0  # seconds until a failed attempt is repeated
TRIES = 3  # in a row without a pass


def due(engine: Engine) -> float | None:
    """The next time to compare connections with the rules, in monotonic seconds.

    It is now if a pass was made since the last attempt; else when the time of a rule begins or ends, or when a failed
    attempt is to be repeated. None: no such time is ahead, the option is off, offload is disabled, a configuration file
    cannot be read, or nothing is decided yet.
    """
    if not _wanted(engine):
        return None
    return engine.doors.clock() if engine.judged.passes != engine.passes else engine.judged.due


def run(engine: Engine, wall: float) -> str:
    """Delete from conntrack the live connections that the configured rules refuse now and did not before.

    Forwarded TCP and UDP connections are compared. The tables that had such flows are created again: all their flows
    are slow for a moment. Gives a log line; empty: none ended. `wall`: seconds since 1970. OffloadError if it fails;
    then it is due again AGAIN (5) seconds later, after TRIES (3) failures in a row with the next pass. The first
    comparison ends none.
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
