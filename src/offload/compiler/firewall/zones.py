"""The devices and addresses of zones. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from offload.compiler.firewall.matches.addresses import IPV4, IPV6, NO_ADDRESSES, Addresses, Split, groups
from offload.compiler.firewall.matches.expand import Expander
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Zone
from offload.model.sections.match import MASKED, NO_DEVICE, Item, Match

BOTH = "IPv4/IPv6"
SHOWN = {IPV4: "IPv4", IPV6: "IPv6"}


class ZonePart(NamedTuple):
    """The devices and subnets of a zone that one nft rule can match; a zone has none, one or several such parts.

    `family`: 4, 6, or 0 for both. Without `devices` or `subnets` that condition is left out.
    """

    family: int
    devices: tuple[Item, ...]
    subnets: Addresses

    @property
    def ingress(self) -> Match:
        """The match of packets that come in by these devices from these subnets."""
        return Match(self.family, iifname=self.devices, src_ip=self.subnets)

    @property
    def egress(self) -> Match:
        """The match of packets that leave by these devices to these subnets."""
        return Match(self.family, oifname=self.devices, dest_ip=self.subnets)

    @property
    def shown(self) -> str:
        """The family as fw4's comments name it: `IPv4`, `IPv6` or `IPv4/IPv6`."""
        return SHOWN.get(self.family, BOTH)


class FirewallZone(NamedTuple):
    """A zone of the firewall with the devices, networks and addresses that it has now."""

    zone: Zone  # the UCI section
    family: int | None  # 4 or 6; 0 or None for both
    policies: tuple[str, str, str]  # of input, output, forward, in this order
    parts: tuple[ZonePart, ...]  # the devices and subnets, one entry for each rule that they need
    # names, `wg+` as `wg*`; negated ones are left out, but `!+` (no device) becomes NO_DEVICE, a name that none has
    devices: tuple[str, ...]
    subnets: tuple[str, ...]  # those of `related` as nft text; negated ones and masks with gaps are left out
    own: Addresses  # the router's addresses in its networks, with prefix lengths; negated networks count too
    related: Addresses  # `own`, and the addresses of option subnet
    # the devices below the layer 3 devices of its networks (or these, if none is below); negated networks are left out
    physical: tuple[str, ...]
    masquerade: dict[int, tuple[Match, ...]]  # by family, matches of traffic to masquerade
    # first words of the optional chains that it gets, perhaps without a rule: accept_to, drop_from, helper, notrack,
    # dnat (chain dstnat_), snat (srcnat_), ...; the compiler adds words
    used_chains: set[str]

    @property
    def name(self) -> str:
        """The zone's name."""
        return self.zone.name

    @property
    def device_items(self) -> tuple[Item, ...]:
        """Its devices, without negated ones, as a condition of an nft match: any of them; (): it has none."""
        return tuple(Item(name) for name in self.devices)


def resolve(zone: Zone, policies: tuple[str, str, str], expander: Expander) -> FirewallZone | None:
    """The zone with the devices and addresses it has now; None, with a problem: its family contradicts its subnets.

    Devices that it names count also if they do not exist. It has no `parts` (no rule jumps to its chains for its
    packets) if it names nothing, if it names networks but no device, and none of them has one now, or if its subnets
    are only networks without an address. `policies`: for input, output and forward. `expander`: has netifd's networks,
    and collects the problems.
    """
    networks = _networks(zone, expander)
    known = [(item, expander.networks[item.text]) for item in networks if item.text in expander.networks]
    members = [Item(each.device, item.negated) for item, each in known if each.device]
    members += zone.device
    subnets = expander.addresses(zone.origin, "subnet", zone.subnet)
    family = zone.family
    if subnets is not None and subnets.family:
        if family and family != subnets.family:
            words = {"protocol": "any", "first": f"family ipv{family}", "second": "subnet"}
            expander.problems.append(FirewallFault.FAMILY_CONFLICT.at(zone.origin, **words))
            return None
        family = subnets.family
    missing = bool(
        any(not item.negated for item in (*networks, *zone.device)) and not any(not item.negated for item in members)
    )
    parts = () if missing or subnets is None else tuple(_parts(members, subnets, family))
    own = tuple(address for _, each in known for address in each.addresses)
    related = own + (subnets.v4 + subnets.v6 if subnets else ())
    return FirewallZone(
        zone=zone,
        family=family,
        policies=policies,
        parts=parts,
        devices=tuple(dict.fromkeys(_devices(members))),
        subnets=tuple(dict.fromkeys(each.text for each in related if not each.negated and each.bits != MASKED)),
        own=own,
        related=related,
        physical=tuple(each.physical for item, each in known if each.physical and not item.negated),
        masquerade=_masquerade(zone, expander),
        used_chains={"snat"} if zone.masq or zone.masq6 else set(),
    )


# of the section (maybe negated), and those that netifd adds to the zone
def _networks(zone: Zone, expander: Expander) -> list[Item]:
    return [*zone.network, *(Item(name) for name, each in expander.networks.items() if each.zone == zone.name)]


def device_parts(zone: Zone, expander: Expander) -> tuple[ZonePart, ...]:
    """The parts of a zone by its devices alone: without its subnets, and without devices that it excludes (`!`).

    A part has the devices that one nft rule can match. (): it names no device, and none of its networks has one now.
    """
    devices = (expander.networks[item.text].device for item in _networks(zone, expander) if _is_named(item, expander))
    members = [Item(name) for name in devices if name] + [item for item in zone.device if not item.negated]
    return tuple(_parts(members, NO_ADDRESSES, None))


def _is_named(item: Item, expander: Expander) -> bool:
    return not item.negated and item.text in expander.networks


# `wg+` is `wg*` for nft; `+` alone is every device, so it is no condition. Other negated names than `!+` are left out.
def _devices(members: Sequence[Item]) -> Iterator[str]:
    for item in members:
        stem, plus, rest = item.text.partition("+")
        if not rest and not (plus and not stem) and not item.negated:
            yield f"{stem}*" if plus else stem
        elif item.negated and item.text == "+":
            yield NO_DEVICE


# nft takes a wildcard only in a rule of its own; negated devices are in every group.
def _device_groups(members: Sequence[Item]) -> list[tuple[Item, ...]]:
    names = tuple(dict.fromkeys(_devices(members)))
    negated = tuple(
        Item(f"{item.text[:-1]}*" if item.text.endswith("+") else item.text, negated=True)
        for item in members
        if item.negated and "+" not in item.text[:-1] and item.text != "+"
    )
    plain = tuple(Item(name) for name in names if not name.endswith("*"))
    wild = [(Item(name), *negated) for name in names if name.endswith("*")]
    return [*wild, *([(*plain, *negated)] if plain or not wild else [])]


def _parts(members: Sequence[Item], subnets: Split, family: int | None) -> Iterator[ZonePart]:
    if not members and not subnets.v4 and not subnets.v6:
        return
    special = bool(family or subnets.v4 or subnets.v6)
    for devices in _device_groups(members):
        for each in ((family,) if family else (IPV4, IPV6)) if special else (0,):
            for addresses in groups(subnets.of(each)) if each else ((),):
                yield ZonePart(each, devices, addresses)


# {}, with a problem: masq_src or masq_dest is unreadable, or no packet can match it now
def _masquerade(zone: Zone, expander: Expander) -> dict[int, tuple[Match, ...]]:
    families = [family for family, wanted in ((IPV4, zone.masq), (IPV6, zone.masq6)) if wanted]
    unread = ", ".join(option for option in ("masq_src", "masq_dest") if option in zone.unread)
    if unread:
        expander.problems.append(FirewallFault.NO_MASQUERADE.at(zone.origin, options=unread))
        return {}
    src = expander.addresses(zone.origin, "masq_src", zone.masq_src)
    dest = expander.addresses(zone.origin, "masq_dest", zone.masq_dest)
    if src is None or dest is None:
        return {}
    return {
        family: tuple(
            Match(family, src_ip=saddr, dest_ip=daddr)
            for saddr in groups(src.of(family))
            for daddr in groups(dest.of(family))
        )
        for family in families
    }


def log_limit(zone: FirewallZone | None) -> str | None:
    """The name of the limit object for a zone's log lines; None: there is no zone, or it has no option log_limit."""
    return f"{zone.name}.log_limit" if zone is not None and zone.zone.log_limit else None
