"""Write where stations were seen last, so that the next service finds those that moved while none ran."""

from offload.errors import OffloadError
from offload.service.engine import Engine
from offload.service.memory import saved_stations

APART = 5.0  # seconds between two writes


def due(engine: Engine) -> float | None:
    """When to write the file; None: nothing changed since, or there was no pass yet, which reads the file."""
    if engine.doors.stations is None or engine.decided is None:
        return None
    return None if engine.saved.version == engine.stations.version else engine.saved.next


def run(engine: Engine, now: float) -> None:
    """Write where all stations were seen last. After a failure it is tried again APART seconds later.

    A failure becomes an event, unless the last write failed for the same cause.
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
