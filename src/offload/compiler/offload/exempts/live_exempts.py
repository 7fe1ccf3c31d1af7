"""Exempts (traffic not to be offloaded) for rules in nft that must see every packet. Pure.

A rule makes two exempts for each pair of zones with its devices: for connections whose original packets the rule sees,
and for those whose replies it sees. Conditions that an exempt cannot have are left out, so an exempt may be wider than
the rule. Exempts compare addresses on the forward hook: of a rule before port forwards (prerouting) they have no
destination address or port, of one after masquerading (postrouting) no source address or port.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from offload.model.config import Config, MarkRule
from offload.model.kernel.live_rule import DEVICE_HOOKS, PacketRule, RuleMatch
from offload.model.network import Snapshot
from offload.model.sections.exempts import Exempt
from offload.model.sections.kinds import PORTED
from offload.model.sections.match import EVERY_ADDRESS, Item, Match, turned
from offload.model.text.networks import as_address
from offload.model.topology import ZoneDevices
from offload.nouns import replace

# `does` of rules whose traffic stays slow, with the verb for sentences; `check` only reports all others.
HOLDING = {
    "limit": "limits",
    "quota": "counts",
    "priority": "gives a priority to",
    "dscp": "sets the DSCP of",
    "mark": "marks",
    "drop": "decides on",
}
FAMILIES = {"ipv4": 4, "ipv6": 6}
NO_DESTINATION: dict[str, Any] = {"dest": None, "dport": 0}
NO_SOURCE: dict[str, Any] = {"src": None, "sport": 0}
UNKNOWN_AT: Mapping[str, dict[str, Any]] = {
    **dict.fromkeys(("prerouting", "input"), NO_DESTINATION),  # `input` and `output` are hooks of bridges here
    **dict.fromkeys(("output", "postrouting"), NO_SOURCE),
}


def with_live_exempts(config: Config, zones: Mapping[str, ZoneDevices], snapshot: Snapshot) -> Config:
    """The Config with one more mark rule for each rule that `rules_to_exempt` gives; its traffic is then not offloaded.

    A mark rule has the exempts for the traffic of a rule that must see every packet. A rule that compares a device
    which no zone has gets no mark rule. The Config is unchanged with `auto_exempt 0`.
    """
    if not config.globals.auto_exempt:
        return config
    found = (_marking(rule, HOLDING[rule.does], zones) for rule in rules_to_exempt(snapshot))
    return replace(config, mark_rules=(*config.mark_rules, *(each for each in found if each.exempts)))


def rules_to_exempt(snapshot: Snapshot) -> Iterator[PacketRule]:
    """Yield the rules in nft (of `snapshot.packet_rules`) whose traffic is not to be offloaded.

    They limit rates, count against a quota, give priorities, set DSCP, set a mark that a qdisc or tc filter reads, drop
    behind our chain, or drop (or accept what a later rule drops) by what differs from packet to packet. Rules on
    ingress and egress hooks are not among them.
    """
    read = 0
    for mask in (*(each.fwmask for each in snapshot.qdiscs), *(each.fwmask for each in snapshot.filters)):
        read |= mask
    for rule in snapshot.packet_rules:
        if rule.hook in DEVICE_HOOKS:
            continue
        if rule.does in HOLDING and (rule.does != "mark" or rule.marks & read):
            yield rule


def _marking(rule: PacketRule, does: str, zones: Mapping[str, ZoneDevices]) -> MarkRule:
    place = f"chain {rule.chain} of table {rule.table}"
    match = replace(rule.match, **UNKNOWN_AT.get(rule.hook, {}))
    ends = product(_zones(match.iif, zones), _zones(match.oif, zones))
    exempts = (each for src, dest in ends for each in _exempts(rule.comment, place, src, dest, match))
    return MarkRule(rule.comment, place, tuple(exempts), place=place, does=does)


# An empty name is every device, so every zone (`*`).
def _zones(device: str, zones: Mapping[str, ZoneDevices]) -> Iterable[str]:
    if not device:
        return ("*",)
    return [zone.name for zone in zones.values() if device in {*zone.incoming, *_passed(zone)}]


def _passed(zone: ZoneDevices) -> Iterator[str]:
    yield from zone.listed
    for device in zone.l3:
        yield from zone.leaves_of(device)


# Exempts are asked only for original packets: one is for connections whose original packets the rule sees, the other
# for those whose replies it sees.
def _exempts(name: str, place: str, src: str, dest: str, match: RuleMatch) -> Iterator[Exempt]:
    source, target = ((as_address(net),) if net else () for net in (match.src, match.dest))
    if not source and not target and match.family:
        source = (EVERY_ADDRESS[FAMILIES[match.family]],)
    sport, dport = ((Item(str(port)),) if port else () for port in (match.sport, match.dport))
    # `th dport 53` is a port of any protocol, but nft sets have ports of one, and GRE, which is offloaded too, has none
    names = (match.proto,) if match.proto else PORTED if match.sport or match.dport else ()
    proto = tuple(map(Item, names))
    seen = Match(proto=proto, src_ip=source, dest_ip=target, src_port=sport, dest_port=dport)
    yield Exempt(name, place, src, dest, seen)
    yield Exempt(name, place, dest, src, turned(seen))
