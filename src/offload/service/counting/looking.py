"""Read now and then which connections are offloaded, because their last event does not say it."""

from contextlib import suppress
from time import process_time

from offload.errors import KernelError
from offload.model.config import Mode
from offload.model.flow import Entries
from offload.service.engine import Engine


def due(engine: Engine) -> float | None:
    """When to read again, in monotonic seconds, perhaps in the past; None: no pair of zones is offloaded.

    None also if ended connections are not counted, and before the first decision.
    """
    if engine.decided is None or not engine.totals.since:
        return None
    fast = any(pair.effective is not Mode.NONE for pair in engine.decided.plan.pairs)
    return engine.sightings.next if fast else None


def run(engine: Engine, now: float) -> None:
    """Read the connections that are offloaded now, add them to `engine.sightings`, and set when to read again.

    If more than 65,536 are remembered there, all are forgotten first. If the reading fails, nothing is raised. `now`:
    monotonic seconds.
    """
    found, began = 0, process_time()

    def seen(entries: Entries) -> None:
        nonlocal found
        found += engine.sightings.see(entries.values(range(len(entries))))

    engine.sightings.begin()
    with suppress(KernelError):  # `status` reports it; here it costs a reading
        engine.doors.conntrack.fast(seen)
    engine.sightings.rest(now, found, process_time() - began)
