"""Find the rules of /etc/config/firewall with target MARK or DSCP, and make exempts for their traffic."""

# MARK and DSCP rules are in fw4's mangle chains (fw4.uc, parse_rule), which offloaded packets bypass. Of a set (option
# `ipset`) only the address family is used, as in fw4 (fw4.uc, infer_family).
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

from offload.config.choices.exempts import MOST_COMBINATIONS, PORTS
from offload.config.choices.options import GRE
from offload.config.fw4.options import fw4_words
from offload.model.config import Family, MarkRule
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import without_negated
from offload.model.sections.firewall import Rule
from offload.model.sections.kinds import PORTED
from offload.model.sections.match import EVERY_ADDRESS, Address, Bits, Item, Match, NetworkName, turned
from offload.model.sections.section import Section
from offload.model.text.addresses import network

MARKS = frozenset({"mark", "dscp"})  # the targets
EVERYTHING = frozenset({"any", "0"})  # of protocols
OFFLOADED = {"tcp": "tcp", "udp": "udp", "47": "gre"}  # protocols as rules have them -> as exempts have them
FAMILIES = {None: Family.ANY, 0: Family.ANY, 4: Family.IPV4, 6: Family.IPV6}
VERSIONS = {Family.IPV4: 4, Family.IPV6: 6}


def set_families(sections: Iterable[Section]) -> dict[str, Family]:
    """{name: Family} of the `config ipset` sections: IPV4 without option family, ANY if the option is not valid.

    Of sets with the same name the first counts.
    """
    found: dict[str, Family] = {}
    for section in sections:
        name, word = section.options.get("name"), section.options.get("family", "ipv4")
        if section.type == "ipset" and isinstance(name, str):
            family = fw4_words.family(word) if isinstance(word, str) else None
            found.setdefault(name, FAMILIES[family])
    return found


def mark_rule(rule: Rule, sets: Mapping[str, Family]) -> MarkRule | None:
    """The MarkRule of a rule that sets marks or DSCP on forwarded traffic; None for other rules.

    None also if the rule matches none of TCP, UDP and GRE, or no packet. `sets`: {name of an ipset: its family}. The
    MarkRule has two exempts (conditions of slow traffic): for connections whose opener sends what the rule matches, and
    for those whose replies the rule matches; of a rule with ports for GRE and other protocols two more, for GRE.
    Conditions that an exempt cannot have, and too long lists, are left out, so an exempt may mean more traffic.
    """
    # with one zone only it marks packets of the router itself
    if rule.target not in MARKS or not rule.src or not rule.dest:
        return None
    protocols = _protocols(rule.match.proto)
    if protocols is None:
        return None
    plain = without_negated(rule.match)
    match: dict[str, Any] = {"src_ip": _addresses(plain.src_ip), "dest_ip": _addresses(plain.dest_ip)}
    if protocols:  # fw4 ignores ports if all protocols match
        match |= {"src_port": plain.src_port, "dest_port": plain.dest_port}
    if rule.dest == "*" and rule.src != "*":
        # The rule is in mangle_prerouting and sees destinations before they are translated: by port forwards and
        # their reflection, masquerade and SNAT, UPnP, rules of other tables.
        match |= dict.fromkeys({"dest_ip", "dest_port"} & match.keys(), ())
    family = _family(rule, sets)
    if not _narrow(match, family):
        return None
    while prod(max(len(values), 1) for values in match.values()) > MOST_COMBINATIONS:
        match[max(match, key=lambda option: len(match[option]))] = ()
    exempts = tuple(each for seen in _by_ports(match, protocols) for each in _both_ways(rule, plain, seen))
    bits = _set_bits(rule.set_mark) if rule.target == "mark" else None
    return MarkRule(rule.name, rule.origin.id, exempts, bits, family)


def _by_ports(match: dict[str, Any], protocols: tuple[str, ...]) -> Iterator[Match]:
    # GRE has no ports, and fw4 ignores them for it, so it has a Match of its own. Without ports, TCP and UDP together
    # count as all that can be offloaded, which needs one element in the kernel, not two.
    ported = tuple(each for each in protocols if each in PORTED)
    if not any(match.get(option) for option in PORTS):
        yield Match(**match, proto=() if ported == PORTED else tuple(map(Item, protocols)))
        return
    if ported:
        yield Match(**match, proto=tuple(map(Item, ported)))
    if ported != protocols:
        yield Match(**match | dict.fromkeys(PORTS, ()), proto=(GRE,))


def _both_ways(rule: Rule, plain: Match, seen: Match) -> tuple[Exempt, Exempt]:
    # the other field is as the rule found it; its own may be as the rule left it
    own = seen._replace(
        src_mac=plain.src_mac,
        mark=_possible(plain.mark) if rule.target == "dscp" else None,
        dscp=plain.dscp if rule.target == "mark" else None,
    )
    there = Exempt(rule.name, rule.origin.id, rule.src, rule.dest, own)
    return there, Exempt(rule.name, rule.origin.id, rule.dest, rule.src, turned(seen))


def _set_bits(mark: Bits | None) -> tuple[int, int] | None:
    # None: it sets none, or to values that are not known. A value with bits outside of its mask, which only `set_xmark`
    # can have, flips these bits of the packet's mark.
    return (mark.value, mark.mask) if mark and mark.mask and not mark.value & ~mark.mask else None


def _protocols(items: tuple[Item, ...]) -> tuple[str, ...] | None:
    # Empty: all protocols; None: none of those that are offloaded. fw4 ignores `!`, offload-firewall does not: such a
    # rule may match each of them.
    words = {item.text for item in items} | (OFFLOADED.keys() if any(item.negated for item in items) else set())
    return (
        () if EVERYTHING & words else tuple(sorted(name for word, name in OFFLOADED.items() if word in words)) or None
    )


def _addresses(alternatives: tuple[Address | NetworkName, ...]) -> tuple[Address, ...]:
    # Empty (any address) if one is the name of a netifd network, a range, or a mask with gaps: no exempt can have
    # these.
    known = [each for each in alternatives if isinstance(each, Address)]
    found = [network(each.family, each.value, each.bits) for each in known]  # not for a mask with gaps, or a range
    return tuple(filter(None, found)) if all(found) and len(known) == len(alternatives) else ()


def _possible(mark: Bits | None) -> Bits | None:
    # no packet has a mark with bits outside of its mask
    return mark if mark and not mark.value & ~mark.mask else None


def _family(rule: Rule, sets: Mapping[str, Family]) -> Family:
    # a negated set counts the same
    name = rule.match.ipset.name if rule.match.ipset else ""
    return FAMILIES[rule.match.family] & sets.get(name, Family.ANY)


def _narrow(match: dict[str, Any], family: Family) -> bool:
    # In place; False: no traffic is left. A match without addresses gets all of the family as source.
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
