"""Write the totals of ended connections to a file, from which the next service goes on counting."""

from offload.errors import OffloadError
from offload.service.counting.saved_totals import written
from offload.service.engine import Engine

APART = 300.0  # seconds between two writes: a service that is killed loses the totals of that time


def due(engine: Engine) -> float | None:
    """When to write the file, in monotonic seconds, perhaps in the past; None: it lacks nothing, or there is none.

    None also before the first decision, because until then another service may still run.
    """
    if engine.doors.totals is None or engine.decided is None:
        return None
    return engine.totals.next if engine.totals.unsaved else None


def run(engine: Engine, now: float) -> None:
    """Write the totals if the file lacks some, also before `due`; the next write is due APART seconds after `now`.

    `now`: monotonic seconds. Nothing is done before the first decision, or without a file. A failed write raises
    nothing: it is a ubus event, unless the one before failed for the same cause, and is tried again.
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
