"""Read what offload needs of /etc/config/firewall: zones, permitted traffic between them, rules that set marks."""

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

from offload.config.choices.offload_reading import Reading, read
from offload.config.choices.options import FALSE
from offload.config.fw4.options import fw4_values
from offload.config.fw4.options.firewall_tables import TABLES
from offload.config.fw4.sections.loader import Loader
from offload.config.mark_rules import FAMILIES, mark_rule, set_families
from offload.model.config import MarkRule, Permission, Policy, Zone
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.firewall import Redirect, Rule
from offload.model.sections.match import EVERY_ADDRESS, Address, Item, Match
from offload.model.sections.section import Section
from offload.model.text.addresses import written
from offload.model.text.networks import as_networks
from offload.model.text.similar import did_you_mean
from offload.nouns import dataclass, replace

Sections = tuple[Section, ...]

SKIPPED = {
    "defaults": "the option is taken as not set",
    "zone": "the zone does not count, and its devices stay on the slow path",
    "forwarding": "the forwarding does not count",
}
WITHOUT = "the zone goes without it"
# The options of these sections that planning needs; faults of others, except `device`, are not reported.
NEEDED = {
    "defaults": frozenset({"forward", "flow_offloading", "flow_offloading_hw"}),
    "zone": frozenset({"enabled", "name", "family", "forward", "masq", "masq6"}),
    "forwarding": frozenset({"enabled", "family", "src", "dest"}),
}
UNREAD = ("ipset", "mark", "dscp", "limit", "helper")
TRANSLATED = frozenset({"any", "tcp", "udp", "0"})  # protocols that are offloaded with NAT too, as rules have them
OFFLOADABLE = TRANSLATED | {"47"}  # GRE is offloaded without NAT


@dataclass(frozen=True, slots=True)
class Firewall:
    """What offload needs of /etc/config/firewall, as typed values, with the Problems found there."""

    zones: tuple[Zone, ...]  # in the order of the file
    disabled: frozenset[str]  # names of zones with `enabled 0`, without those that an enabled zone has too
    permissions: tuple[Permission, ...]  # forwardings, redirects and rules that let traffic pass between zones
    mark_rules: tuple[MarkRule, ...]  # rules that set marks or DSCP on forwarded traffic
    # for each rule that drops or rejects forwarded TCP or UDP by options that a conntrack entry does not show, or that
    # are faulty: (its name, these options)
    unread: tuple[tuple[str, tuple[str, ...]], ...]
    forward: Policy  # policy of the forward chain
    fw4_offloads: bool  # option flow_offloading is on
    # faults in what offload needs of defaults, zones and forwardings; of rules and redirects only in `proto`
    problems: tuple[Problem, ...]


def load(sections: Sections) -> Firewall:
    """Read the sections of /etc/config/firewall as fw4 does (fw4.uc, parse_options), as far as offload needs them.

    A zone or forwarding is ignored if an option that offload needs (NEEDED) has a bad value, or is required and
    missing; `defaults` lose the value. Without `defaults` the forward policy is drop. Problems of rules and redirects:
    only several protocols in one word (`tcp,udp`).
    """
    problems: list[Problem] = []
    defaults = next(_readings("defaults", sections, problems), None)
    forward = Policy(defaults.get("forward", "drop")) if defaults else Policy.DROP
    fw4_offloads = bool(defaults and defaults.get("flow_offloading", False))
    if defaults and fw4_offloads:
        problems.append(ProblemCode.FW4_OFFLOADS.at("firewall", defaults.section.id, "flow_offloading"))
    zones = _zones(_readings("zone", sections, problems), forward, problems)
    disabled = _disabled(sections) - zones.keys()
    forwardings = list(_forwardings(_readings("forwarding", sections, problems), zones, disabled, problems))
    problems += _bad_protocols(sections)
    loader, sets = Loader(), set_families(sections)
    rules = [each for each in loader.rules(sections) if _used_by_fw4(each, {each.src, each.dest}, zones)]
    redirects = [
        each
        for each in loader.redirects(sections)
        if _used_by_fw4(each, {each.src, each.dest, *each.reflection_zone}, zones)
    ]
    found = (mark_rule(each, sets) for each in rules)
    return Firewall(
        zones=tuple(zones.values()),
        disabled=disabled,
        permissions=(
            *forwardings,
            *(each for rule in rules for each in _of_rule(rule)),
            *(each for redirect in redirects for each in _of_redirect(redirect, zones)),
        ),
        mark_rules=tuple(each for each in found if each),
        unread=tuple(_unread(loader.rules(sections))),
        forward=forward,
        fw4_offloads=fw4_offloads,
        problems=tuple(problems),
    )


def _readings(kind: str, sections: Sections, problems: list[Problem]) -> Iterator[Reading]:
    # Without sections that are disabled, or that fw4 ignores for a fault; `defaults` are neither. Only options that
    # planning needs are read, though each reading has its whole section.
    for section in sections:
        if section.type != kind or (kind != "defaults" and section.options.get("enabled") in FALSE):
            continue
        needed = {option: given for option, given in section.options.items() if option in NEEDED[kind]}
        reading = read(replace(section, options=needed), TABLES[kind], SKIPPED[kind], ignored=True)
        problems.extend(reading.problems)
        if kind == "defaults" or not reading.bad:
            yield replace(reading, section=section)


def _zones(readings: Iterable[Reading], forward: Policy, problems: list[Problem]) -> dict[str, Zone]:
    # Of zones with the same name the first counts.
    zones: dict[str, Zone] = {}
    for reading in readings:
        name = reading.get("name")
        if name in zones:
            problems.append(ProblemCode.DUPLICATE_ZONE.at("firewall", reading.section.id, "name", value=name))
        else:
            zones[name] = _zone(reading, forward, _devices(reading.section, problems))
    return zones


def _disabled(sections: Iterable[Section]) -> frozenset[str]:
    # the names, whatever else is wrong with these zones
    zones = (section.options for section in sections if section.type == "zone")
    names = (zone.get("name") for zone in zones if zone.get("enabled") in FALSE)
    return frozenset(name for name in names if isinstance(name, str))


def _devices(section: Section, problems: list[Problem]) -> tuple[Item, ...]:
    # fw4 accepts names that no device can have
    found = []
    for word in _words(section, "device"):
        item = fw4_values.device(word)
        if item is None:
            words = {"value": word, "consequence": WITHOUT}
            problems.append(ProblemCode.BAD_DEVICE.at("firewall", section.id, "device", **words))
        else:
            found.append(item)
    return tuple(found)


def _zone(reading: Reading, forward: Policy, devices: tuple[Item, ...]) -> Zone:
    # Networks may have any name: netifd knows which of them exist.
    names = _words(reading.section, "network")
    plain = tuple(name for name in names if not name.startswith("!") and name not in {"+", "*"})
    named = tuple(item for item in devices if not item.negated and item.text != "+")
    return Zone(
        name=reading.get("name"),
        section=reading.section.id,
        networks=plain,
        devices=tuple(f"{item.text[:-1]}*" if item.text.endswith("+") else item.text for item in named),
        subnets=_subnets(_words(reading.section, "subnet")),
        inverted=len(plain) + len(named) < len(names) + len(devices),
        family=FAMILIES[reading.get("family", 0)],
        masq=reading.get("masq", False) or reading.get("masq6", False),
        forward=Policy(reading.get("forward", forward.value)),
    )


def _words(section: Section, option: str) -> tuple[str, ...]:
    given = section.options.get(option, ())
    return tuple(given.split() if isinstance(given, str) else given)


def _subnets(words: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    # all addresses if a word is no network (`!`, a range, a name): the zone may then be any of them
    found = [fw4_values.network(word) for word in words]
    known = [each for each in found if isinstance(each, Address)]
    subnets = as_networks(known) if len(known) == len(words) else None
    return (as_networks(EVERY_ADDRESS.values()) or ()) if subnets is None else subnets


def _forwardings(
    readings: Iterable[Reading], zones: dict[str, Zone], disabled: frozenset[str], problems: list[Problem]
) -> Iterator[Permission]:
    # an unknown zone is a Problem, a disabled one is not
    for reading in readings:
        ends = {option: reading.get(option) for option in ("src", "dest")}
        absent = {option: name for option, name in ends.items() if name not in {"*", *zones}}
        for option, name in absent.items():
            if name not in disabled:
                words = {"value": name, "hint": did_you_mean(name, zones), "consequence": SKIPPED["forwarding"]}
                problems.append(ProblemCode.UNKNOWN_ZONE.at("firewall", reading.section.id, option, **words))
        if not absent:
            yield Permission(ends["src"], ends["dest"], reading.section.id)


def _bad_protocols(sections: Sections) -> Iterator[Problem]:
    # `tcp,udp`: fw4 writes it unchecked, and nft then refuses everything
    for kind in ("rule", "redirect"):
        for section in sections:
            if section.type == kind and section.options.get("enabled") not in FALSE:
                for word in _words(section, "proto"):
                    if "," in word:
                        yield ProblemCode.PROTOCOLS_IN_ONE_WORD.at("firewall", section.id, "proto", value=word)


def _used_by_fw4(section: Rule | Redirect, named: set[str], zones: dict[str, Zone]) -> bool:
    # its conditions can be read, and each of `named` is a zone, `*` or empty
    return not section.lost and named <= {"", "*", *zones}


def _of_rule(rule: Rule) -> Iterator[Permission]:
    if rule.target == "accept" and _names(rule.match, OFFLOADABLE) and rule.src and rule.dest:
        yield Permission(rule.src, rule.dest, rule.origin.id)


def _of_redirect(redirect: Redirect, zones: dict[str, Zone]) -> Iterator[Permission]:
    # With reflection, if src is masqueraded, also from inside: the zones of reflection_zone, else dest. Without dest_ip
    # it leads to the router itself. Without dest fw4 takes the zone whose network has dest_ip.
    src, dest, to = redirect.src, redirect.dest, redirect.dest_ip
    if redirect.target != "dnat" or not _names(redirect.match, TRANSLATED) or src not in zones or to is None:
        return
    address = written(to.family, to.value) if isinstance(to, Address) else to.name
    found = "" if dest else address
    yield Permission(src, dest, redirect.origin.id, dest_ip=found)
    if redirect.reflection and zones[src].masq:
        for beside in redirect.reflection_zone or (dest,):
            yield Permission(beside, dest, redirect.origin.id, dest_ip=found)


def _unread(rules: Iterable[Rule]) -> Iterator[tuple[str, tuple[str, ...]]]:
    # (name, options) of each rule that refuses forwarded traffic by options that are faulty or not in conntrack
    for rule in rules:
        found = (*(name for name in UNREAD if getattr(rule.match, name)), *rule.lost)
        if found and rule.src and rule.dest and rule.target in {"drop", "reject"} and _names(rule.match, TRANSLATED):
            yield rule.name, found


def _names(match: Match, protocols: Collection[str]) -> bool:
    # A rule for ESP or ICMP makes no pair. fw4 ignores `!`, offload-firewall does not, so a rule with it may match all
    # other protocols.
    return any(item.negated or item.text in protocols for item in match.proto)
