"""Rules of /etc/config/firewall that mark packets one by one -> the exempts that keep their traffic on the slow path.

MARK and DSCP rules stand in fw4's mangle chains (fw4.uc, parse_rule), which offloaded packets pass by. Packets of both
directions meet them, so each rule makes two exempts: for connections it sees from their opener, and for those whose
replies it sees. Conditions with `!`, sets, times, limits and devices are left out, so the exempt is wider than the
rule. Of a set (`option ipset`) its address family counts, as in fw4 (fw4.uc, infer_family).
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from offload.config.choices.exempts import MOST_COMBINATIONS
from offload.config.fw4.options import fw4_words
from offload.model.config import Family, MarkRule
from offload.model.sections.exempts import Exempt
from offload.model.sections.firewall import Rule
from offload.model.sections.match import EVERY_ADDRESS, Address, Bits, Item, Match, NetworkName, turned
from offload.model.sections.section import Section
from offload.model.text.addresses import network

MARKS = frozenset({"mark", "dscp"})  # the targets
EVERYTHING = frozenset({"any", "0"})  # of protocols
FAMILIES = {None: Family.ANY, 0: Family.ANY, 4: Family.IPV4, 6: Family.IPV6}
VERSIONS = {Family.IPV4: 4, Family.IPV6: 6}


def set_families(sections: Iterable[Section]) -> dict[str, Family]:
    """The sets (`config ipset`) by name, each with the address family of its elements; IPv4 without the option."""
    found: dict[str, Family] = {}
    for section in sections:
        name, word = section.options.get("name"), section.options.get("family", "ipv4")
        if section.type == "ipset" and isinstance(name, str):
            family = fw4_words.family(word) if isinstance(word, str) else None
            found.setdefault(name, FAMILIES[family])
    return found


def mark_rule(rule: Rule, sets: Mapping[str, Family]) -> MarkRule | None:
    """The MarkRule of a rule: the traffic between zones that it marks; None if none of it could be offloaded.

    `sets`: the address family of each set by its name.
    """
    # with one end it marks packets of the router itself
    if rule.target not in MARKS or not rule.src or not rule.dest:
        return None
    protocols = _protocols(rule.match.proto)
    if protocols is None:
        return None
    match: dict[str, Any] = {"src_ip": _addresses(rule.match.src_ip), "dest_ip": _addresses(rule.match.dest_ip)}
    if protocols:  # fw4 reads no ports where all protocols are meant
        match |= {"src_port": _plain(rule.match.src_port), "dest_port": _plain(rule.match.dest_port)}
    if rule.dest == "*" and rule.src != "*":
        # The rule stands in mangle_prerouting and sees destinations before they are translated: by port forwards and
        # their reflection, masquerade and SNAT, UPnP, rules of other tables.
        match |= dict.fromkeys({"dest_ip", "dest_port"} & match.keys(), ())
    family = _family(rule, sets)
    if not _narrow(match, family):
        return None
    while prod(max(len(values), 1) for values in match.values()) > MOST_COMBINATIONS:
        match[max(match, key=lambda option: len(match[option]))] = ()
    # both protocols need a rule of ours each, and mean all that is offloaded, GRE aside
    ported = any(match.get(option) for option in ("src_port", "dest_port"))
    match["proto"] = tuple(map(Item, protocols)) if len(protocols) == 1 or ported else ()
    section = rule.origin.id
    seen = Match(**match)
    # the other target's field is what the rule found; its own may be what it left
    own = seen._replace(
        src_mac=_plain(rule.match.src_mac),
        mark=_mark(rule.match.mark) if rule.target == "dscp" else None,
        dscp=_dscp(rule.match.dscp) if rule.target == "mark" else None,
    )
    exempts = (
        Exempt(rule.name, section, rule.src, rule.dest, own),
        Exempt(rule.name, section, rule.dest, rule.src, turned(seen)),
    )
    bits = _set_bits(rule.set_mark) if rule.target == "mark" else None
    return MarkRule(rule.name, section, exempts, bits, family)


def _set_bits(mark: Bits | None) -> tuple[int, int] | None:
    """The bits that the rule sets in the packet's mark, as (value, mask).

    A `set_mark` with bits outside its mask sets these as well; a `set_xmark` turns them over, so they are not known.
    """
    return (mark.value, mark.mask) if mark and mark.mask and not mark.value & ~mark.mask else None


def _protocols(items: tuple[Item, ...]) -> tuple[str, ...] | None:
    """TCP and UDP as far as the rule means them, nothing for all protocols, None where it means other ones only."""
    words = {item.text for item in items}  # fw4 reads `!`, and forgets it
    return () if EVERYTHING & words else tuple(sorted({"tcp", "udp"} & words)) or None


def _addresses(alternatives: tuple[Address | NetworkName, ...]) -> tuple[Address, ...]:
    """The networks that are asked for; nothing, which is anything, where they are not known."""
    plain = [each for each in alternatives if not each.negated]
    known = [each for each in plain if isinstance(each, Address)]
    found = [network(each.family, each.value, each.bits) for each in known]  # none of a mask with gaps, or of a range
    return tuple(filter(None, found)) if all(found) and len(known) == len(plain) else ()


def _plain(items: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(item for item in items if not item.negated)


def _mark(mark: Bits | None) -> Bits | None:
    return mark if mark and not mark.negated and not mark.value & ~mark.mask else None


def _dscp(dscp: Bits | None) -> Bits | None:
    return None if dscp is None or dscp.negated else dscp


def _family(rule: Rule, sets: Mapping[str, Family]) -> Family:
    """The rule's own family and that of its set; one that is excluded (`!`) has the same family."""
    name = rule.match.ipset.name if rule.match.ipset else ""
    return FAMILIES[rule.match.family] & sets.get(name, Family.ANY)


def _narrow(match: dict[str, Any], family: Family) -> bool:
    """Keep to the addresses of one family; whether any traffic is left."""
    if family in {Family.ANY, Family.NEITHER}:
        return family is Family.ANY
    whole = EVERY_ADDRESS[VERSIONS[family]]
    for option in ("src_ip", "dest_ip"):
        kept = tuple(net for net in match[option] if net.family == whole.family)
        if match[option] and not kept:
            return False
        match[option] = kept
    if not match["src_ip"] and not match["dest_ip"]:
        match["src_ip"] = (whole,)
    return True
