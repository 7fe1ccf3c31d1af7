"""Which pairs of zones exist, and what the user requests for each. Pure.

A pair exists if the firewall permits forwarding: by a forwarding, an accepting rule, a port forward, within a zone
whose own forward is ACCEPT, and between all zones with forward ACCEPT in `config defaults`. A pair with a section of
its own exists too, because UPnP, procd or rules in nft may permit its traffic. A pair permits no traffic by itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_interface
from itertools import permutations

from offload.compiler.devices import Topology
from offload.compiler.offload.exempts.coverage import reasons_for_all
from offload.model.config import Config, Family, Mode, PairChoice, Policy, ZoneChoice
from offload.model.network import Snapshot
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.topology import ZoneDevices
from offload.nouns import dataclass

Pair = tuple[str, str]
MODES = list(Mode)  # slowest first


@dataclass(frozen=True, slots=True)
class PairRequest:
    """The mode and policy requested for a pair of zones, before devices are considered, with Reasons (sentences).

    A pair is connections from zone `src` to zone `dest`. A slow pair is not offloaded.
    """

    src: str  # zone of the original direction
    dest: str  # zone that connections lead to
    chosen: Mode  # by the user: for the pair, else the lower one of its zones, else that of globals
    mode: Mode  # `chosen`, or lower: a fault or an exempt keeps the pair slow, or hardware took none of its flows
    family: Family  # to be offloaded
    after_packets: int  # packets of the original direction before offload
    # why `mode` is none or below a zone's choice, or hardware is not requested for a family
    reasons: tuple[Reason, ...]
    hardware_family: Family = Family.ANY  # that hardware is requested for
    possible: Family = Family.ANY  # that packets of the pair can have, by option family of its two firewall zones


def existing(config: Config, topology: Topology, snapshot: Snapshot) -> list[Pair]:
    """The pairs of zones (src, dest) that the firewall permits, and those with a section of their own.

    Such a section is a valid `config pair` without `*`. The pairs are in the order of the firewall's zones.
    """
    names = [zone.name for zone in config.zones]
    chosen = {(choice.src, choice.dest) for choice in config.pair_choices if not choice.faulty and not choice.stars}
    found = permitted(config, topology, snapshot) | chosen
    return sorted(found, key=lambda pair: (names.index(pair[0]), names.index(pair[1])))


def permitted(config: Config, topology: Topology, snapshot: Snapshot) -> set[Pair]:
    """The pairs of zones (src, dest), also (a, a), between which the firewall's configuration permits some traffic.

    `topology`, `snapshot`: for a port forward without a destination zone they give the zone of its host. Rules that
    refuse are not considered.
    """
    names = [zone.name for zone in config.zones]
    # packets that no zone's chain decides get the base chain's policy; within a zone they get the zone's own
    found: set[Pair] = set(permutations(names, 2)) if config.forward is Policy.ACCEPT else set()
    for permission in config.permissions:
        dest = permission.dest or _zone_at(permission.dest_ip, topology, snapshot)
        if dest is None:
            continue
        sources = names if permission.src == "*" else [permission.src or dest]
        dests = names if dest == "*" else [dest]
        found |= {(each, other) for each in sources for other in dests}
    for zone in config.zones:
        if zone.forward is Policy.ACCEPT:  # the option is fw4's policy between devices of one zone, and nothing else
            found.add((zone.name, zone.name))
    return found


# fw4 too takes the first zone that has one of the addresses in a network of its own, or in option subnet
def _zone_at(dest_ip: str, topology: Topology, snapshot: Snapshot) -> str | None:
    wanted = _hosts(dest_ip, snapshot)
    devices = {known.device for known in snapshot.addresses if any(each in known.address.network for each in wanted)}
    zones = topology.zones.values()
    return next((zone.name for zone in zones if devices & set(zone.l3) or _has_subnet_of(zone, wanted)), None)


# `dest_ip`: an address, maybe with a prefix length, or the name of a network, which stands for the router's own there
def _hosts(dest_ip: str, snapshot: Snapshot) -> list[IPv4Address | IPv6Address]:
    try:
        return [ip_interface(dest_ip).ip]
    except ValueError:
        own = {network.l3_device for network in snapshot.networks if network.name == dest_ip}
        return [known.address.ip for known in snapshot.addresses if known.device in own]


# A subnet that cannot be read is every address (config/firewall.py), which tells nothing here.
def _has_subnet_of(zone: ZoneDevices, hosts: Iterable[IPv4Address | IPv6Address]) -> bool:
    return any(host in subnet for subnet in zone.subnets if subnet.prefixlen for host in hosts)


def pair_requests(config: Config, pairs: Iterable[Pair]) -> list[PairRequest]:
    """The request of the configuration (mode, family, ...) for each of these pairs of zones, in their order."""
    choices = Choices.of(config)
    return [choices.request(src, dest) for src, dest in pairs]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose for zones and pairs of zones, from which the request for each pair is made."""

    config: Config
    families: Mapping[str, Family]  # that the firewall gives its zones

    @classmethod
    def of(cls, config: Config) -> "Choices":
        """Make the Choices of a Config. `families` has option `family` of the firewall's zones."""
        return cls(config, {zone.name: zone.family for zone in config.zones})

    def zone(self, name: str) -> ZoneChoice:
        """The choice for a zone: its own mode (None: unset); its own family and after_packets, or those of globals.

        after_packets: packets of a connection before it is offloaded. `faulty`: an option of the zone's section is
        invalid or unknown, or family or after_packets of globals is invalid and the zone has none of its own; a faulty
        zone stays slow (not offloaded).
        """
        common = self.config.globals
        named = {choice.name: choice for choice in self.config.zone_choices}
        own = named.get(name) or ZoneChoice(name, common.section)
        family = own.family or common.family
        after = common.after_packets if own.after_packets is None else own.after_packets
        if own.faulty or family is None or after is None:
            # an unreadable value makes the zone slow, whatever else was chosen
            section = own.section if own.faulty else common.section
            return ZoneChoice(name, section, own.mode, family or Family.ANY, after or 0, faulty=True)
        return ZoneChoice(name, own.section, own.mode, family, after)

    def request(self, src: str, dest: str) -> PairRequest:
        """The request for a pair of zones: the mode of its section, else the lower of its zones, else that of globals.

        A zone without a mode does not count. `after_packets` is the larger one of both zones, `family` what both have
        in common (by their options here and in the firewall), also if the pair has a section. `mode` is none, with
        Reasons, if a fault, or exempts and mark rules for all its traffic, keep the pair slow (not offloaded). `chosen`
        is the user's mode nevertheless, or none if the configuration cannot be read.
        """
        ends = [self.zone(name) for name in dict.fromkeys((src, dest))]
        chosen, reasons = self._chosen(src, dest, ends) if self.config.readable else (Mode.NONE, [])
        possible = family = Family.ANY
        for end in ends:
            possible = possible & self.families.get(end.name, Family.ANY)
            family = family & (end.family or Family.ANY)
        family = family & possible
        hindrances = list(self._hindrances(src, dest, ends, family))
        after = max(end.after_packets or 0 for end in ends)
        mode = Mode.NONE if hindrances else chosen
        return PairRequest(src, dest, chosen, mode, family, after, tuple(hindrances or reasons), possible=possible)

    # `ends`: the choices for its zones. Reasons only if the mode is none, or the lower one of its two zones.
    def _chosen(self, src: str, dest: str, ends: list[ZoneChoice]) -> tuple[Mode, list[Reason]]:
        if (own := self.own(src, dest)) is not None:
            return own.mode, [ReasonCode.PAIR_MODE_NONE(src=src, dest=dest)] if own.mode is Mode.NONE else []
        chosen = [(end.name, end.mode) for end in ends if end.mode is not None]
        if not chosen:
            mode = self.config.globals.mode or Mode.NONE
            return mode, [mode_unset(end.name for end in ends)] if mode is Mode.NONE else []
        mode = min(each for _, each in chosen)
        lowest = [name for name, each in chosen if each is mode]
        if mode is Mode.NONE:
            return mode, [ReasonCode.MODE_NONE(zone=name) for name in lowest]
        wanted = max(each for _, each in chosen).value
        lower = lowest if len(lowest) < len(chosen) else []
        return mode, [ReasonCode.LOWER_MODE(zone=name, mode=mode.value, wanted=wanted) for name in lower]

    def own(self, src: str, dest: str) -> PairChoice | None:
        """The PairChoice without a fault that means this pair, with the fewest `*`; of several the slowest; or None."""
        good = (choice for choice in self.config.pair_choices if not choice.faulty)
        meant = [choice for choice in good if choice.means(src, dest)]
        return min(meant, key=lambda choice: (choice.stars, MODES.index(choice.mode)), default=None)

    # what keeps the pair slow whatever its mode is
    def _hindrances(self, src: str, dest: str, ends: list[ZoneChoice], family: Family) -> Iterator[Reason]:
        if not self.config.readable:
            yield ReasonCode.CONFIG_UNREADABLE()
            return
        yield from self._faults(src, dest)
        yield from (ReasonCode.CONFIG_FAULT(section=self.config.title(end.section)) for end in ends if end.faulty)
        common = self.config.globals
        if common.mode is None and all(end.mode is None for end in ends) and self.own(src, dest) is None:
            yield ReasonCode.CONFIG_FAULT(section=self.config.title(common.section))
        yield from reasons_for_all(self.config, src, dest, family) if family is not Family.NEITHER else ()

    def _faults(self, src: str, dest: str) -> Iterator[Reason]:
        for choice in self.config.pair_choices:
            if choice.faulty and choice.means(src, dest):
                yield ReasonCode.CONFIG_FAULT(section=self.config.title(choice.section))
        for exempt in self.config.exempts:
            if exempt.faulty and exempt.src in {src, "*"} and exempt.dest in {dest, "*"}:
                yield ReasonCode.EXEMPT_FAULT(exempt=self.config.title(exempt.section, "exempt"))


def mode_unset(zones: Iterable[str]) -> Reason:
    """The Reason (a sentence for the user) that no mode was chosen for any of these zones.

    At least one zone must be given.
    """
    names = list(dict.fromkeys(zones))
    return ReasonCode.MODE_UNSET(zones=", ".join(names), zone=names[0])


def zone_modes(config: Config) -> dict[str, tuple[Mode | None, tuple[Reason, ...]]]:
    """{zone: (the mode chosen for the zone itself, Reasons why faults keep it slow)}; slow is not offloaded.

    The mode is None if the zone has no mode of its own. Reasons (sentences) are () without a fault. A fault is an
    option of the zone's section in /etc/config/offload that is invalid or unknown, or an invalid family or
    after_packets of globals that it needs. If a configuration file cannot be read at all, each zone has None and a
    Reason that says so.
    """
    if not config.readable:  # the choices are not known then
        return {zone.name: (None, (ReasonCode.CONFIG_UNREADABLE(),)) for zone in config.zones}
    choices = Choices.of(config)
    found = [choices.zone(zone.name) for zone in config.zones]
    return {
        choice.name: (
            choice.mode,
            (ReasonCode.CONFIG_FAULT(section=config.title(choice.section)),) if choice.faulty else (),
        )
        for choice in found
    }
