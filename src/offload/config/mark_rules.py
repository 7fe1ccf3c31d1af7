"""Rules of /etc/config/firewall that mark packets one by one -> the exempts that keep their traffic in sight of them.

MARK and DSCP rules stand in fw4's mangle chains (fw4.uc, parse_rule), which offloaded packets pass by. Packets of both
directions meet them, so each rule makes two exempts: for connections it sees from their opener, and for those whose
replies it sees. What an exempt cannot say (`!`, a set, a time, a limit, a device) is left out: wider, which is slower.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from math import prod
from typing import Any

from offload.config import options
from offload.config.offload import MOST_COMBINATIONS
from offload.config.options import Bad, Parser
from offload.config.schema import Reading
from offload.model.config import Exempt, Family

# what a rule of the target has to say, or fw4 skips it
MARKS = {"mark": ("set_mark", "set_xmark"), "dscp": ("set_dscp",)}
EVERYTHING = {"all", "any", "*", "0"}
EVERY_ADDRESS = {Family.IPV4: ip_network("0.0.0.0/0"), Family.IPV6: ip_network("::/0")}


def markings(rule: Reading) -> Iterator[Exempt]:
    """The traffic between zones that the rule marks, as exempts; none where it marks none that could be offloaded."""
    target, src, dest = rule.get("target"), rule.get("src"), rule.get("dest")
    # with one end it marks packets of the router itself
    if not any(rule.get(option) for option in MARKS.get(target, ())) or not src or not dest:
        return
    protocols = _protocols(rule)
    if protocols is None:
        return
    match: dict[str, Any] = {option: _values(rule, option, options.network) for option in ("src_ip", "dest_ip")}
    # fw4 reads no ports where all protocols are meant
    ports = ("src_port", "dest_port") if protocols else ()
    match |= {option: _values(rule, option, options.ports) for option in ports}
    if dest == "*" and src != "*":
        # The rule stands in mangle_prerouting and sees destinations before they are translated: by port forwards and
        # their reflection, masquerade and SNAT, UPnP, rules of other tables.
        match |= dict.fromkeys({"dest_ip", "dest_port"} & match.keys(), ())
    if not _narrow(match, _family(rule)):
        return
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
    yield replace(seen, **own)
    yield Exempt(
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


def _family(rule: Reading) -> Family:
    found = _one(rule, "family", options.fw4_family)
    return found or Family.ANY


def _narrow(match: dict[str, Any], family: Family) -> bool:
    """Keep to the addresses of one family; whether any traffic is left."""
    if family is Family.ANY:
        return True
    whole: IPv4Network | IPv6Network = EVERY_ADDRESS[family]
    for option in ("src_ip", "dest_ip"):
        kept = tuple(net for net in match[option] if net.version == whole.version)
        if match[option] and not kept:
            return False
        match[option] = kept
    if not match["src_ip"] and not match["dest_ip"]:
        match["src_ip"] = (whole,)
    return True
