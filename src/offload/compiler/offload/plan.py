"""Config + Topology + Snapshot -> Plan: for every pair a path, on which devices, and why not a faster one. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from offload.compiler.devices import Topology
from offload.compiler.offload import summary
from offload.compiler.offload.exempts.coverage import part
from offload.compiler.offload.exempts.exempt_zones import explained, of_exempts, of_subnets
from offload.compiler.offload.exempts.live_exempts import with_live_exempts
from offload.compiler.offload.exempts.marks import without_routing
from offload.compiler.offload.given_up import without_given_up
from offload.compiler.offload.requests import PairRequest, existing, wishes
from offload.compiler.offload.shapers import shapers
from offload.compiler.offload.stations import counted, counted_pairs, learned_stations, with_stations
from offload.model.config import Config, Family, Mode
from offload.model.network import DEVICE_NAME, MAX_NEIGHBOURS, ForwardChain, Link, Snapshot
from offload.model.plan import (
    BOTH,
    FROM,
    MAX_REMEMBERED,
    MOST_DEVICES,
    NO_END,
    SHARED_PRIORITY,
    TABLES,
    TO,
    Element,
    ExemptMatch,
    PairDecision,
    PairStations,
    Plan,
    PolicyKey,
    Table,
    TimedExempt,
)
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.topology import ZoneDevices
from offload.nouns import dataclass, replace

ENDS = {(False, False): NO_END, (True, False): FROM, (False, True): TO, (True, True): BOTH}
OF_HARDWARE = {
    ReasonCode.HARDWARE_UNCOVERED,
    ReasonCode.HARDWARE_PART,
    ReasonCode.STATIONS_SOFTWARE,
    ReasonCode.SHAPED,
}


def plan(config: Config, topology: Topology, snapshot: Snapshot, timed_exempts: Iterable[TimedExempt] = ()) -> Plan:
    """Decide everything; `timed exempts` are exempts given at run time.

    The same input gives the same Plan, whatever the order of links and networks.
    """
    config = with_live_exempts(without_routing(config, snapshot), topology.zones, snapshot)
    coverage = _Coverage.of(config, topology, snapshot)
    exempts = tuple(of_exempts(config, timed_exempts, topology.zones))
    asked = without_given_up(wishes(config, existing(config, topology, snapshot)), snapshot.given_up)
    bids = [_bid(wish, coverage, _gate(config, snapshot)) for wish in asked]
    bridges, covered = coverage.bridged(), coverage.able - coverage.excluded
    learned = learned_stations(snapshot, bridges, covered)
    elements, settled = _settle(config, bids)
    late = any(_behind(chain) for chain in snapshot.forward_chains)
    remembered = max(1, min(snapshot.kernel.conntrack_max, MAX_REMEMBERED))
    tables: list[Table] = []
    subnet_exempts: dict[Mode, list[ExemptMatch]] = {}
    for name, flowtable, mode in TABLES:
        own = [element for element, its_mode in elements if its_mode is mode]
        if own:
            subnet_exempts[mode] = list(of_subnets(config, topology.zones, own, mode))
            table = _table(name, flowtable, mode, own, (*exempts, *subnet_exempts[mode]), coverage)
            table = replace(table, late=late, remembered=remembered)
            tables.append(with_stations(table, learned))
    settled = tuple(_replies_full(pair, tables, snapshot.missed) for pair in counted_pairs(settled, learned))
    settled = tuple(_crowded(pair) for pair in settled) if snapshot.crowded else settled
    if any(subnet_exempts.values()):
        modes: dict[tuple[str, str], Mode] = {}
        for element, mode in elements:
            modes[element.iif, element.oif] = max(mode, modes.get((element.iif, element.oif), mode))
        settled = tuple(explained(pair, topology.zones, modes, subnet_exempts) for pair in settled)
    made = Plan(
        tables=tuple(tables),
        pairs=settled,
        zones=summary.zones(config, topology, settled),
        devices=summary.devices(config, topology, snapshot, settled, tuple(tables)),
        present=frozenset(link.name for link in snapshot.links),
        bridges=bridges,
        covered=covered,
    )
    return counted(made, learned)


def _replies_full(pair: PairDecision, tables: Iterable[Table], missed: Mapping[str, int]) -> PairDecision:
    """The pair with a Reason where the table that has its flows could not remember a reply."""
    found = (
        ReasonCode.REPLIES_FULL(count=missed[table.name], most=table.remembered)
        for table in tables
        if table.mode is pair.effective and missed.get(table.name)
    )
    return replace(pair, reasons=(*pair.reasons, *found))


def _crowded(pair: PairDecision) -> PairDecision:
    """The pair with a Reason where it depends on stations of which some are not remembered."""
    found = (ReasonCode.STATIONS_FULL(most=MAX_NEIGHBOURS),) if pair.stations else ()
    return replace(pair, reasons=(*pair.reasons, *found))


def _behind(chain: ForwardChain) -> bool:
    """Whether the chain is somebody else's and stands behind ours; of equals on a hook the one made last is first."""
    return chain.priority >= SHARED_PRIORITY and not _ours(chain)


def _ours(chain: ForwardChain) -> bool:
    return chain.family == "inet" and chain.table in {name for name, _, _ in TABLES}


def filtered(snapshot: Snapshot) -> bool:
    """Whether a firewall is loaded: one that is known by its table, or any chain of others on the forward hook."""
    known = snapshot.firewall != "none" or not snapshot.kernel.nft
    return known or any(not _ours(chain) for chain in snapshot.forward_chains)


def _gate(config: Config, snapshot: Snapshot) -> Reason | None:
    """What keeps everything on the slow path."""
    if not config.globals.enabled:
        return ReasonCode.OFFLOAD_DISABLED()
    if config.fw4_offloads:
        return ReasonCode.FW4_OFFLOADS()
    if not filtered(snapshot):
        return ReasonCode.NO_FIREWALL()
    if not snapshot.kernel.flowtable:
        lacks = "; ".join(str(lack) for lack in snapshot.kernel.missing) or "install kmod-nft-offload"
        return ReasonCode.KERNEL_WITHOUT_FLOWTABLE(lack=lacks)
    return None


@dataclass(frozen=True, slots=True)
class _Coverage:
    """What a flowtable of each mode can list of each zone."""

    zones: Mapping[str, ZoneDevices]
    able: frozenset[str]  # devices that a hardware flowtable can have
    idle: frozenset[str]  # devices that are down, and bridges without ports: nothing arrives there
    excluded: frozenset[str]
    added: tuple[str, ...]
    shaped: Mapping[str, str]  # devices with their shapers, which hardware would pass by

    @classmethod
    def of(cls, config: Config, topology: Topology, snapshot: Snapshot) -> "_Coverage":
        known = {link.name for link in snapshot.links if DEVICE_NAME.fullmatch(link.name) and link.name != "lo"}
        excluded = frozenset(config.globals.exclude_devices)
        added = tuple(name for name in config.globals.devices if name in known - excluded)
        able = frozenset(link.name for link in snapshot.links if link.is_able)
        masters = {link.master for link in snapshot.links}
        idle = {link.name for link in snapshot.links if not link.up or _is_empty(link, masters)}
        given_up = {each.device for each in snapshot.given_up}
        shaped = shapers(snapshot) if config.globals.auto_software else {}
        return cls(topology.zones, (able & known) - given_up, frozenset(idle), excluded, added, shaped)

    def added_to(self, mode: Mode) -> set[str]:
        """What the user adds to the mode's flowtable; one device that hardware cannot have would refuse all of it."""
        return {name for name in self.added if mode is Mode.SOFTWARE or name in self.able}

    def devices(self, zone: str, mode: Mode) -> set[str]:
        """Every device of the zone that the mode's flowtable lists."""
        found = self.zones[zone]
        if mode is Mode.SOFTWARE:
            return set(found.listed) - self.excluded
        leaves = {leaf for device in found.l3 for leaf in found.leaves_of(device)}
        return ({*found.listed, *leaves} & self.able) - self.excluded

    def uncovered(self, zone: str, device: str, mode: Mode) -> list[str]:
        """The devices that packets of this l3 device come in on unseen by the mode's flowtable."""
        listed = self.devices(zone, mode) | self.added_to(mode)
        if mode is Mode.SOFTWARE and device in listed:
            return []
        return [leaf for leaf in self.zones[zone].leaves_of(device) if leaf not in listed]

    def partly(self, zone: str, device: str) -> bool:
        """Whether an l3 device is a bridge with ports that a hardware flowtable has, and others."""
        found = self.zones[zone]
        bare = self.uncovered(zone, device, Mode.HARDWARE)
        return bool(found.bridge_of(device)) and 0 < len(bare) < len(found.leaves_of(device))

    def shapers(self, zone: str, device: str) -> Iterator[tuple[str, str]]:
        """The shaped devices that packets of an l3 device pass, each with its shaper."""
        found = self.zones[zone]
        for each in dict.fromkeys((*found.group(device), *found.leaves_of(device))):
            if each in self.shaped:
                yield each, self.shaped[each]

    def bridged(self) -> dict[str, str]:
        """The l3 devices that are a bridge, or a VLAN on one, with the bridge."""
        zones = self.zones.values()
        return {device: bridge for zone in zones for device in zone.l3 if (bridge := zone.bridge_of(device))}

    def l3(self, zone: str, mode: Mode) -> list[str]:
        """The zone's l3 devices whose packets the mode's flowtable sees."""
        return [device for device in self.zones[zone].l3 if not self.uncovered(zone, device, mode)]


def _is_empty(link: Link, masters: set[str]) -> bool:
    return link.kind == "bridge" and not link.lower and link.name not in masters


@dataclass(frozen=True, slots=True)
class _Crossing:
    """A way of a pair's packets, with the mode it can have. `stations`: the ends where a station's port decides."""

    iif: str
    oif: str
    mode: Mode
    stations: str = NO_END


@dataclass(frozen=True, slots=True)
class _Bid:
    """A wish with the mode it can have before other pairs on the same devices are looked at."""

    wish: PairRequest
    mode: Mode
    reasons: tuple[Reason, ...]
    crossings: tuple[_Crossing, ...]
    stations: PairStations | None = None

    @property
    def name(self) -> str:
        return f"{self.wish.src} > {self.wish.dest}"


_Claim = tuple[_Bid, _Crossing]


def _bid(wish: PairRequest, coverage: _Coverage, gate: Reason | None) -> _Bid:
    ends = [coverage.zones[name] for name in dict.fromkeys((wish.src, wish.dest))]
    src, dest = coverage.zones[wish.src], coverage.zones[wish.dest]
    every = tuple((iif, oif) for iif in src.l3 for oif in dest.l3)
    empty = [summary.without_devices(end) for end in ends if not end.l3]
    refused = (
        wish.reasons
        if wish.mode is Mode.NONE
        else [gate]
        if gate
        else [ReasonCode.FAMILIES_DISJOINT()]
        if wish.family is Family.NEITHER
        else empty
    )
    if refused:
        return _Bid(
            wish, Mode.NONE, tuple(refused), _in_forward(src, dest, tuple(_Crossing(*way, Mode.NONE) for way in every))
        )

    crossings = tuple(found for way in every if (found := _crossing(wish, coverage, *way)))
    if not crossings:
        excluded = tuple(_Crossing(*way, Mode.NONE) for way in every)
        return _Bid(wish, Mode.NONE, (ReasonCode.EXCLUDED_BY_USER(),), excluded)
    mode = max(crossing.mode for crossing in crossings)
    reasons = [*wish.reasons, *(_uncovered(wish, coverage, crossings) if wish.mode is Mode.HARDWARE else ())]
    stations = _stations(wish, coverage, crossings)
    if stations:
        reasons.append(stations.reason)
    if len(crossings) < len(every):
        reasons.append(ReasonCode.EXCLUDED_BY_USER())
    return _Bid(wish, mode, tuple(reasons), _in_forward(src, dest, crossings), stations)


def _in_forward(src: ZoneDevices, dest: ZoneDevices, crossings: Sequence[_Crossing]) -> tuple[_Crossing, ...]:
    """The crossings by the names that the forward hook has for their devices.

    Where a device is in a VRF, replies have other names than original packets, and are asked for by (oif, iif).
    """
    found = [replace(each, iif=src.came_in(each.iif)) for each in crossings]
    found += [replace(each, oif=dest.came_in(each.oif)) for each in crossings]
    return tuple(dict.fromkeys(found))


def _crossing(wish: PairRequest, coverage: _Coverage, iif: str, oif: str) -> _Crossing | None:
    """What a way of the pair's packets can have; None where no flowtable lists its devices."""
    if wish.mode is Mode.HARDWARE:
        ends = ((wish.src, iif), (wish.dest, oif))
        partly = [coverage.partly(*end) for end in ends]
        shaped = any(True for end in ends for _ in coverage.shapers(*end))
        if not shaped and all(
            part or not coverage.uncovered(*end, Mode.HARDWARE) for part, end in zip(partly, ends, strict=True)
        ):
            return _Crossing(iif, oif, Mode.HARDWARE, ENDS[partly[0], partly[1]])
    bare = coverage.uncovered(wish.src, iif, Mode.SOFTWARE) or coverage.uncovered(wish.dest, oif, Mode.SOFTWARE)
    return None if bare else _Crossing(iif, oif, Mode.SOFTWARE)


def _uncovered(wish: PairRequest, coverage: _Coverage, crossings: tuple[_Crossing, ...]) -> Iterator[Reason]:
    """Why hardware does not have all of a pair: devices that it does not cover."""
    fast = {device for each in crossings if each.mode is Mode.HARDWARE for device in (each.iif, each.oif)}
    ends = dict.fromkeys((zone, l3) for zone in (wish.src, wish.dest) for l3 in coverage.zones[zone].l3)
    bare = {end: coverage.uncovered(*end, Mode.HARDWARE) for end in ends}
    slower = {leaf for end in ends if end[1] not in fast for leaf in bare[end]} - (coverage.idle if fast else set())
    if slower:
        code = ReasonCode.HARDWARE_PART if fast else ReasonCode.HARDWARE_UNCOVERED
        yield code(devices=", ".join(sorted(slower)))
    shaped = {found for end in ends for found in coverage.shapers(*end)}
    yield from (ReasonCode.SHAPED(device=device, shaper=shaper) for device, shaper in sorted(shaped))


def _stations(wish: PairRequest, coverage: _Coverage, crossings: tuple[_Crossing, ...]) -> PairStations | None:
    """Where the ports of stations decide between hardware and software for a pair; None where they do nowhere."""
    fast = {device for each in crossings if each.stations for device in (each.iif, each.oif)}
    ends = dict.fromkeys((zone, l3) for zone in (wish.src, wish.dest) for l3 in coverage.zones[zone].l3)
    partly = [end for end in ends if end[1] in fast and coverage.partly(*end)]
    ports = {leaf for end in partly for leaf in coverage.uncovered(*end, Mode.HARDWARE)}
    devices = dict.fromkeys(device for _, device in partly)
    return PairStations(tuple(devices), tuple(sorted(ports))) if partly else None


def _settle(config: Config, bids: list[_Bid]) -> tuple[list[tuple[Element, Mode]], tuple[PairDecision, ...]]:
    """One verdict per (iif, oif): where pairs share devices, the strictest of their terms holds for all of them.

    A pair that the firewall permits in one family only has no say on packets of the other.
    """
    claims: dict[tuple[str, str], list[_Claim]] = defaultdict(list)
    for bid in bids:
        for crossing in bid.crossings:
            claims[crossing.iif, crossing.oif].append((bid, crossing))

    elements: list[tuple[Element, Mode]] = []
    modes: dict[str, list[Mode]] = defaultdict(list)
    shared: dict[str, list[Reason]] = defaultdict(list)
    for (iif, oif), here in sorted(claims.items()):
        family, settled = _fast(here)
        mode = min((crossing.mode for _, crossing in settled), default=Mode.NONE)
        fast = {bid.name for bid, _ in settled}
        for bid, crossing in here:
            modes[bid.name].append(Mode.NONE if bid.wish.family & family is Family.NEITHER else mode)
            beside = [each for each in here if each[0].name in fast or _meet(bid, each)]
            shared[bid.name] += _shared(bid, crossing.mode, beside)
        if settled:
            first, asked = settled[0][0].wish, family
            for bid, _ in settled:
                asked = asked & bid.wish.hardware_family
            packets = max(bid.wish.after_packets for bid, _ in settled)
            policy = PolicyKey(packets, family.value, min(settled, key=_mode)[1].stations)
            elements += _paths(Element(iif, oif, policy, (first.src, first.dest)), mode, asked)
    pairs = tuple(_pair(config, bid, modes[bid.name], shared[bid.name]) for bid in bids)
    return elements, pairs


def _paths(element: Element, mode: Mode, asked: Family) -> Iterator[tuple[Element, Mode]]:
    """The element in the table of its mode, and in that of software where that has a part of its flows.

    `asked`: the family of which hardware is asked.
    """
    if mode is not Mode.HARDWARE:
        yield element, mode
        return
    if asked is not Family.NEITHER:
        yield replace(element, policy=replace(element.policy, family=asked.value)), mode
    if element.policy.stations:
        # where a station's port decides, software has what hardware does not take
        yield element, Mode.SOFTWARE
    elif asked.value != element.policy.family:
        rest = {Family.IPV4: Family.IPV6.value, Family.IPV6: Family.IPV4.value}.get(asked, element.policy.family)
        yield replace(element, policy=replace(element.policy, family=rest)), Mode.SOFTWARE


def _fast(here: Sequence[_Claim]) -> tuple[Family, list[_Claim]]:
    """The family that every pair which has packets of it here wants offloaded, and the claims of these pairs."""
    found, settled = Family.NEITHER, dict[str, _Claim]()
    for version in (Family.IPV4, Family.IPV6):
        concerned = [claim for claim in here if claim[0].wish.possible.has(version)]
        wanted = (bid.wish.family.has(version) and crossing.mode is not Mode.NONE for bid, crossing in concerned)
        if concerned and all(wanted):
            found = version if found is Family.NEITHER else Family.ANY
            settled |= {claim[0].name: claim for claim in concerned}
    return found, list(settled.values())


def _meet(bid: _Bid, claim: _Claim) -> bool:
    """Whether a packet can be of both pairs, as far as its family shows."""
    return bid.wish.possible & claim[0].wish.possible is not Family.NEITHER


def _mode(claim: _Claim) -> Mode:
    return claim[1].mode


def _shared(bid: _Bid, mode: Mode, beside: Sequence[_Claim]) -> Iterator[Reason]:
    """Why the other pairs on its devices leave a pair less than it could have alone."""
    if not beside:
        return
    lowest, crossing = min(beside, key=_mode)
    if mode is not crossing.mode:
        yield ReasonCode.SHARED_DEVICES(pair=lowest.name, mode=crossing.mode.value)
    if crossing.mode is not Mode.NONE:
        for other, _ in beside:
            if any(_withholds(other.wish, bid.wish, version) for version in (Family.IPV4, Family.IPV6)):
                yield ReasonCode.SHARED_FAMILY(pair=other.name, family=other.wish.family.value)


def _withholds(other: PairRequest, wish: PairRequest, version: Family) -> bool:
    """Whether a pair has packets of a family and wants them slow, where another wants that family offloaded."""
    return wish.family.has(version) and other.possible.has(version) and not other.family.has(version)


def _pair(config: Config, bid: _Bid, modes: Iterable[Mode], shared: Iterable[Reason]) -> PairDecision:
    wish = bid.wish
    effective = max(modes, default=Mode.NONE)
    kept = wish.mode is Mode.NONE and wish.asked is not Mode.NONE
    # Reasons for a part of the pair come last: a slow flow of the pair is explained by the first
    reasons = [*bid.reasons, *shared]
    if effective is not Mode.NONE:
        reasons += part(config, wish.src, wish.dest, wish.family)
    elif bid.mode is not Mode.NONE:
        # the other pairs on its devices keep it slow; why it would only be software counts for nothing then
        reasons = [*shared, *(each for each in bid.reasons if each.code not in OF_HARDWARE)]
    stations = bid.stations if effective is Mode.HARDWARE else None
    why = tuple(each for each in dict.fromkeys(reasons) if stations or each.code is not ReasonCode.STATIONS_SOFTWARE)
    return PairDecision(
        wish.src, wish.dest, wish.asked, effective, wish.family, wish.after_packets, why, kept, stations
    )


def _table(
    name: str,
    flowtable: str,
    mode: Mode,
    elements: list[Element],
    exempts: tuple[ExemptMatch, ...],
    coverage: _Coverage,
) -> Table:
    zones = {zone for element in elements for zone in element.pair}
    devices = {device for zone in zones for device in coverage.devices(zone, mode)} | coverage.added_to(mode)
    crossed = {device for element in elements for device in (element.iif, element.oif)}
    # where they are too many, a device that packets cross has to stay; those beneath it only make its packets cheaper
    first = sorted(devices, key=lambda device: (device not in crossed, device))
    return Table(
        name=name,
        flowtable=flowtable,
        hardware=mode is Mode.HARDWARE,
        devices=tuple(sorted(first[:MOST_DEVICES])),
        elements=tuple(elements),
        exempts=exempts,
    )
