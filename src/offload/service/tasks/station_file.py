"""Write the places where stations (hosts behind bridges) and neighbours were seen last to a file.

From it the next service finds those that moved while none ran.
"""

from offload.errors import OffloadError
from offload.service.engine import Engine
from offload.service.memory import saved_stations

APART = 5.0  # seconds between two writes


def due(engine: Engine) -> float | None:
    """When to write the file, in monotonic seconds, perhaps in the past.

    None: the file has what is known now, or the service keeps no such file, or no pass has decided yet.
    """
    if engine.doors.stations is None or engine.decided is None:
        return None
    return None if engine.saved.version == engine.stations.version else engine.saved.next


def run(engine: Engine, now: float) -> None:
    """Write the last places of stations and neighbours to the file, at once.

    After it `due` gives no time before `now` (monotonic) plus APART (5) seconds. Nothing is done before the first
    decision, or if the service keeps no such file. If the write fails, nothing is raised, `due` asks for another one,
    and a ubus event is queued, unless the write before failed for the same cause.
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
            engine.bound_news()
    engine.saved = saved_stations.Saved(version, now + APART, error)
