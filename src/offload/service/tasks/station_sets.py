"""Bring the sets of stations in the kernel up to date without a pass; return software for stations that came late."""

from offload.compiler.offload.stations import counted, learned_stations, with_stations
from offload.errors import NftError, OffloadError
from offload.model.cause import Cause
from offload.model.network import Learned, Snapshot
from offload.model.plan import Plan
from offload.nouns import replace
from offload.service.engine import SOFTWARE, Engine


def due(engine: Engine) -> float | None:
    """When to run next; None while no station changed and none came late."""
    if engine.decided is None or not any(table.shared for table in engine.decided.plan.tables):
        return None
    times = (engine.station_sets.due(engine.stations.version), engine.station_sets.late_due())
    return min((each for each in times if each is not None), default=None)


def run(engine: Engine, now: float) -> None:
    """Send what changed, if anything did; then look for flows of late stations, if it is time."""
    sets = engine.station_sets
    if (update := sets.due(engine.stations.version)) is not None and update <= now:
        _update(engine, engine.decided.plan if engine.decided else Plan(), now)
    if (late := sets.late_due()) is not None and late <= now:
        _return_late(engine, now)


def current(engine: Engine, plan: Plan) -> Plan:
    """The plan with the stations that are known now in its tables."""
    learned = _learned(engine, plan)
    return replace(plan, tables=tuple(with_stations(table, learned) for table in plan.tables))


def counted_now(engine: Engine, plan: Plan) -> Plan:
    """The plan for people: with the stations counted that are known now."""
    return counted(plan, _learned(engine, plan)) if any(pair.stations for pair in plan.pairs) else plan


def _learned(engine: Engine, plan: Plan) -> Learned:
    stations, neighbours = engine.stations.remembered()
    links = engine.decided.snapshot.links if engine.decided else ()
    seen = Snapshot(links=links, stations=stations, neighbours=neighbours)
    return learned_stations(seen, plan.bridges, plan.covered, plan.learned)


def _update(engine: Engine, plan: Plan, now: float) -> None:
    sets, version = engine.station_sets, engine.stations.version
    tables = [table for table in current(engine, plan).tables if table.shared]
    try:
        if text := sets.changes(tables):
            engine.doors.nft.apply(text)
    except NftError as refusal:  # a table may be gone: the kernel reports that, and a pass makes it anew
        if sets.refused(now):
            words = f"new stations go to software until this works again: {refusal}"
            engine.news.append(("offload.degraded", {"error": words}))
            engine.bound_news()
        return
    sets.took(tables, now)
    sets.compared(version, now)


def _return_late(engine: Engine, now: float) -> None:
    """Return the software table if it has flows of stations that hardware can have by now."""
    try:
        entries = engine.doors.conntrack.entries()
    except OffloadError:  # status reports it; these flows stay fast in software meanwhile
        engine.station_sets.later(now)
        return
    _, neighbours = engine.stations.remembered()
    late = engine.station_sets.late
    if engine.station_sets.are_late(entries, neighbours, now):
        applied = engine.work(forced=[SOFTWARE], cause=Cause.STATION)
        if SOFTWARE not in applied.returned:
            engine.station_sets.later(now, late)
