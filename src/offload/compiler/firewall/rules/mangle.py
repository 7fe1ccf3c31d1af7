"""Rules that set a packet's mark or DSCP value. Pure."""

from collections.abc import Iterator, Sequence
from itertools import chain as chained
from itertools import product

from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.matches.addresses import IPV6
from offload.compiler.firewall.rules.hooks import report_unmet
from offload.compiler.firewall.zones import FirewallZone
from offload.model.kernel.nft import Rule
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections import firewall
from offload.model.sections.firewall import ANY
from offload.model.sections.match import Bits, Item, Match
from offload.nft.match import text

FULL = 0xFFFFFFFF
# Devices of one end of a rule, its family, and its address conditions as nft text.
End = tuple[tuple[Item, ...], int, str]
NO_END: End = ((), 0, "")


def rule(draft: Draft, section: firewall.Rule, src: FirewallZone | None, dest: FirewallZone | None) -> None:
    """Add the rules of a `config rule` with target MARK or DSCP to a mangle chain that its zones' packets pass.

    They match packets from the zone `src` to the zone `dest` (None: not compared): by the zone's devices without `!`,
    or, if there is none, by its parts. Option `device` replaces the zone on its side. No rule is added, but a problem,
    if a zone has no device or address now, if an address option has values without `!` and all of these are networks
    that have no address, or if no protocol is left. LeftOutError, and the section is left out: a helper or the
    section's set cannot be used.
    """
    chain, needed = _chain(section), draft.restrictions(section, src, dest)
    device = (((Item(section.device),), 0, ""),) if section.device else ()
    incoming = device if device and not section.egress else tuple(_ends(src, egress=False))
    outgoing = device if device and section.egress else tuple(_ends(dest, egress=True))
    for option, name, parts in (("src", section.src, incoming), ("dest", section.dest, outgoing)):
        if not parts:
            draft.problems.append(FirewallFault.EMPTY_ZONE.at(section.origin, option, value=name))
    rules: list[Rule] = []
    problems: list[list[FirewallProblem]] = []
    for (iifname, family, from_), (oifname, other, to) in product(incoming, outgoing):
        ends = tuple((each, f"zone {name}") for each, name in ((family, section.src), (other, section.dest)) if each)
        problems.append([])
        for match in draft.expander._replace(problems=problems[-1]).rule(
            section.origin,
            section.match,
            (*needed, *ends),
            iifname,
            oifname,
            per_family=section.target == "dscp",
            raw=f"{from_}{to}".rstrip(),
        ):
            verdict = _mark(section.set_mark) if section.set_mark is not None else _dscp(section.set_dscp, match)
            rules.append(
                Rule(verdict, match, section.name, section.counter, section.log, section.log_limit, section.origin.id)
            )
    for each in rules:
        draft.add(chain, each)
    if rules:
        report_unmet(draft, section, chain.removeprefix("mangle_"))
    draft.problems.extend(_of_all(problems) if rules else dict.fromkeys(chained.from_iterable(problems)))


# What some parts of a zone cannot have (IPv4, of a zone with both) is a problem only if no part can have it.
def _of_all(problems: Sequence[Sequence[FirewallProblem]]) -> Iterator[FirewallProblem]:
    return (each for each in dict.fromkeys(problems[0]) if all(each in others for others in problems))


# One set of conditions for each nft rule. A zone with devices has these as its only condition, any other the addresses
# and family of each of its parts.
def _ends(zone: FirewallZone | None, *, egress: bool) -> Iterator[End]:
    if zone is None:
        yield NO_END
    elif zone.parts and zone.devices:
        yield zone.device_items, 0, ""
    else:
        for part in zone.parts:
            addresses = Match(part.family, dest_ip=part.subnets) if egress else Match(part.family, src_ip=part.subnets)
            yield part.devices, part.family, text(addresses) if part.subnets else ""


def _chain(section: firewall.Rule) -> str:
    if section.src and section.dest:
        if (section.src == ANY) is (section.dest == ANY):
            return "mangle_forward"
        return "mangle_postrouting" if section.src == ANY else "mangle_prerouting"
    return "mangle_input" if section.src else "mangle_output"


# Bits under the mask are replaced; bits of the value outside of it are flipped.
def _mark(mark: Bits) -> str:
    value, mask = mark.value, mark.mask
    kept = ~mask & FULL
    if mask == FULL:
        return f"meta mark set {value:#x}"
    if value == 0:
        return f"meta mark set meta mark & {kept:#x}"
    if value == mask:
        return f"meta mark set meta mark | {value:#x}"
    if mask == 0:
        return f"meta mark set meta mark ^ {value:#x}"
    return f"meta mark set meta mark & {kept:#x} ^ {value:#x}"


def _dscp(value: int | None, match: Match) -> str:
    return f"{'ip6' if match.family == IPV6 else 'ip'} dscp set {value or 0:#x}"
