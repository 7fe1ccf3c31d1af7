"""Decide what is offloaded: the mode of every pair of zones, the tables, and why a mode is not faster. Pure."""

from collections.abc import Iterable, Mapping

from offload.compiler.devices import Topology
from offload.compiler.offload import summary
from offload.compiler.offload.exempts.exempt_zones import of_exempts, of_subnets, with_subnet_reasons
from offload.compiler.offload.exempts.live_exempts import with_live_exempts
from offload.compiler.offload.exempts.marks import of_connmarks, without_routing
from offload.compiler.offload.pairs.device_coverage import DeviceCoverage
from offload.compiler.offload.pairs.drafts import draft_of
from offload.compiler.offload.pairs.given_up import without_given_up
from offload.compiler.offload.pairs.requests import existing, pair_requests
from offload.compiler.offload.pairs.settle import settle
from offload.compiler.offload.stations import learned_stations, with_pair_counts, with_station_counts, with_stations
from offload.compiler.offload.tables.crossings import Crossing, told_apart
from offload.model.config import Config, Mode
from offload.model.kernel.learned import Learned
from offload.model.network import DEVICE_NAME, MAX_NEIGHBOURS, ForwardChain, Snapshot
from offload.model.plan import (
    MAX_REMEMBERED,
    MOST_DEVICES,
    SHARED_PRIORITY,
    TABLES,
    Element,
    ExemptMatch,
    PairDecision,
    Plan,
    Table,
    TimedExempt,
)
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import replace


def plan(
    config: Config,
    topology: Topology,
    snapshot: Snapshot,
    timed_exempts: Iterable[TimedExempt] = (),
    before: Learned | None = None,
) -> Plan:
    """Make the Plan: the wanted nft tables, and the decisions for pairs, zones and devices, with Reasons (sentences).

    `topology`: the devices of the zones. `timed_exempts`: exempts given at run time. `before`: hosts at bridge ports in
    an earlier Plan, used again if nothing about hosts and ports changed. There is a table for each mode (software,
    hardware) that some traffic can have. Tables are not compiled to nft (`nft` is None).
    """
    config = with_live_exempts(without_routing(config, snapshot), topology.zones, snapshot)
    coverage = DeviceCoverage.of(config, topology, snapshot)
    exempts = tuple(of_exempts(config, timed_exempts, topology.zones))
    asked = without_given_up(pair_requests(config, existing(config, topology, snapshot)), snapshot.given_up)
    reason_for_all = _reason_for_all(config, snapshot)
    drafts = [draft_of(request, coverage, reason_for_all) for request in asked]
    bridges, covered = coverage.bridged(), coverage.able - coverage.excluded
    learned = learned_stations(snapshot, bridges, covered, before)
    elements, settled = settle(config, drafts)
    late = any(_behind(chain) for chain in snapshot.forward_chains)
    behind = snapshot.ingress_last is not None and snapshot.ingress_last >= 0
    remembered = max(1, min(snapshot.kernel.conntrack_max or MAX_REMEMBERED, MAX_REMEMBERED))
    ways = {(crossing.iif, crossing.oif) for draft in drafts for crossing in draft.crossings}
    tables: list[Table] = []
    subnet_exempts: dict[Mode, list[ExemptMatch]] = {}
    for name, flowtable, mode in TABLES:
        own = [element for element, its_mode in elements if its_mode is mode]
        if own:
            subnet_exempts[mode] = list(of_subnets(config, topology.zones, own, mode))
            kept = (*exempts, *subnet_exempts[mode], *of_connmarks(config, snapshot, own))
            table = _table(name, flowtable, mode, own, kept, coverage)
            ipsec = snapshot.kernel.ipsec
            table = replace(table, late=late, behind=behind, remembered=remembered, ipsec=ipsec)
            table = _with_indexes(table, ways, snapshot)
            tables.append(with_stations(table, learned))
    settled = tuple(_replies_full(pair, tables, snapshot.missed) for pair in with_pair_counts(settled, learned))
    settled = tuple(_crowded(pair) for pair in settled) if snapshot.crowded else settled
    if any(subnet_exempts.values()):
        settled = tuple(with_subnet_reasons(pair, topology.zones, elements, subnet_exempts) for pair in settled)
    made = Plan(
        tables=tuple(tables),
        pairs=settled,
        zones=summary.zones(config, topology, settled),
        devices=summary.devices(config, topology, snapshot, settled, tuple(tables)),
        present=frozenset(link.name for link in snapshot.links),
        bridges=bridges,
        covered=covered,
        learned=learned,
    )
    return with_station_counts(made, learned)


# with what its chain `forward` needs: the device compared first, and the indexes of all devices that it names
def _with_indexes(table: Table, ways: Iterable[Crossing], snapshot: Snapshot) -> Table:
    indexes = {link.name: link.index for link in snapshot.links if DEVICE_NAME.fullmatch(link.name)}
    # those of slow pairs may have devices that nft does not know, or that are no names for it
    common, absent = told_apart(table.elements, {way for way in ways if indexes.keys() >= set(way)})
    named = {absent, *(device for element in table.elements for device in (element.iif, element.oif))}
    found = sorted((name, index) for name, index in indexes.items() if name in named)
    return replace(table, common=common, absent=absent, indexes=tuple(found))


def _replies_full(pair: PairDecision, tables: Iterable[Table], missed: Mapping[str, int]) -> PairDecision:
    found = (
        ReasonCode.REPLIES_FULL(count=missed[table.name], most=table.remembered)
        for table in tables
        if table.mode is pair.effective and missed.get(table.name)
    )
    return replace(pair, reasons=(*pair.reasons, *found))


def _crowded(pair: PairDecision) -> PairDecision:
    found = (ReasonCode.STATIONS_FULL(most=MAX_NEIGHBOURS),) if pair.stations else ()
    return replace(pair, reasons=(*pair.reasons, *found))


# of chains with equal priorities the newer one comes first, so another program's may come after ours
def _behind(chain: ForwardChain) -> bool:
    return chain.priority >= SHARED_PRIORITY and not _ours(chain)


def _ours(chain: ForwardChain) -> bool:
    return chain.family == "inet" and chain.table in {name for name, _, _ in TABLES}


def firewall_loaded(snapshot: Snapshot) -> bool:
    """Whether a firewall is loaded: one that this program knows by its table, or any other chain on the forward hook.

    Chains of offload's own tables do not count. True also without the program nft, because then chains are not known.
    """
    known = snapshot.firewall != "none" or not snapshot.kernel.nft
    return known or any(not _ours(chain) for chain in snapshot.forward_chains)


def _reason_for_all(config: Config, snapshot: Snapshot) -> Reason | None:
    if not config.globals.enabled:
        return ReasonCode.OFFLOAD_DISABLED()
    if config.fw4_offloads:
        return ReasonCode.FW4_OFFLOADS()
    if not firewall_loaded(snapshot):
        return ReasonCode.NO_FIREWALL()
    if not snapshot.kernel.flowtable:
        lacks = "; ".join(str(lack) for lack in snapshot.kernel.missing) or "install kmod-nft-offload"
        return ReasonCode.KERNEL_WITHOUT_FLOWTABLE(lack=lacks)
    return None


def _table(
    name: str,
    flowtable: str,
    mode: Mode,
    elements: list[Element],
    exempts: tuple[ExemptMatch, ...],
    coverage: DeviceCoverage,
) -> Table:
    zones = {zone for element in elements for zone in element.pair}
    devices = {device for zone in zones for device in coverage.devices(zone, mode)} | coverage.added_to(mode)
    crossed = {device for element in elements for device in (element.iif, element.oif)}
    # with too many, devices that packets pass stay; those below them only make packets cheaper
    first = sorted(devices, key=lambda device: (device not in crossed, device))
    return Table(
        name=name,
        flowtable=flowtable,
        hardware=mode is Mode.HARDWARE,
        devices=tuple(sorted(first[:MOST_DEVICES])),
        elements=tuple(elements),
        exempts=exempts,
    )
