"""Write to a file where stations (hosts behind bridges) were seen last.

So the next service finds those that moved while none ran.
"""

from offload.errors import OffloadError
from offload.service.engine import Engine
from offload.service.memory import saved_stations

APART = 5.0  # seconds between two writes


def due(engine: Engine) -> float | None:
    """When to write the file, in monotonic seconds.

    None: it has the present state, or none is kept. None also before the first pass, which reads
    the file.
    """
    if engine.doors.stations is None or engine.decided is None:
        return None
    return None if engine.saved.version == engine.stations.version else engine.saved.next


def run(engine: Engine, now: float) -> None:
    """Write where all stations were seen last, changed or not.

    The next write is due APART seconds after `now` or later. `now`: monotonic seconds. Nothing is done before the first
    pass, or without a file for stations. A failed write raises nothing: it is tried again, and is a ubus event
    unless the one before failed for the same cause.
    """
    if engine.doors.stations is None or engine.decided is None:
        return
    version, error = engine.stations.version, ""
    try:
        engine.doors.stations.write(saved_stations.written(engine.stations.known))
    except OffloadError as refusal:
        version, error = engine.saved.version, str(refusal)
        if error != engine.saved.error:
            engine.news.append(("offload.degraded", {"error": error}))
    engine.saved = saved_stations.Saved(version, now + APART, error)
