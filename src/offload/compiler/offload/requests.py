"""Which pairs of zones exist, and what the user asked for each. Pure.

A pair exists where the firewall permits forwarding: by a forwarding, an accepting rule or a port forward, within a zone
that has several devices or forward ACCEPT, and between all zones with forward ACCEPT in `config defaults`. So does one
with a section of its own, for the firewall's configuration does not show what UPnP, procd or rules in nft let through.
`filter + 10` sees only what the firewall accepted: a pair that should not be here costs a map element, and widens
nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import permutations

from offload.compiler.devices import Topology
from offload.model.config import Config, Exempt, Family, Mode, Policy, ZoneChoice
from offload.model.network import Snapshot
from offload.model.plan import Reason, ReasonCode
from offload.model.problem import Problem, ProblemCode

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PairRequest:
    """What was asked for a pair, and what of it the configuration leaves (`mode`), with the reasons."""

    src: str
    dest: str
    asked: Mode
    mode: Mode
    family: Family
    after_packets: int
    reasons: tuple[Reason, ...]


def existing(config: Config, topology: Topology, snapshot: Snapshot) -> list[Pair]:
    """The pairs the firewall lets through and those with a section of their own, in the order of its zones."""
    names = [zone.name for zone in config.zones]
    chosen = {(choice.src, choice.dest) for choice in config.pair_choices if not choice.faulty}
    found = permitted(config, topology, snapshot) | chosen
    return sorted(found, key=lambda pair: (names.index(pair[0]), names.index(pair[1])))


def permitted(config: Config, topology: Topology, snapshot: Snapshot) -> set[Pair]:
    """Every pair the firewall lets through, as far as its configuration shows."""
    names = [zone.name for zone in config.zones]
    # what no zone's chain decides falls to the policy of the base chain; within a zone its own policy decides
    found: set[Pair] = set(permutations(names, 2)) if config.forward is Policy.ACCEPT else set()
    for permission in config.permissions:
        dest = permission.dest or _zone_at(permission.dest_ip, topology, snapshot)
        sources = names if permission.src == "*" else [permission.src]
        dests = names if dest == "*" else [dest]
        found |= {(each, other) for each in sources for other in dests if other is not None}
    for zone in config.zones:
        if zone.forward is Policy.ACCEPT or len(topology.zones[zone.name].l3) > 1:
            found.add((zone.name, zone.name))
    return found


def _zone_at(address: str, topology: Topology, snapshot: Snapshot) -> str | None:
    """The zone whose network holds the address, as fw4 assumes for a redirect without dest."""
    try:
        wanted = ip_address(address)
    except ValueError:
        return None
    devices = {known.device for known in snapshot.addresses if wanted in known.address.network}
    return next((zone.name for zone in topology.zones.values() if devices & set(zone.l3)), None)


def warnings(config: Config, topology: Topology, snapshot: Snapshot) -> list[Problem]:
    """A Problem for each good section of /etc/config/offload that means less, or more, than it seems to."""
    there = permitted(config, topology, snapshot)
    pairs = [
        ProblemCode.PAIR_NOT_PERMITTED.at("offload", choice.section, src=choice.src, dest=choice.dest)
        for choice in config.pair_choices
        if not choice.faulty and (choice.src, choice.dest) not in there
    ]
    exempts = [
        ProblemCode.EXEMPT_OF_EVERY_ZONE.at("offload", exempt.section, end, zone=name)
        for exempt in config.exempts
        for end, name in (("src", exempt.src), ("dest", exempt.dest))
        if not exempt.faulty and not exempt.everything and name in topology.zones and topology.zones[name].nowhere
    ]
    return pairs + exempts


def wishes(config: Config, pairs: Iterable[Pair]) -> list[PairRequest]:
    """What the user asked for each pair."""
    asked = _Asked(config)
    return [asked.wish(src, dest) for src, dest in pairs]


@dataclass(frozen=True, slots=True)
class _Asked:
    config: Config

    def zone(self, name: str) -> ZoneChoice:
        """The choice in force for a zone: its own section, completed from globals."""
        common = self.config.globals
        named = {choice.name: choice for choice in self.config.zone_choices}
        own = named.get(name) or named.get("*") or ZoneChoice(name, common.section)
        mode, family = own.mode or common.mode, own.family or common.family
        after = common.after_packets if own.after_packets is None else own.after_packets
        if own.faulty or mode is None or family is None or after is None:
            # what nobody may rely on makes the zone slow, whatever was asked
            section = own.section if own.faulty else common.section
            return ZoneChoice(name, section, mode or Mode.NONE, family or Family.ANY, after or 0, faulty=True)
        return ZoneChoice(name, own.section, mode, family, after)

    def wish(self, src: str, dest: str) -> PairRequest:
        """The pair's own section, else the lower mode, the larger wait and the common family of its two zones."""
        ends = [self.zone(name) for name in dict.fromkeys((src, dest))]
        asked, reasons = self._asked(src, dest, ends) if self.config.readable else (Mode.NONE, [])
        hindrances = list(self._hindrances(src, dest, ends))
        family = Family.ANY
        for end in ends:
            family = family & (end.family or Family.ANY)
        after = max(end.after_packets or 0 for end in ends)
        mode = Mode.NONE if hindrances else asked
        return PairRequest(src, dest, asked, mode, family, after, tuple(hindrances or reasons))

    def _asked(self, src: str, dest: str, ends: list[ZoneChoice]) -> tuple[Mode, list[Reason]]:
        for choice in self.config.pair_choices:
            if (choice.src, choice.dest) == (src, dest) and not choice.faulty:
                return choice.mode, [ReasonCode.PAIR_MODE_NONE()] if choice.mode is Mode.NONE else []
        mode = min(end.mode or Mode.NONE for end in ends)
        lowest = [end for end in ends if end.mode is mode]
        if mode is Mode.NONE:
            return mode, [ReasonCode.MODE_NONE(zone=end.name) for end in lowest]
        return mode, [
            ReasonCode.LOWER_MODE(zone=end.name, mode=mode.value) for end in lowest if len(lowest) < len(ends)
        ]

    def _hindrances(self, src: str, dest: str, ends: list[ZoneChoice]) -> Iterator[Reason]:
        """Why none of it is had, whatever was asked."""
        if not self.config.readable:
            yield ReasonCode.CONFIG_UNREADABLE()
            return
        yield from self._faults(src, dest)
        yield from (ReasonCode.CONFIG_FAULT(section=end.section) for end in ends if end.faulty)

    def _faults(self, src: str, dest: str) -> Iterator[Reason]:
        """Pair and exempt sections with a fault hold whatever pair they may have meant on the slow path.

        So does an exempt that names zones and nothing else: what every packet of a pair matches needs no match.
        """
        for choice in self.config.pair_choices:
            if choice.faulty and choice.src in {src, "*"} and choice.dest in {dest, "*"}:
                yield ReasonCode.CONFIG_FAULT(section=choice.section)
        for exempt in self.config.exempts:
            if exempt.src in {src, "*"} and exempt.dest in {dest, "*"}:
                if exempt.faulty:
                    yield ReasonCode.EXEMPT_FAULT(section=exempt.section)
                elif exempt.everything:
                    yield ReasonCode.EXEMPT(section=exempt.section)
        yield from (
            ReasonCode.MARKED(section=each.section) for each in marked(self.config, src, dest) if each.everything
        )


def marked(config: Config, src: str, dest: str) -> Iterator[Exempt]:
    """What rules of the firewall mark of a pair's packets."""
    yield from (each for each in config.markings if each.src in {src, "*"} and each.dest in {dest, "*"})


def zone_modes(config: Config) -> dict[str, tuple[Mode, tuple[Reason, ...]]]:
    """The mode asked for every zone, and why a faulty section counts as none."""
    if not config.readable:  # then nobody knows what was asked
        return {zone.name: (Mode.NONE, (ReasonCode.CONFIG_UNREADABLE(),)) for zone in config.zones}
    asked = _Asked(config)
    choices = [asked.zone(zone.name) for zone in config.zones]
    return {
        choice.name: (
            choice.mode or Mode.NONE,
            (ReasonCode.CONFIG_FAULT(section=choice.section),) if choice.faulty else (),
        )
        for choice in choices
    }
