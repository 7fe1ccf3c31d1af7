"""Convert conntrack entries into flows: connections with their firewall zones, and why they are not faster. Pure."""

from collections.abc import Iterable, Mapping

from offload.model.flow import Entry, Flow
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.nouns import replace
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.lookup.zone_lookup import ZoneLookup
from offload.status.query import Query, select
from offload.status.shares import Pair
from offload.status.why.reasons import Lookups, reasons


def flows(
    entries: Iterable[Entry],
    snapshot: Snapshot,
    plan: Plan,
    cases: Mapping[Pair, PairHardware] | None = None,
    *,
    everything: bool = False,
    explained: bool = True,
) -> list[Flow]:
    """Make a Flow of each forwarded connection, in the order of `entries`: with its zones and at most one Reason.

    The Reason says why the flow is slow, or in software although hardware was requested; with `explained` false there
    is none. `cases`: by pair of zones, what its flows showed of hardware; None: not known. `everything`: include
    connections of the router itself, and to multicast or broadcast addresses. The zone of an end is None if it has
    none, or that is not known.
    """
    known = cases or {}
    ends, lookups = ZoneLookup(snapshot, plan).ends, Lookups.of(plan, snapshot) if explained else None
    pairs = {(pair.src, pair.dest): pair for pair in plan.pairs}
    found = []
    for entry in entries:
        src, dest = ends(entry)
        if everything or (src.forwarded and dest.forwarded):
            between = src.zone or "", dest.zone or ""
            case = known.get(between)
            why = reasons(entry, src, dest, pairs.get(between), case, lookups) if explained else ()
            found.append(Flow(entry, src.zone, dest.zone, why))
    return found


def page(
    entries: Iterable[Entry],
    snapshot: Snapshot,
    plan: Plan,
    query: Query,
    cases: Mapping[Pair, PairHardware] | None = None,
    *,
    everything: bool = False,
) -> tuple[list[Flow], int]:
    """(flows on the query's page in the order that it requests, number of all flows that it selects).

    The page is set by `limit` and `offset` of the query. `cases` and `everything`: as in `flows`, which makes the
    Flows.
    """
    found = flows(entries, snapshot, plan, everything=everything, explained=False)
    meant = select(found, replace(query, limit=None, offset=0))
    end = None if query.limit is None else query.offset + query.limit
    shown = (flow.entry for flow in meant[query.offset : end])
    return flows(shown, snapshot, plan, cases, everything=everything), len(meant)
