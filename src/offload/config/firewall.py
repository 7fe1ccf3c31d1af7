"""/etc/config/firewall -> zones and what is permitted between them, as far as planning needs it.

The sections are fw4's, so faults are taken as fw4 takes them: a section with a bad value does not count, an unknown
option only earns a warning (fw4.uc, parse_options).
"""

from collections.abc import Iterable, Iterator
from functools import partial
from ipaddress import IPv4Network, IPv6Network

from offload.config import options
from offload.config.mark_rules import EVERY_ADDRESS, marking, set_families
from offload.config.options import Bad
from offload.config.schema import DEFAULTS, FIREWALL_ZONE, FORWARDING, REDIRECT, RULE, Reading, Table, read
from offload.model.config import Family, Marking, Permission, Policy, Section, Zone
from offload.model.problem import Problem, ProblemCode
from offload.model.similar import did_you_mean
from offload.nouns import dataclass

Sections = tuple[Section, ...]

SKIPPED = {
    "defaults": "the option is taken as not set",
    "zone": "the zone does not count, and its devices stay on the slow path",
    "forwarding": "the forwarding does not count",
}
HARMLESS = frozenset({"device"})  # fw4 takes names that no device can have
# fw4's words for protocols that can be offloaded; `!` is parsed and then ignored there
OFFLOADABLE = {"all", "any", "*", "tcpudp", "tcp", "udp", "6", "17", "0"}


@dataclass(frozen=True, slots=True)
class Firewall:
    """The firewall's part of the Config."""

    zones: tuple[Zone, ...]
    disabled: frozenset[str]  # zones with `enabled 0`: for fw4 they are not there
    permissions: tuple[Permission, ...]
    markings: tuple[Marking, ...]
    forward: Policy
    fw4_offloads: bool
    problems: tuple[Problem, ...]


def load(sections: Sections) -> Firewall:
    """Read zones first, then everything that names them.

    A rule or redirect that fw4 skips permits and marks nothing, so what is wrong with it is none of our business.
    """
    problems: list[Problem] = []
    readings = partial(_readings, sections, problems)
    defaults = next(readings("defaults", DEFAULTS), None)
    forward = defaults.get("forward", Policy.DROP) if defaults else Policy.DROP
    fw4_offloads = bool(defaults and defaults.get("flow_offloading", False))
    if defaults and fw4_offloads:
        problems.append(ProblemCode.FW4_OFFLOADS.at("firewall", defaults.section.id, "flow_offloading"))

    zones = _zones(readings("zone", FIREWALL_ZONE), forward, problems)
    disabled = _disabled(sections) - zones.keys()
    permissions: list[Permission] = []
    marked: list[Marking] = []
    sets = set_families(sections)
    for kind, table, permit in _PERMITTING:
        for reading in readings(kind, table):
            absent = _absent_zones(reading, zones)
            if kind in SKIPPED:
                problems.extend(_unknown_zones(reading, absent - disabled, zones))
            if not absent:
                permissions.extend(permit(reading, zones))
                found = marking(reading, sets) if kind == "rule" else None
                marked.extend([found] if found else [])
    return Firewall(
        zones=tuple(zones.values()),
        disabled=disabled,
        permissions=tuple(permissions),
        markings=tuple(marked),
        forward=forward,
        fw4_offloads=fw4_offloads,
        problems=tuple(problems),
    )


def _readings(sections: Sections, problems: list[Problem], kind: str, table: Table) -> Iterator[Reading]:
    """The sections of a type as fw4 takes them; those that are switched off, or skipped for a fault, are not there."""
    for section in sections:
        if section.type != kind or (kind != "defaults" and section.options.get("enabled") in options.FALSE):
            continue
        reading = read(section, table, SKIPPED.get(kind, ""), ignored=True)
        problems.extend(reading.problems if kind in SKIPPED else _unloadable(section))
        if kind == "defaults" or not reading.bad - HARMLESS:
            yield reading


def _at(reading: Reading, option: str, fault: ProblemCode, **words: object) -> Problem:
    return fault.at("firewall", reading.section.id, option, **words)


def _zones(readings: Iterable[Reading], forward: Policy, problems: list[Problem]) -> dict[str, Zone]:
    """The zones by name; of two with one name the first, and a Problem."""
    zones: dict[str, Zone] = {}
    for reading in readings:
        if reading.get("name") in zones:
            problems.append(_at(reading, "name", ProblemCode.DUPLICATE_ZONE, value=reading.get("name")))
        else:
            zones[reading.get("name")] = _zone(reading, forward)
    return zones


def _disabled(sections: Iterable[Section]) -> frozenset[str]:
    """The names of zones that are switched off, whatever else is wrong with them."""
    zones = (section.options for section in sections if section.type == "zone")
    names = (zone.get("name") for zone in zones if zone.get("enabled") in options.FALSE)
    return frozenset(name for name in names if isinstance(name, str))


def _zone(reading: Reading, forward: Policy) -> Zone:
    networks, devices = reading.get("network", ()), reading.get("device", ())
    plain = [name for name in (*networks, *devices) if not name.startswith("!") and name not in {"+", "*"}]
    return Zone(
        name=reading.get("name"),
        section=reading.section.id,
        networks=tuple(name for name in networks if name in plain),
        devices=tuple(name for name in devices if name in plain),
        subnets=_subnets(reading.get("subnet", ())),
        inverted=len(plain) < len(networks) + len(devices),
        family=reading.get("family", Family.ANY),
        masq=reading.get("masq", False) or reading.get("masq6", False),
        forward=reading.get("forward", forward),
    )


def _subnets(words: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks; what fw4 reads and we do not (`!`, a range, the name of a network) may mean any address."""
    networks = tuple(each for word in words if not isinstance(each := options.network(word), Bad))
    return networks if len(networks) == len(words) else tuple(EVERY_ADDRESS.values())


def _absent_zones(reading: Reading, zones: dict[str, Zone]) -> set[str]:
    """The zones that the section names and fw4 does not have: it skips the section then."""
    named = [reading.get("src"), reading.get("dest"), *reading.get("reflection_zone", ())]
    return {name for name in named if name not in {None, "*", *zones}}


def _unknown_zones(reading: Reading, absent: set[str], zones: dict[str, Zone]) -> Iterator[Problem]:
    """A Problem for each end of a forwarding that does not exist."""
    for option in ("src", "dest"):
        if (name := reading.get(option)) in absent:
            words = {"value": name, "hint": did_you_mean(name, zones), "consequence": SKIPPED[reading.section.type]}
            yield _at(reading, option, ProblemCode.UNKNOWN_ZONE, **words)


def _unloadable(section: Section) -> Iterator[Problem]:
    """A protocol that fw4 passes on as it is, and for which nft refuses the whole firewall."""
    given = section.options.get("proto", ())
    for word in given.split() if isinstance(given, str) else given:
        if "," in word:
            yield ProblemCode.PROTOCOLS_IN_ONE_WORD.at("firewall", section.id, "proto", value=word)


def _forwarding(reading: Reading, _zones: dict[str, Zone]) -> Iterator[Permission]:
    yield Permission(reading.get("src"), reading.get("dest"), reading.section.id)


def _rule(reading: Reading, _zones: dict[str, Zone]) -> Iterator[Permission]:
    """A rule with both ends is a rule of the forward chain; with one end it concerns the router itself."""
    if reading.get("target") == "accept" and _offloadable(reading) and reading.get("src") and reading.get("dest"):
        yield Permission(reading.get("src"), reading.get("dest"), reading.section.id)


def _redirect(reading: Reading, zones: dict[str, Zone]) -> Iterator[Permission]:
    """A port forward permits src to dest, and with reflection the hosts beside its destination too.

    Without dest_ip it leads to the router itself; without dest fw4 takes the zone whose network holds dest_ip.
    """
    src, dest, dest_ip = (reading.get(option, "") for option in ("src", "dest", "dest_ip"))
    if reading.get("target", "dnat") != "dnat" or not _offloadable(reading) or src not in zones or not dest_ip:
        return
    yield Permission(src, dest, reading.section.id, dest_ip="" if dest else dest_ip)
    if dest and reading.get("reflection", True) and zones[src].masq:
        for beside in reading.get("reflection_zone", (dest,)):
            yield Permission(beside, dest, reading.section.id)


def _offloadable(reading: Reading) -> bool:
    """Only TCP and UDP can be offloaded: a rule for ESP or ICMP opens no pair."""
    words = reading.get("proto", ("tcpudp",))
    return any(word.removeprefix("!").lower() in OFFLOADABLE for word in words)


_PERMITTING = (("forwarding", FORWARDING, _forwarding), ("rule", RULE, _rule), ("redirect", REDIRECT, _redirect))
