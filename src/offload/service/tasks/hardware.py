"""Judge the pairs in hardware by the connections of this moment."""

from datetime import UTC, datetime

from offload.errors import OffloadError
from offload.model.flow import Entry
from offload.service.engine import HARDWARE, Engine


def due(engine: Engine) -> float | None:
    """When to look at the connections next; None where no pair is in hardware."""
    return engine.proofs.due


def run(engine: Engine, entries: list[Entry] | None = None) -> None:
    """Take a sample, and make an event of each fault that is new. `entries`: connections that were read just now."""
    decided, doors, now = engine.decided, engine.doors, engine.doors.clock()
    if decided is None or not engine.proofs.rested(now):
        return
    try:
        found = doors.conntrack.entries() if entries is None else entries
        strays = doors.nft.strays(HARDWARE)
        placed, received = engine.placed(decided), doors.netlink.received()
    except OffloadError:  # `status` and the next pass report it; here it costs a sample
        engine.proofs.later(now)
        return
    time = datetime.now(UTC).isoformat(timespec="seconds")
    known = engine.sightings.places
    wrong = engine.proofs.look(found, placed, decided.plan, strays, received, now, time, known)
    engine.news += [("offload.degraded", {"error": f"{src} > {dest}: {why.text}"}) for (src, dest), why in wrong]
    engine.bound_news()
