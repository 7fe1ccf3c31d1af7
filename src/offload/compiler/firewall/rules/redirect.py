"""Compile `config redirect`: port forwards with reflection, and source rewrites. Pure."""

from collections.abc import Sequence

from offload.compiler.firewall.draft import Draft, Restriction
from offload.compiler.firewall.matches.addresses import IPV4, IPV6, Split, same_network
from offload.compiler.firewall.matches.expand import LeftOutError, common_family
from offload.compiler.firewall.matches.protocols import ANY, ICMPV6, PORTS, shown
from offload.compiler.firewall.rules.reflect import reflect
from offload.compiler.firewall.rules.translate import (
    FAMILIES,
    Proto,
    Translation,
    Writer,
    addresses_of,
    new_addresses,
    protocols,
    refuse_lost,
    report_conflict,
    report_several,
)
from offload.compiler.firewall.zones import FirewallZone, log_limit
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Redirect
from offload.model.sections.match import MASKED, Address, Item, Match, NetworkName

HAVE_PORTS = PORTS | {ANY}
Zones = tuple[FirewallZone | None, FirewallZone | None]


def redirect(draft: Draft, section: Redirect) -> None:
    """Add the rules of a `config redirect`: a port forward (target DNAT), or one that replaces source addresses (SNAT).

    A port forward may also get rules for hosts inside (`reflect`). If an address option names, without `!`, a network
    that has no address, or no protocol is left, a problem is added and no rule. LeftOutError, and the section is left
    out: the section names a zone, set or helper that does not exist, lacks a zone or address that its target needs, or
    has an option that cannot be read or used. Chains that the rules are in or may need are added to the zones'
    `used_chains`.
    """
    src = draft.zone(section.origin, "src", section.src)
    dest = draft.zone(section.origin, "dest", section.dest)
    reflected = [draft.zone(section.origin, "reflection_zone", name) for name in section.reflection_zone]
    refuse_lost(section)
    named = draft.expander.known_set(section.origin, section.match)
    if named is not None and named.ports and not any(item.text in HAVE_PORTS for item in section.match.proto):
        raise LeftOutError(FirewallFault.SET_NEEDS_PORTS.at(section.origin, "ipset", value=named.set.name))
    if section.match.helper is not None:
        draft.helper(section.origin, section.match.helper.text)
    if section.target == "snat":
        _source(draft, section, (src, _end(dest, section, FirewallFault.NO_DESTINATION)))
        return
    _check_rewrite(section, "dest_ip", section.dest_ip)
    _check_port(section, "dest_port", section.dest_port)
    zone = _end(src, section, FirewallFault.NO_SOURCE)
    _destination(draft, section, (zone, dest), [each for each in reflected if each is not None])


def _end(zone: FirewallZone | None, section: Redirect, fault: FirewallFault) -> FirewallZone:
    if zone is None:
        raise LeftOutError(fault.at(section.origin))
    return zone


def _check_rewrite(section: Redirect, option: str, given: Address | NetworkName | None) -> None:
    if given is not None and (given.negated or (isinstance(given, Address) and given.bits == MASKED)):
        raise LeftOutError(FirewallFault.BAD_REWRITE_ADDRESS.at(section.origin, option))


def _check_port(section: Redirect, option: str, given: Item | None) -> None:
    if given is not None and given.negated:
        raise LeftOutError(FirewallFault.BAD_REWRITE_PORT.at(section.origin, option))


# target snat
def _source(draft: Draft, section: Redirect, zones: Zones) -> None:
    match, (_, dest) = section.match, zones
    if section.src_dip is None:
        raise LeftOutError(FirewallFault.NO_REWRITE_ADDRESS.at(section.origin, option="src_dip"))
    _check_rewrite(section, "src_dip", section.src_dip)
    _check_port(section, "src_dport", section.src_dport)
    for option, given in (("src_mac", match.src_mac), ("helper", match.helper)):
        if given:
            raise LeftOutError(FirewallFault.NOT_FOR_TARGET.at(section.origin, option, target="snat"))
    found = addresses_of(
        draft, section, ("src_ip", _one(match)), ("dest_ip", section.dest_ip), ("src_dip", section.src_dip)
    )
    if found is None or dest is None:
        return
    src, dip, rewrite = found
    rewrite = new_addresses(section.src_dip, rewrite)
    dest.used_chains.add("snat")
    ports = (section.dest_port,) if section.dest_port is not None else ()
    each = Translation(
        f"srcnat_{dest.name}", "snat", match, src, dip, match.src_port, ports, rewrite, section.src_dport
    )
    report_several(draft, section.origin, "src_dip", rewrite)
    _write(draft, section, zones, each, dest, tuple(protocols(draft, section, each)))


# target dnat. `reflected`: zones whose hosts may use the port forward by the outer address; empty: hosts of dest.
def _destination(draft: Draft, section: Redirect, zones: Zones, reflected: Sequence[FirewallZone]) -> None:
    match, (src, dest) = section.match, zones
    found = addresses_of(
        draft, section, ("src_ip", _one(match)), ("src_dip", section.src_dip), ("dest_ip", section.dest_ip)
    )
    if found is None or src is None:
        return
    sip, external, rewrite = found
    rewrite = new_addresses(section.dest_ip, rewrite)
    if not section.dest and section.dest_ip is not None:
        dest = _zone_of(rewrite, draft)
        if dest is not None:
            draft.problems.append(FirewallFault.ASSUMED_DESTINATION.at(section.origin, "dest", value=dest.name))
    _use_chains(section, src, dest)
    port = section.dest_port or section.src_dport
    if port is not None and port.negated:  # every port but one: each stays as it is
        port = None
    ports = (section.src_dport,) if section.src_dport is not None else ()
    each = Translation(
        f"dstnat_{src.name}",
        "dnat" if section.dest_ip is not None else "redirect",
        match,
        sip,
        external,
        match.src_port,
        ports,
        rewrite,
        port,
    )
    protos = tuple(protocols(draft, section, each))
    report_several(draft, section.origin, "dest_ip", rewrite)
    reflections = (reflected or [dest]) if section.reflection and section.dest_ip is not None and dest else []
    _write(draft, section, (src, dest), each, src, protos, [zone for zone in reflections if zone is not None])


# As in fw4, also if the section makes no rule because its addresses have two families: chains with dnat accept packets
# that rules of others have translated.
def _use_chains(section: Redirect, src: FirewallZone, dest: FirewallZone | None) -> None:
    if section.reflection and dest is not None and src.zone.masq:
        dest.used_chains.update(("accept_to", "dnat", "snat"))
    if section.match.helper is not None:
        src.used_chains.add("helper")
    src.used_chains.add("dnat")


# `owner`: the zone in whose chains the rules stand: src of a port forward, else dest
def _write(
    draft: Draft,
    section: Redirect,
    zones: Zones,
    each: Translation,
    owner: FirewallZone,
    protos: Sequence[Proto],
    reflected: Sequence[FirewallZone] = (),
) -> None:
    limit = (section.log_limit or log_limit(owner)) if section.log else None
    writer = Writer(draft, section.origin, section.name, section.counter, section.log, limit)
    restrictions: list[Restriction] = [(each.src.family, "src_ip"), (each.dest.family, "destination")]
    restrictions += [(each.rewrite.family, "rewrite address"), *draft.zone_restrictions(*zones)]
    if section.match.helper is not None:
        helper = draft.helper(section.origin, section.match.helper.text)
        restrictions.append((helper.family, f"helper {helper.name}"))
    named = draft.expander.named_set(section.origin, section.match)
    if named is not None:
        restrictions.insert(0, (named.family, f"set {named.set.name}"))
    for proto in protos:
        chosen = IPV6 if shown(proto) == ICMPV6 else section.match.family
        family, *who = common_family(chosen, restrictions)
        if who[0]:
            report_conflict(draft, section.origin, proto, who)
            continue
        for zone in reflected:
            reflect(draft, section, each, owner, zone, proto)
        for one in _families(each, family):
            writer.write(each, one, proto)


# With addresses, each of their families, but if `family` is 4 or 6 at most that one. Without addresses `family` itself:
# 4, 6 or 0; 4 if it is None (not chosen).
def _families(each: Translation, family: int | None) -> tuple[int, ...]:
    has = [one for one in FAMILIES if each.has(one)]
    if not has:
        return (IPV4 if family is None else family,)
    return tuple(one for one in has if not family or family == one)


def _one(match: Match) -> Address | NetworkName | None:
    return match.src_ip[0] if match.src_ip else None


# by its networks and option subnet
def _zone_of(rewrite: Split, draft: Draft) -> FirewallZone | None:
    for zone in draft.zones.values():
        for own in zone.related:
            if any(same_network(own, each) for each in (*rewrite.v4, *rewrite.v6)):
                return zone
    return None
