"""Write the totals of ended connections to a file, from which the next service goes on counting."""

from offload.errors import OffloadError
from offload.service.counting.saved_totals import written
from offload.service.engine import Engine

APART = 300.0  # seconds between two writes: a service that is killed loses the totals of that time


def due(engine: Engine) -> float | None:
    """When to write the file, in monotonic seconds, perhaps in the past.

    None: the file has all counts, or the service keeps no such file, or no pass has decided yet.
    """
    if engine.doors.totals is None or engine.decided is None:
        return None
    return engine.totals.next if engine.totals.unsaved else None


def run(engine: Engine, now: float) -> None:
    """Write the totals to the file, if they changed since the last write.

    The next write is due APART (300) seconds after `now` (monotonic). Nothing is done before the first decision, or if
    the service keeps no such file. If the write fails, nothing is raised, it is tried again then, and a ubus event is
    queued, unless the write before failed for the same cause.
    """
    totals, error = engine.totals, ""
    if engine.doors.totals is None or engine.decided is None or not totals.unsaved:
        return
    try:
        engine.doors.totals.write(written(totals))
        totals.unsaved = False
    except OffloadError as refusal:
        error = str(refusal)
        if error != totals.error:
            engine.news.append(("offload.degraded", {"error": error}))
            engine.bound_news()
    totals.next, totals.error = now + APART, error
