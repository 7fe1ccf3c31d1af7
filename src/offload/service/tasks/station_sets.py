"""Update the nft sets of stations (hosts behind bridges) between passes.

Where hardware can take only some ports of a bridge, the port of a station decides whether the hardware or the software
table takes its flows; each of the two has nft sets with its stations. If a station that came to a hardware port has
flows in software, a pass creates the software table again, for hardware to take them.
"""

from offload.compiler.offload.stations import learned_stations, with_station_counts, with_stations
from offload.errors import NftError, OffloadError
from offload.model.cause import Cause
from offload.model.kernel.learned import Learned
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.nouns import replace
from offload.service.engine import SOFTWARE, Engine


def due(engine: Engine) -> float | None:
    """When to run, in monotonic seconds, perhaps in the past; the earlier time of its two jobs.

    None: the sets have the stations known now, and no flows of an arrived station are to be looked for. None also
    before the first decision, and if no table has sets of stations.
    """
    if engine.decided is None or not any(table.shared for table in engine.decided.plan.tables):
        return None
    times = (engine.station_sets.due(engine.stations.version), engine.station_sets.arrived_due())
    return min((each for each in times if each is not None), default=None)


def run(engine: Engine, now: float) -> None:
    """Send changes of the sets to nft, and move flows of stations that arrived at hardware ports, each if it is due.

    `now`: monotonic seconds. If such a station has flows in software, a pass creates the software table again: its
    flows are slow for a moment. If that fails, or connections cannot be read, it is tried again later. If nft refuses a
    change of the sets, a ubus event is queued (one for refusals in a row), and the sets are filled anew later. No
    OffloadError is raised.
    """
    sets = engine.station_sets
    if (update := sets.due(engine.stations.version)) is not None and update <= now:
        _update(engine, engine.decided.plan if engine.decided else Plan(), now)
    if (search := sets.arrived_due()) is not None and search <= now:
        _take_from_software(engine, now)


def current(engine: Engine, plan: Plan) -> Plan:
    """A copy of the Plan whose station sets have the stations known now. Nothing is sent."""
    learned = _learned(engine, plan)
    return replace(plan, tables=tuple(with_stations(table, learned) for table in plan.tables))


def counted_now(engine: Engine, plan: Plan) -> Plan:
    """A copy of the Plan with the stations of its pairs and devices counted now, for the reply of `status`.

    The same Plan if no pair counts stations.
    """
    return with_station_counts(plan, _learned(engine, plan)) if any(pair.stations for pair in plan.pairs) else plan


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
    except NftError as refusal:  # a table may be gone: the kernel notifies that, and a pass makes it again
        if sets.refused(now):
            words = f"new stations go to software until this works again: {refusal}"
            engine.news.append(("offload.degraded", {"error": words}))
            engine.bound_news()
        return
    sets.took(tables, now)
    sets.compared(version, now)


def _take_from_software(engine: Engine, now: float) -> None:
    # If connections cannot be read, or a pass cannot create the table, it is tried again SEARCH_APART seconds later.
    try:
        entries = engine.doors.conntrack.entries()
    except OffloadError:  # `status` reports it; meanwhile these flows stay in software
        engine.station_sets.search_again(now)
        return
    _, neighbours = engine.stations.remembered()
    arrived = engine.station_sets.arrived
    if engine.station_sets.are_in_software(entries, neighbours):
        applied = engine.work(forced=[SOFTWARE], cause=Cause.STATION)
        if SOFTWARE not in applied.returned:
            engine.station_sets.search_again(now, arrived)
