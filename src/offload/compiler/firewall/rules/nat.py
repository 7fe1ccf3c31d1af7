"""Compile source NAT: `config nat`, target snat of `config redirect`, and masquerading of zones. Pure."""

from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.matches.addresses import IPV4, IPV6
from offload.compiler.firewall.matches.expand import common_family
from offload.compiler.firewall.rules.translate import (
    FAMILIES,
    Translation,
    Writer,
    addresses_of,
    new_addresses,
    protocols,
    refuse_lost,
    report_conflict,
    report_several,
)
from offload.compiler.firewall.zones import SHOWN, FirewallZone, log_limit
from offload.model.kernel.nft import Rule
from offload.model.sections.firewall import Nat
from offload.model.sections.match import Item


def masquerade(zone: FirewallZone) -> tuple[Rule, ...]:
    """The rules by which a zone masquerades packets that leave to it, for its chain srcnat_.

    (): options masq and masq6 are off; or masq_src or masq_dest is unreadable, or has values without `!`, all of them
    networks that have no address.
    """
    return tuple(
        Rule("masquerade", match, f"Masquerade {SHOWN[family]} {zone.name} traffic", origin=zone.zone.origin.id)
        for family, matches in zone.masquerade.items()
        for match in matches
    )


def source_nat(draft: Draft, section: Nat) -> None:
    """Add the rules of a `config nat`, for packets that leave to its zone, or by any device if it names no zone.

    Option `device` is one more condition. If an address option names, without `!`, a network that has no address, or no
    protocol is left, a problem is added and no rule. A zone whose chain gets rules has `snat` in `used_chains`.
    LeftOutError, and the section is left out: its zone or set does not exist, its set cannot be looked up, a condition
    is unreadable, or it has a new port and no protocol that can have one.
    """
    zone, match = draft.zone(section.origin, "src", section.src), section.match
    refuse_lost(section)
    src_ip = match.src_ip[0] if match.src_ip else None
    dest_ip = match.dest_ip[0] if match.dest_ip else None
    found = addresses_of(draft, section, ("src_ip", src_ip), ("dest_ip", dest_ip), ("snat_ip", section.snat_ip))
    if found is None:
        return
    src, dest, rewrite = found
    rewrite = new_addresses(section.snat_ip, rewrite)
    report_several(draft, section.origin, "snat_ip", rewrite)
    chain = f"srcnat_{zone.name}" if zone is not None else "srcnat"
    oifname = (Item(section.device),) if section.device else ()
    each = Translation(
        chain, section.target, match, src, dest, match.src_port, match.dest_port, rewrite, section.snat_port, oifname
    )
    shared = log_limit(zone) if section.log else None
    writer = Writer(draft, section.origin, section.name, section.counter, section.log, shared)
    named = draft.expander.known_set(section.origin, match)
    restrictions = (
        (named.family if named is not None else 0, f"set {named.set.name}" if named is not None else ""),
        (src.family, "src_ip"),
        (dest.family, "dest_ip"),
        (rewrite.family, "snat_ip"),
        (zone.family if zone is not None else 0, f"zone {section.src}"),
    )
    for proto in protocols(draft, section, each):
        family, *who = common_family(match.family, restrictions)
        if who[0]:
            report_conflict(draft, section.origin, proto, who)
            continue
        if zone is not None:
            zone.used_chains.add("snat")
        for one in _families(each, family):
            writer.write(each, one, proto)


# (0,): one rule, without addresses, is enough for both. `family`: 4, 6, 0 for both, or None (not chosen): then IPv6 if
# all addresses are IPv6, else IPv4, because many sections are older than NAT for IPv6.
def _families(each: Translation, family: int | None) -> tuple[int, ...]:
    has4, has6 = each.has(IPV4), each.has(IPV6)
    if family is None:
        family = IPV6 if has6 and not has4 else IPV4
    return FAMILIES if not family and (has4 or has6) else (family,)
