"""Findings (of `offload check`) about traffic shapers: qdiscs, and configurations of shaping programs."""

from collections.abc import Iterator, Mapping

from offload.compiler.devices import resolve
from offload.compiler.offload.pairs.shapers import hooked, shapers
from offload.model.config import Config, Mode
from offload.model.network import Snapshot
from offload.model.plan import Element, Plan
from offload.model.problems.finding import Finding, FindingCode
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.sections.section import Section
from offload.model.topology import ZoneDevices, all_below, directly_below

TRUE = frozenset({"1", "on", "true", "yes"})
# By program: the section type that configures a shaper, its option for the device, and the one that enables it; empty:
# option `disabled` switches it off.
ASKING = {
    "sqm": ("queue", "interface", "enabled"),
    "qosify": ("interface", "name", ""),
    "qosmate": ("settings", "WAN", ""),
}
# nft-qos, whose tables have its name: options of `config default` that enable limits, in two releases
LIMITING = ("limit_enable", "limit_ip_enable", "limit_mac_enable")
PACKAGES = (*ASKING, "nft-qos")  # that are read


def of_shapers(
    config: Config, snapshot: Snapshot, plan: Plan, packages: Mapping[str, tuple[Section, ...]]
) -> Iterator[Finding]:
    """The Findings (sentences of `offload check`) about shapers that offloaded packets bypass, or that are missing.

    tc filters, and nft chains on hooks of a device, count as shapers. Bypassed: traffic in hardware passes the device
    (with `auto_software 0`); or the software flowtable lists a device below a bridge with a shaper, or below a device
    with a shaper at its ingress. A notice names a shaper because of which traffic is in software instead of hardware,
    or a device is left out of the flowtable. Missing: sqm, qosify or qosmate configure a shaper for a device that
    exists and has none; or nft-qos has limits, and no rule of it is in nft. `packages`: {UCI package: its sections}.
    """
    found = shapers(snapshot)
    zones = resolve(config, snapshot).zones if found else {}  # takes longer the more zones there are
    for device, shaper in sorted(found.items()):
        passing = _in_hardware(plan, zones, device)
        if passing and not config.globals.auto_software:
            src, dest = passing
            yield FindingCode.SHAPER(shaper=shaper, device=device, src=src, dest=dest)
        elif _concerned(plan, ReasonCode.SHAPED(device=device, shaper=shaper)):
            yield FindingCode.SHAPER.done(shaper=shaper, device=device)
    yield from _bypassed(snapshot, plan, zones)
    names = {each.name: each.l3_device or each.device for each in snapshot.networks}
    devices = {link.name for link in snapshot.links}
    for package, network in _asked(packages):
        device = names.get(network, network)
        if device in devices and device not in found:
            yield FindingCode.SHAPER_ABSENT(package=package, network=network, device=device)
    if _limits(packages) and not any("nft-qos" in rule.table for rule in snapshot.packet_rules):
        yield FindingCode.LIMITS_ABSENT(package="nft-qos")


# Below a device with a shaper these are asked for all the same: devices of a zone itself, and of option `device`. Only
# one on which packets arrive matters.
def _bypassed(snapshot: Snapshot, plan: Plan, zones: Mapping[str, ZoneDevices]) -> Iterator[Finding]:
    below = directly_below(snapshot)
    for table in plan.tables:
        ends = {end for each in table.elements for end in (each.iif, each.oif)}
        passed = {*ends, *all_below(ends, below)}
        arriving = {
            leaf for zone in zones.values() for each in zone.l3 if each in ends for leaf in zone.leaves_of(each)
        }
        for device, shaper in hooked(snapshot).items() if table.mode is Mode.SOFTWARE else ():
            lower = [name for name in all_below([device], below) if name in arriving] if device in passed else []
            left = [each for each in lower if _concerned(plan, _left_out(device, shaper, each))]
            if listed := [name for name in lower if name in table.devices]:
                yield FindingCode.SHAPER_BYPASSED(shaper=shaper, device=device, lower=", ".join(listed))
            elif left:
                yield FindingCode.SHAPER_BYPASSED.done(shaper=shaper, device=device, lower=", ".join(left))


def _left_out(device: str, shaper: str, lower: str) -> Reason:
    return ReasonCode.HOOKED_ABOVE(what=shaper, upper=device, device=lower)


# A pair of two different zones is preferred to a zone with itself, for the sentence.
def _in_hardware(plan: Plan, zones: Mapping[str, ZoneDevices], device: str) -> tuple[str, str] | None:
    elements = (each for table in plan.tables if table.mode is Mode.HARDWARE for each in table.elements)
    passing = [each.pair for each in elements if any(device in found for found in _passed_by(each, zones))]
    return min(passing, key=lambda pair: pair[0] == pair[1], default=None)


def _passed_by(each: Element, zones: Mapping[str, ZoneDevices]) -> Iterator[set[str]]:
    for zone, end in zip(each.pair, (each.iif, each.oif), strict=True):
        yield _passed(zones[zone], end)


# `end`: the device's name on the forward hook, which in a VRF is the VRF's.
def _passed(zone: ZoneDevices, end: str) -> set[str]:
    l3 = (each for each in zone.l3 if end in {each, zone.came_in(each)})
    return {device for each in l3 for device in zone.passed(each)}


def _concerned(plan: Plan, why: Reason) -> bool:
    return any(why in pair.reasons for pair in plan.pairs)


def _limits(packages: Mapping[str, tuple[Section, ...]]) -> bool:
    return any(section.options.get(option) in TRUE for section in packages.get("nft-qos", ()) for option in LIMITING)


# (package, network or device) for each shaper that is configured and not switched off
def _asked(packages: Mapping[str, tuple[Section, ...]]) -> Iterator[tuple[str, str]]:
    for package, (kind, option, switch) in ASKING.items():
        for section in packages.get(package, ()):
            name = section.options.get(option)
            on = section.options.get(switch) in TRUE if switch else section.options.get("disabled") not in TRUE
            if section.type == kind and on and isinstance(name, str) and not _is_off(packages[package]):
                yield package, name


# `config global` of qosmate switches the whole package off.
def _is_off(sections: tuple[Section, ...]) -> bool:
    return any(each.type == "global" and each.options.get("enabled", "1") not in TRUE for each in sections)
