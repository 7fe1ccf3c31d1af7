"""Write the totals to a file, from which the next service goes on counting."""

from offload.errors import OffloadError
from offload.service.counting.saved_totals import written
from offload.service.engine import Engine

APART = 300.0  # seconds between two writes: a service that is killed loses the totals of that time


def due(engine: Engine) -> float | None:
    """When to write, in monotonic seconds; None: the file has all of it.

    None also before the first pass, because until then another service may still run.
    """
    if engine.doors.totals is None or engine.decided is None:
        return None
    return engine.totals.next if engine.totals.unsaved else None


def run(engine: Engine, now: float) -> None:
    """Write the totals if the file lacks some. After a failure it is tried again APART seconds later.

    A failure becomes an event, unless the last write failed for the same cause.
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
    totals.next, totals.error = now + APART, error
