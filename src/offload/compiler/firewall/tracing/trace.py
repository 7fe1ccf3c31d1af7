"""Find the rules that decide about a packet, from the ruleset alone. Pure.

Chains are followed in the kernel's order: dstnat, then input, forward or output, then srcnat. A rule with a condition
that only the router can decide (such as a mark, or an element of a set) is listed as one that may decide; so is an
include statement.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from offload.compiler.firewall.tracing.packet import NO, OPEN, Packet, meets
from offload.compiler.firewall.zones import FirewallZone
from offload.model.kernel.nft import Chain, Include, Rule
from offload.model.text.addresses import address, covers
from offload.nft.text import path_text

RETURN, MOST_JUMPS = "return", 16  # NFT_JUMP_STACK_SIZE
ENDING = ("accept", "drop", "reject", "dnat ", "snat ", "redirect ", "masquerade")


class Step(NamedTuple):
    """A rule that the packet matches; with `unless` one that it may match, or an include statement."""

    chain: str  # of the rule
    origin: str  # UCI id of the rule's section; empty for rules without one
    verdict: str  # as nft text: of the rule (of a jump in `Hook.may`, of the chain it jumps to), or the whole include
    comment: str  # of the rule
    unless: str = ""  # conditions that cannot be decided without the router, as text; empty: none


class Hook(NamedTuple):
    """What a base chain does with a packet: its verdict, the rules that led to it, and those that may decide instead.

    `name`: of the chain. `way`: the rules that led to the verdict; empty: it is the chain's policy. `may`: rules and
    include statements before the deciding rule of which only the router knows whether they decide; their verdicts may
    be the same as `verdict`.
    """

    name: str
    verdict: str
    way: tuple[Step, ...]
    may: tuple[Step, ...]

    @property
    def origin(self) -> str:
        """The UCI id of the last section among the rules that led to the verdict, which decided it.

        Empty: only fixed rules of the ruleset led to it, or the chain's policy did.
        """
        return next((each.origin for each in reversed(self.way) if each.origin), "")


class Route(NamedTuple):
    """The zones that a packet comes from and goes to; empty for the router itself."""

    src: str
    dest: str


def trace(
    chains: Sequence[Chain], zones: Mapping[str, FirewallZone], packet: Packet, route: Route
) -> tuple[tuple[Hook, ...], Route]:
    """The results of the base chains that a connection's first packet passes, and its zones after port forwards.

    The chains are dstnat, then input, forward or output, then srcnat. A packet of the router (no source zone) does not
    pass dstnat; one to the router (no destination zone), or one that is dropped or rejected, does not pass srcnat.
    `chains`: all of the ruleset; `zones`: by name; `route`: the packet's zones as it arrives.
    """
    known = {each.name: each for each in chains}
    found: list[Hook] = []
    if route.src:
        found.append(at_hook(known, "dstnat", packet))
        packet, route = _translated(found[-1].verdict, packet, route, zones)
    hook = "forward" if route.src and route.dest else "input" if route.src else "output"
    found.append(at_hook(known, hook, packet))
    if route.dest and not _refuses(found[-1].verdict):
        found.append(at_hook(known, "srcnat", packet._replace(iif="")))
    return tuple(found), route


def _refuses(verdict: str) -> bool:
    return verdict.startswith(("drop", "reject"))


def _translated(verdict: str, packet: Packet, route: Route, zones: Mapping[str, FirewallZone]) -> tuple[Packet, Route]:
    if not verdict.startswith(("dnat", "redirect")):
        return packet, route
    host, port = _target(verdict)
    packet = packet._replace(dest_port=int(port) if port else packet.dest_port, translated=True)
    made = address(host) if host else None
    if made is None:  # to the router itself
        return packet._replace(dest_ip=_redirected(packet, zones[route.src]), oif=""), Route(route.src, "")
    if is_own(made.value, made.family, zones.values()):  # the kernel delivers it to the router too
        return packet._replace(dest_ip=made.value, oif=""), Route(route.src, "")
    dest = zone_of(made.value, made.family, zones.values()) or route.dest
    return packet._replace(dest_ip=made.value, oif=device_of(zones.get(dest))), Route(route.src, dest)


# The kernel writes the first address of the input device into it (nf_nat_redirect.c), whatever it was. None: the zone
# has several, or none.
def _redirected(packet: Packet, src: FirewallZone) -> int | None:
    here = {each.value for each in src.own if each.family == packet.family}
    return next(iter(here)) if len(here) == 1 else None


# of ranges the first address and port; `dnat 192.0.2.1:80`, `dnat [2001:db8::1]:80`, `redirect to 80`
def _target(verdict: str) -> tuple[str, str]:
    word, _, rest = verdict.partition(" ")
    if word == "redirect":
        return "", rest.removeprefix("to ").partition("-")[0]
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]:")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    return host.partition("-")[0], port.partition("-")[0]


def device_of(zone: FirewallZone | None) -> str:
    """The first device of a zone that is not `lo`; of a wildcard `wg*` it is `wg`. Empty: there is none."""
    return next((name.rstrip("*") for name in (zone.devices if zone else ()) if name != "lo"), "")


def zone_of(value: int, family: int, zones: Iterable[FirewallZone]) -> str:
    """The name of the zone with this address in one of its networks or subnets, by the longest prefix; empty: none.

    Negated addresses, prefixes of length 0, ranges and masks with gaps do not count. `value`: the address as a number;
    `family`: 4 or 6.
    """
    found = [
        (each.bits, zone.name)
        for zone in zones
        for each in zone.related
        if each.family == family and each.bits > 0 and not each.negated and covers(each, value)
    ]
    return max(found, default=(0, ""))[1]


def is_own(value: int, family: int, zones: Iterable[FirewallZone]) -> bool:
    """Whether the router itself has this address on a network of a zone. `value`: as a number; `family`: 4 or 6."""
    return any(each.family == family and each.value == value for zone in zones for each in zone.own)


def at_hook(chains: Mapping[str, Chain], name: str, packet: Packet) -> Hook:
    """The result of the base chain `name` for the packet, with the rules that decide, also in chains that it jumps to.

    `chains`: all chains of the ruleset, by name. If no rule decides, the verdict is the chain's policy.
    """
    base, may = chains[name], list[Step]()
    verdict, way = _walk(chains, base, packet, may, 0)
    return Hook(name, verdict or (base.hook.policy if base.hook else "accept"), way, tuple(may))


# `may`: rules that may decide are added to it
def _walk(
    chains: Mapping[str, Chain], chain: Chain, packet: Packet, may: list[Step], depth: int
) -> tuple[str, tuple[Step, ...]]:
    for each in chain.rules:
        if isinstance(each, Include):
            may.append(Step(chain.name, "", f"include {path_text(each.path)}", "", "its rules decide"))
            continue
        answer, unless = meets(each, packet)
        if answer == NO or each.verdict.startswith("ct state vmap"):  # the vmap is for later packets
            continue
        step = Step(chain.name, each.origin, each.verdict, each.comment, unless)
        below = may if answer != OPEN else list[Step]()
        verdict, way = _after(chains, each, packet, below, depth)
        if answer == OPEN:
            may += [under._replace(unless=f"{unless} and {under.unless}") for under in below]
            if verdict:
                may.append(step._replace(verdict=verdict))
        elif verdict == RETURN:
            return "", ()
        elif verdict:
            return verdict, (step, *way)
    return "", ()


# An empty verdict: the next rule decides; also for a jump after MOST_JUMPS others.
def _after(
    chains: Mapping[str, Chain], rule: Rule, packet: Packet, may: list[Step], depth: int
) -> tuple[str, tuple[Step, ...]]:
    if rule.verdict.startswith("jump ") and depth < MOST_JUMPS:
        return _walk(chains, chains[rule.verdict.removeprefix("jump ")], packet, may, depth + 1)
    return (rule.verdict, ()) if rule.verdict.startswith((*ENDING, RETURN)) else ("", ())
