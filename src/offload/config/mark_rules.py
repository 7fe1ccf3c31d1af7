"""Rules of /etc/config/firewall that mark packets one by one -> the exempts that keep their traffic on the slow path.

MARK and DSCP rules stand in fw4's mangle chains (fw4.uc, parse_rule), which offloaded packets pass by. Packets of both
directions meet them, so each rule makes two exempts: for connections it sees from their opener, and for those whose
replies it sees. What an exempt cannot say (`!`, a set, a time, a limit, a device) is left out, so the exempt is wider
than the rule. Of a set (`option ipset`) its address family counts, as in fw4 (fw4.uc, infer_family).
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from math import prod
from typing import Any

from offload.config import options
from offload.config.exempts import MOST_COMBINATIONS
from offload.config.options import Bad, Parser
from offload.config.schema import Reading
from offload.model.config import Exempt, Family, Marking, Section
from offload.nouns import replace

# what a rule of the target has to say, or fw4 skips it
MARKS = {"mark": ("set_mark", "set_xmark"), "dscp": ("set_dscp",)}
EVERYTHING = {"all", "any", "*", "0"}
EVERY_ADDRESS = {Family.IPV4: ip_network("0.0.0.0/0"), Family.IPV6: ip_network("::/0")}


def set_families(sections: Iterable[Section]) -> dict[str, Family]:
    """The sets (`config ipset`) by name, each with the address family of what it holds; IPv4 where nothing is said."""
    found: dict[str, Family] = {}
    for section in sections:
        name, word = section.options.get("name"), section.options.get("family", "ipv4")
        if section.type == "ipset" and isinstance(name, str):
            family = options.fw4_family(word) if isinstance(word, str) else Family.ANY
            found.setdefault(name, Family.ANY if isinstance(family, Bad) else family)
    return found


def marking(rule: Reading, sets: Mapping[str, Family]) -> Marking | None:
    """What the rule marks of the traffic between zones; None where it marks nothing that could be offloaded.

    `sets`: the address family of each set by its name.
    """
    target, src, dest = rule.get("target"), rule.get("src"), rule.get("dest")
    # with one end it marks packets of the router itself
    if not any(rule.get(option) for option in MARKS.get(target, ())) or not src or not dest:
        return None
    protocols = _protocols(rule)
    if protocols is None:
        return None
    match: dict[str, Any] = {option: _values(rule, option, options.network) for option in ("src_ip", "dest_ip")}
    # fw4 reads no ports where all protocols are meant
    ports = ("src_port", "dest_port") if protocols else ()
    match |= {option: _values(rule, option, options.ports) for option in ports}
    if dest == "*" and src != "*":
        # The rule stands in mangle_prerouting and sees destinations before they are translated: by port forwards and
        # their reflection, masquerade and SNAT, UPnP, rules of other tables.
        match |= dict.fromkeys({"dest_ip", "dest_port"} & match.keys(), ())
    family = _family(rule, sets)
    if not _narrow(match, family):
        return None
    while prod(max(len(values), 1) for values in match.values()) > MOST_COMBINATIONS:
        match[max(match, key=lambda option: len(match[option]))] = ()
    # both protocols need a rule of ours each, and mean all that is offloaded, GRE aside
    match["proto"] = protocols if len(protocols) == 1 or any(match[option] for option in ports) else ()
    name = " ".join(rule.get("name", ())) or rule.section.id
    seen = Exempt(name, rule.section.id, src, dest, **match)
    # the other target's field is what the rule found; its own may be what it left
    own: dict[str, Any] = {
        "src_mac": _values(rule, "src_mac", options.mac),
        "mark": _one(rule, "mark", options.mark) if target == "dscp" else None,
        "dscp": _one(rule, "dscp", options.dscp) if target == "mark" else None,
    }
    answers = Exempt(
        name,
        rule.section.id,
        dest,
        src,
        src_ip=seen.dest_ip,
        dest_ip=seen.src_ip,
        proto=seen.proto,
        src_port=seen.dest_port,
        dest_port=seen.src_port,
    )
    bits = _bits(rule) if target == "mark" else None
    return Marking(name, rule.section.id, (replace(seen, **own), answers), bits, family)


def _bits(rule: Reading) -> tuple[int, int] | None:
    """The bits that the rule sets in the packet's mark, as (value, mask); fw4 prefers `set_mark`.

    A `set_mark` with bits outside its mask sets these as well; a `set_xmark` turns them over, so they are not known.
    """
    for option in MARKS["mark"]:
        words = rule.get(option, ())
        if words:
            value, mask = (options.mark_bits(words[0]) if len(words) == 1 else None) or (0, 0)
            known = mask | value if option == "set_mark" else mask
            return (value & known, known) if known and not value & ~known else None
    return None


def _protocols(rule: Reading) -> tuple[str, ...] | None:
    """TCP and UDP as far as the rule means them, nothing for all protocols, None where it means other ones only."""
    words = [word.removeprefix("!").lower() for word in rule.get("proto", ("tcpudp",))]  # fw4 reads `!`, and forgets it
    if EVERYTHING & set(words):
        return ()
    found = {name for word in words for name in options.PROTOCOLS.get(word, ())}
    return tuple(sorted(found)) or None


def _values(rule: Reading, option: str, parse: Parser) -> tuple[Any, ...]:
    """What the option asks for; nothing, which is anything, where that is not known."""
    parsed = [parse(word) for word in rule.get(option, ()) if not word.startswith("!")]
    return () if any(isinstance(each, Bad) for each in parsed) else tuple(parsed)


def _one(rule: Reading, option: str, parse: Parser) -> Any:
    values = _values(rule, option, parse)
    return values[0] if len(values) == 1 else None


def _family(rule: Reading, sets: Mapping[str, Family]) -> Family:
    """The rule's own family and that of its set; one that is excluded (`!`) has the same family."""
    own = _one(rule, "family", options.fw4_family) or Family.ANY
    name = next(iter(rule.get("ipset", ())), "").removeprefix("!")
    return own & sets.get(name, Family.ANY)


def _narrow(match: dict[str, Any], family: Family) -> bool:
    """Keep to the addresses of one family; whether any traffic is left."""
    if family in {Family.ANY, Family.NEITHER}:
        return family is Family.ANY
    whole: IPv4Network | IPv6Network = EVERY_ADDRESS[family]
    for option in ("src_ip", "dest_ip"):
        kept = tuple(net for net in match[option] if net.version == whole.version)
        if match[option] and not kept:
            return False
        match[option] = kept
    if not match["src_ip"] and not match["dest_ip"]:
        match["src_ip"] = (whole,)
    return True
