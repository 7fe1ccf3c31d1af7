"""What stands in for options of a zone that cannot be read, where `config defaults` has ACCEPT. Pure.

A zone with a condition that cannot be read is left out, as in fw4, and its packets reach the policies of the base
chains. Rules before those policies refuse some of the packets that the zone would have refused (`refusals`), also where
its subnets have no address now. A zone with a policy that cannot be read gets another one (`policies`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from offload.compiler.firewall.matches.expand import Expander
from offload.compiler.firewall.zones import ZonePart, device_parts
from offload.model.kernel.nft import Rule
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import ANY, FirewallConfig, Zone
from offload.model.sections.firewall import Rule as RuleSection
from offload.model.sections.match import Item, Match

CLOSING = frozenset({"drop", "reject"})
MANAGEMENT_PORTS = (22, 80, 443)
TCP = frozenset({"tcp", "any", "6"})
ICMP = (Item("icmp"), Item("ipv6-icmp"))
DHCP = tuple(Item(port) for port in ("67", "68", "546", "547"))
Refusals = Mapping[str, list[Rule]]


def management(config: FirewallConfig) -> set[str]:
    """The names of the zones from which the router's ssh or web server (TCP ports 22, 80, 443) may be reached.

    They are zones in `config.zones` whose option input is readable and whose input policy is ACCEPT, and zones that an
    ACCEPT rule for one of these ports, without dest, names as src (`*`: all in `config.zones`; a name: also one in
    `config.unread_zones`). Other conditions of the rule, and rules that refuse, do not count.
    """
    found = {zone.name for zone in config.zones if "input" not in zone.unread and _policy(config, zone, 0) == "accept"}
    every = {zone.name for zone in config.zones}
    known = every | {zone.name for zone in config.unread_zones}
    for each in config.rules:
        if each.target == "accept" and each.src and not each.dest and _serves(each.match):
            found |= every if each.src == ANY else known & {each.src}
    return found


# whether the match allows TCP packets to the ssh or web server
def _serves(match: Match) -> bool:
    tcp = _admits(match.proto, TCP.__contains__)
    return tcp and any(_admits(match.dest_port, partial(_spans, port)) for port in MANAGEMENT_PORTS)


def _admits(items: Sequence[Item], holds: Callable[[str], bool]) -> bool:
    good = [holds(each.text) for each in items if not each.negated]
    return (not good or any(good)) and not any(holds(each.text) for each in items if each.negated)


def _spans(port: int, word: str) -> bool:
    first, _, last = word.partition("-")
    return int(first) <= port <= int(last or first)


def policies(config: FirewallConfig, zone: Zone, expander: Expander) -> tuple[str, str, str]:
    """A zone's policies for input, output and forward, in this order: accept, reject or drop.

    An option that the zone lacks, or that cannot be read, has the value of `config defaults`. If it cannot be read,
    `expander` gets a problem, and where that value is accept, forward is reject instead, and output stays accept. Input
    is reject then, if the router's ssh or web server can be reached from another zone but not from this one.
    """
    chosen = [_policy(config, zone, index) for index in range(3)]
    for index, option in enumerate(("input", "output", "forward")):
        if option not in zone.unread:
            continue
        if chosen[index] == "accept" and (
            option == "forward" or (option == "input" and _elsewhere(config, zone, expander))
        ):
            chosen[index] = "reject"
        problem = FirewallFault.POLICY_UNREAD.at(zone.origin, option, value=chosen[index].upper())
        expander.problems.append(problem)
    return chosen[0], chosen[1], chosen[2]


def _policy(config: FirewallConfig, zone: Zone, index: int) -> str:
    defaults = config.defaults
    own = (zone.input, zone.output, zone.forward)[index]
    return own or (defaults.input, defaults.output, defaults.forward)[index]


# Whether the router can be managed from another zone and not from this. A zone whose networks are all down does not
# count, because no packet comes from it.
def _elsewhere(config: FirewallConfig, zone: Zone, expander: Expander) -> bool:
    found = management(config)
    there = (each.name in found and _has_members(each, expander) for each in (*config.zones, *config.unread_zones))
    return zone.name not in found and any(there)


def _has_members(zone: Zone, expander: Expander) -> bool:
    return bool(zone.device or zone.subnet or device_parts(zone, expander))


def refusals(config: FirewallConfig, zones: Iterable[Zone], expander: Expander) -> Refusals:
    """{"input": rules, "forward": rules} that refuse packets of `zones`.

    They are left out of the ruleset, or their subnets have no address now. A chain with another policy than ACCEPT,
    and a zone without known devices, get none. By the zone's own policy they refuse its packets in input, and those
    between its devices in forward. If a DROP or REJECT rule names the zone as src, they refuse packets from it in that
    rule's chain; if a rule of forward names it as dest, packets forwarded to it. In input they accept ICMP and DHCP
    first, and need that the router's ssh or web server can be reached from another zone but not from this one
    (`management`).
    """
    found: defaultdict[str, list[Rule]] = defaultdict(list)
    for zone in zones:
        parts = device_parts(zone, expander)
        if config.defaults.input == "accept":
            found["input"] += _input(config, zone, parts, _elsewhere(config, zone, expander))
        if config.defaults.forward == "accept":
            found["forward"] += _forward(config, zone, parts)
    return found


# Without ICMP and DHCP no network works, so these are never refused; nor is anything if the router could then not be
# managed (`elsewhere`).
def _input(config: FirewallConfig, zone: Zone, parts: Iterable[ZonePart], elsewhere: bool) -> Iterator[Rule]:
    policy = _refusing(config, zone, 0)
    if not policy and not any(each.src == zone.name and not each.dest for each in _closing(config)):
        return
    if not elsewhere:
        return
    for part in parts:
        udp = Match(iifname=part.devices, proto=(Item("udp"),), dest_port=DHCP)
        for match in (Match(iifname=part.devices, proto=ICMP), udp):
            yield _rule(zone, "accept", match, "input")
        yield _rule(zone, policy or "reject", part.ingress, "input")


# By the zone's policy `forward` only packets between its own devices are refused. If a DROP or REJECT rule names the
# zone as src, all packets from it are; as dest, all packets to it.
def _forward(config: FirewallConfig, zone: Zone, parts: tuple[ZonePart, ...]) -> Iterator[Rule]:
    policy = _refusing(config, zone, 2)
    leaving = any(each.src == zone.name and each.dest for each in _closing(config))
    coming = any(each.dest == zone.name and each.src for each in _closing(config))
    for part in parts:
        if leaving:
            yield _rule(zone, policy or "reject", part.ingress, "forward")
        if coming:
            yield _rule(zone, policy or "reject", part.egress, "forward")
        for other in parts if policy and not leaving and not coming else ():
            match = Match(iifname=part.devices, oifname=other.devices)
            yield _rule(zone, policy, match, "forward")


# `index`: 0 input, 1 output, 2 forward; empty result: accept. A policy that cannot be read counts as reject.
def _refusing(config: FirewallConfig, zone: Zone, index: int) -> str:
    if ("input", "output", "forward")[index] in zone.unread:
        return "reject"
    policy = _policy(config, zone, index)
    return "" if policy == "accept" else policy


def _closing(config: FirewallConfig) -> Iterator[RuleSection]:
    return (each for each in config.rules if each.target in CLOSING)


def _rule(zone: Zone, policy: str, match: Match, direction: str) -> Rule:
    verdict = "jump handle_reject" if policy == "reject" else policy
    return Rule(verdict, match, f"In place of zone {zone.name}: {direction} traffic", origin=zone.origin.id)
