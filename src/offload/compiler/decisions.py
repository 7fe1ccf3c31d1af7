"""What the Plan means for each zone and each device, with the Reasons people ask for. Pure."""

from collections.abc import Iterable, Iterator

from offload.compiler.pairs import zone_modes
from offload.compiler.topology import Topology
from offload.model.config import Config, Mode
from offload.model.network import DEVICE_NAME, Snapshot
from offload.model.plan import DeviceDecision, PairDecision, Reason, Table, Why, ZoneDecision

Pairs = tuple[PairDecision, ...]


def zones(config: Config, topology: Topology, pairs: Pairs) -> tuple[ZoneDecision, ...]:
    """A zone's effective mode is the fastest any of its pairs got; its Reasons say why that is not what was asked."""
    decided = []
    for name, (mode, faults) in zone_modes(config).items():
        found, own = topology.zones[name], _of_zone(name, pairs)
        effective = max((pair.effective for pair in own), default=Mode.NONE)
        reasons = [*faults, *found.reasons]
        if not found.l3:
            reasons.append(Why.ZONE_WITHOUT_DEVICES(zone=name))
        elif not own:
            reasons.append(Why.NOT_PERMITTED(zone=name))
        elif mode is Mode.NONE and not faults:
            reasons.append(Why.MODE_NONE(zone=name))
        elif effective < mode:
            reasons += [reason for pair in own for reason in pair.reasons]
        decided.append(ZoneDecision(name, mode, effective, found.l3, _unique(reasons)))
    return tuple(decided)


def devices(
    config: Config, topology: Topology, snapshot: Snapshot, pairs: Pairs, tables: tuple[Table, ...]
) -> tuple[DeviceDecision, ...]:
    """Every device that belongs to a zone or was named by the user, and why no flowtable lists it where none does."""
    able = {link.name for link in snapshot.links if link.hw_tc_offload}
    decided = []
    for name in _names(config, topology):
        owners = tuple(zone for zone, found in topology.zones.items() if name in _members(topology, zone))
        asked = [pair for zone in owners for pair in _of_zone(zone, pairs) if pair.mode is Mode.HARDWARE]
        listed = tuple(table.flowtable for table in tables if name in table.devices)
        reasons = list(_left_out(name, owners, config, topology, snapshot))
        if listed:
            # left out beneath one zone and wanted by another: it is in, so there is nothing to explain but hardware
            reasons = [Why.NO_HW_TC_OFFLOAD()] if asked and name not in able else []
        elif not reasons:
            reasons = [reason for zone in owners for pair in _of_zone(zone, pairs) for reason in pair.reasons]
        decided.append(DeviceDecision(name, owners, listed, bool(asked), _unique(reasons)))
    return tuple(decided)


def _names(config: Config, topology: Topology) -> Iterable[str]:
    named = [name for zone in topology.zones for name in _members(topology, zone)]
    return dict.fromkeys((*named, *config.globals.devices))


def _members(topology: Topology, zone: str) -> Iterator[str]:
    found = topology.zones[zone]
    yield from found.listed
    yield from (name for name, _ in found.left_out)


def _left_out(
    name: str, owners: Iterable[str], config: Config, topology: Topology, snapshot: Snapshot
) -> Iterator[Reason]:
    if name in config.globals.exclude_devices:
        yield Why.EXCLUDED_BY_USER()
    for zone in owners:
        yield from (reason for device, reason in topology.zones[zone].left_out if device == name)
    if name in config.globals.devices and name not in {link.name for link in snapshot.links}:
        yield Why.LINK_MISSING(device=name)
    if name == "lo" or not DEVICE_NAME.fullmatch(name):
        yield Why.LOOPBACK(device=name) if name == "lo" else Why.ODD_NAME()


def _of_zone(name: str, pairs: Pairs) -> list[PairDecision]:
    return [pair for pair in pairs if name in {pair.src, pair.dest}]


def _unique(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
