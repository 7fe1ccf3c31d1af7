"""The decisions about zones and devices, with Reasons: sentences why one is not as requested. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from offload.compiler.devices import Topology
from offload.compiler.offload.pairs.requests import mode_unset, zone_modes
from offload.model.config import Config, Mode
from offload.model.network import DEVICE_NAME, Link, Snapshot
from offload.model.plan import MOST_DEVICES, DeviceDecision, PairDecision, Table, ZoneDecision, deciding_pairs
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.topology import ZoneDevices

Pairs = tuple[PairDecision, ...]


def zones(config: Config, topology: Topology, pairs: Pairs) -> tuple[ZoneDecision, ...]:
    """Decide about each firewall zone, in order: the effective mode is the fastest of its pairs with other zones.

    A zone without such pairs has the mode of its pair with itself, and without any pair none. Reasons (sentences) say
    why the effective mode is none, or another than was chosen for the zone, and which networks and devices are missing.
    """
    decided = []
    common, of_zone = config.globals.mode or Mode.NONE, _by_zone(pairs)
    for name, (mode, faults) in zone_modes(config).items():
        found, own = topology.zones[name], deciding_pairs(name, of_zone.get(name, ()))
        effective = max((pair.effective for pair in own), default=Mode.NONE)
        reasons = [*faults, *found.reasons]
        if not found.l3:
            reasons.append(no_device_reason(found))
        elif not own:
            reasons.append(ReasonCode.NOT_PERMITTED(zone=name))
        elif not faults:
            reasons += _slower(name, mode, effective, own) or _faster(mode, effective, own)
        chosen = mode is not None
        decided.append(ZoneDecision(name, mode or common, effective, found.l3, _unique(reasons), chosen))
    return tuple(decided)


# `mode`: chosen for the zone; None: no mode was, so it is compared with what its pairs request.
def _slower(name: str, mode: Mode | None, effective: Mode, own: list[PairDecision]) -> list[Reason]:
    if mode is Mode.NONE:
        return [ReasonCode.MODE_NONE(zone=name)] if effective is Mode.NONE else []
    wanted = mode or max(pair.mode for pair in own)
    if wanted is not Mode.NONE and not effective < wanted:
        return []
    found = _reasons_of(pair for pair in own if pair.mode is wanted) or _reasons_of(own)
    return _chosen(found, [name]) or [ReasonCode.PAIRS_LOWER(mode=effective.value)]


# Only a pair section can make a zone faster than the mode chosen for it.
def _faster(mode: Mode | None, effective: Mode, own: list[PairDecision]) -> list[Reason]:
    if mode is None or not mode < effective:
        return []
    pairs = ", ".join(f"{pair.src} > {pair.dest}" for pair in own if pair.effective is effective)
    return [ReasonCode.PAIRS_HIGHER(pairs=pairs, mode=effective.value)]


# Without MODE_UNSET (no mode was chosen); if that is the only Reason, it names all `zones` instead. Beside it that mode
# none was chosen for another zone is not why this one is slow.
def _chosen(reasons: list[Reason], zones: Collection[str]) -> list[Reason]:
    made = [reason for reason in reasons if reason.code is not ReasonCode.MODE_UNSET]
    if len(made) < len(reasons):
        own = [ReasonCode.MODE_NONE(zone=zone) for zone in zones]
        made = [reason for reason in made if reason.code is not ReasonCode.MODE_NONE or reason in own]
    return made or [mode_unset(zones)] if reasons else []


def no_device_reason(zone: ZoneDevices) -> Reason:
    """The Reason (a sentence for the user) why a zone has no device.

    It has only subnets, only excludes devices, or has none now for another reason.
    """
    if zone.subnets:
        return ReasonCode.ZONE_OF_SUBNETS(zone=zone.name)
    return (ReasonCode.ZONE_INVERTED if zone.inverted else ReasonCode.ZONE_WITHOUT_DEVICES)(zone=zone.name)


def devices(
    config: Config, topology: Topology, snapshot: Snapshot, pairs: Pairs, tables: tuple[Table, ...]
) -> tuple[DeviceDecision, ...]:
    """Decide about each device of a zone, then each other one of option `device`: which flowtables list it, and why.

    Devices that do not exist are among them. A decision has Reasons (sentences) if no flowtable lists the device, or
    only that of software although a pair of its zones requests hardware. `stations`, a number of hosts, is 0 (not
    counted yet) for ports of a bridge where a host's port decides between hardware and software, else None.
    """
    links = {link.name: link for link in snapshot.links}
    hardware = {device for table in tables if table.hardware for device in table.devices}
    full = any(len(table.devices) == MOST_DEVICES for table in tables)
    given_up = {each.device: each.flows for each in snapshot.given_up}
    deciding, of_zone = _deciding_ports(topology, pairs), _by_zone(pairs)
    decided = []
    for name, owners in _owners(config, topology).items():
        own = [pair for zone in owners for pair in of_zone.get(zone, ())]
        asked = any(pair.hardware for pair in own)
        listed = tuple(table.flowtable for table in tables if name in table.devices)
        # left out below one zone, but listed for another: only a Reason about hardware may remain
        reasons = [] if listed else list(_left_out(name, owners, config, topology, links))
        slower = not listed or (asked and name not in hardware)
        if slower and asked and name in given_up:
            reasons.append(ReasonCode.HARDWARE_GIVEN_UP(count=given_up[name]))
        elif slower and asked:
            reasons += _not_in_hardware(name, [topology.zones[zone] for zone in owners], links, hardware)
        if not listed and not reasons and full and any(pair.effective is not Mode.NONE for pair in own):
            reasons = [ReasonCode.FLOWTABLE_FULL(most=MOST_DEVICES)]
        if slower and not reasons:
            reasons = _reasons_of(pair for pair in own if pair.effective < pair.mode) or _reasons_of(own)
            reasons = (
                _chosen(reasons, owners)
                or [ReasonCode.NOT_PERMITTED(zone=zone) for zone in owners]
                or [ReasonCode.NO_FLOWTABLE()]
            )
        stations = 0 if name in deciding else None
        decided.append(DeviceDecision(name, owners, listed, asked, _unique(reasons), stations))
    return tuple(decided)


# on bridges that hardware covers in part a host's port decides between hardware and software
def _deciding_ports(topology: Topology, pairs: Pairs) -> set[str]:
    devices = {device for pair in pairs if pair.stations for device in pair.stations.devices}
    return {
        leaf
        for zone in topology.zones.values()
        for device in devices.intersection(zone.l3)
        for leaf in zone.leaves_of(device)
    }


def _not_in_hardware(
    name: str, zones: Iterable[ZoneDevices], links: Mapping[str, Link], hardware: set[str]
) -> Iterator[Reason]:
    for zone in zones:
        for device in zone.l3:
            leaves = zone.leaves_of(device)
            if name in leaves and name in links and not links[name].hw_tc_offload:
                yield ReasonCode.NO_HW_TC_OFFLOAD()
            elif name in leaves and name in links and not links[name].hw_bind:
                yield ReasonCode.HARDWARE_UNBOUND()
            elif name not in leaves and name in zone.group(device) and (covered := hardware.intersection(leaves)):
                yield ReasonCode.HARDWARE_BENEATH(devices=", ".join(sorted(covered)))


# also of devices that no flowtable lists; those of option `device` may have no zone
def _owners(config: Config, topology: Topology) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for zone, devices in topology.zones.items():
        for name in (*devices.listed, *(name for name, _ in devices.left_out)):
            found.setdefault(name, {})[zone] = None
    for name in config.globals.devices:
        found.setdefault(name, {})
    return {name: tuple(zones) for name, zones in found.items()}


def _left_out(
    name: str, owners: Iterable[str], config: Config, topology: Topology, links: Mapping[str, Link]
) -> Iterator[Reason]:
    if name in config.globals.exclude_devices:
        yield ReasonCode.EXCLUDED_BY_USER()
    for zone in owners:
        yield from (reason for device, reason in topology.zones[zone].left_out if device == name)
    if name in config.globals.devices and name not in links:
        yield ReasonCode.LINK_MISSING(device=name)
    if name == "lo" or not DEVICE_NAME.fullmatch(name):
        yield ReasonCode.LOOPBACK(device=name) if name == "lo" else ReasonCode.ODD_NAME()


def _by_zone(pairs: Pairs) -> dict[str, list[PairDecision]]:
    found: dict[str, list[PairDecision]] = {}
    for pair in pairs:
        for zone in {pair.src, pair.dest}:
            found.setdefault(zone, []).append(pair)
    return found


def _reasons_of(pairs: Iterable[PairDecision]) -> list[Reason]:
    return [reason for pair in pairs for reason in pair.reasons]


def _unique(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))
