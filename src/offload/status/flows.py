"""Convert conntrack entries into flows with zones and Reasons. Pure."""

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
    """The forwarded connections, in the order of the entries, with zones and, if `explained`, at most one Reason each.

    The Reason is as in `reasons`: why it is slow, or in software although hardware was requested. `cases`: by pair,
    what its live flows showed, of pairs in hardware and of those that left it while a driver may still forward their
    flows; None: of no pair. `everything`: also connections of the router itself, and those to multicast or broadcast
    addresses; such an end has no zone.
    """
    known = cases or {}
    ends, lookups = ZoneLookup(snapshot, plan).ends, Lookups.of(plan, snapshot) if explained else None
    pairs = {(pair.src, pair.dest): pair for pair in plan.pairs}
    found = []
    for entry in entries:
        src, dest = ends(entry)
        if everything or not (src.router or dest.router or src.group or dest.group):
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
    """The flows that a query selects, in its order, each with at most one Reason; how many there are without a page.

    The number is without the query's `limit` and `offset`. `cases` and `everything`: as in `flows`.
    """
    found = flows(entries, snapshot, plan, everything=everything, explained=False)
    meant = select(found, replace(query, limit=None, offset=0))
    end = None if query.limit is None else query.offset + query.limit
    shown = (flow.entry for flow in meant[query.offset : end])
    return flows(shown, snapshot, plan, cases, everything=everything), len(meant)
