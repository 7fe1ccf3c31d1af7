"""Find the traffic that a table must not offload: that of exempts, and of zones with subnets but no devices. Pure.

Packets of such a zone pass devices of other zones, and would be offloaded as packets of those zones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from operator import attrgetter
from typing import Any

from offload.compiler.offload.exempts.coverage import called as called_rule
from offload.compiler.offload.pairs.requests import PairRequest, pair_requests
from offload.model.config import Config, Family, Mode
from offload.model.plan import Element, ExemptMatch, PairDecision, TimedExempt
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.sections.exempts import Exempt
from offload.model.sections.match import Address, Match, excluded, wanted
from offload.model.text.networks import as_address
from offload.model.topology import ZoneDevices
from offload.nouns import replace

Zones = Mapping[str, ZoneDevices]
VERSIONS = (Family.IPV4, Family.IPV6)


def of_exempts(config: Config, timed_exempts: Iterable[TimedExempt], zones: Zones) -> Iterator[ExemptMatch]:
    """Yield the exempts (traffic not to be offloaded) with devices or subnets in place of their zones.

    They are those of /etc/config/offload, those of rules that must see every packet (mark rules), and those given at
    run time. A zone is replaced by its devices; if it has none, or not all are known (`inverted`), by its subnets, or
    the address that the exempt has for that end. An `inverted` zone without subnets is no condition. Left out: exempts
    for another zone with neither devices nor subnets; those given at run time for a zone that is gone; of the others,
    faulty ones and those for all traffic (their pairs are slow already).
    """
    of_sections = [(exempt, config.title(exempt.section, "exempt")) for exempt in config.exempts]
    of_rules = [(exempt, called_rule(mark_rule)) for mark_rule in config.mark_rules for exempt in mark_rule.exempts]
    for exempt, called in (*of_sections, *of_rules):
        # the pairs that a faulty exempt, or one of all traffic, concerns are slow anyway
        match = None if exempt.faulty or exempt.everything else _match(exempt, zones)
        if match is not None:
            yield replace(match, called=called)
    for timed_exempt in timed_exempts:
        match = (
            _match(timed_exempt.exempt, zones)
            if {timed_exempt.exempt.src, timed_exempt.exempt.dest} <= {"*", *zones}
            else None
        )
        if match is not None:
            yield replace(match, timed_exempt=timed_exempt, called=f"timed exempt {timed_exempt.id}")


# None: a zone has neither devices nor addresses, so that no packet could match. A zone whose packets cannot be
# recognized (`nowhere`) gets no condition, so the match is wider than the exempt.
def _match(exempt: Exempt, zones: Zones) -> ExemptMatch | None:
    devices: dict[str, Any] = {}
    addresses: dict[str, Any] = {}
    for name, iface, option in ((exempt.src, "iifs", "src_ip"), (exempt.dest, "oifs", "dest_ip")):
        zone = zones.get(name)  # none for `*`
        if zone is None or zone.nowhere:
            continue
        if zone.l3 and not zone.inverted:
            devices[iface] = tuple(sorted(zone.incoming if iface == "iifs" else zone.l3))
        elif zone.subnets:
            given = getattr(exempt.match, option)
            addresses[option] = (*(wanted(given) or _addresses(zone)), *excluded(given))
        else:
            return None
    return ExemptMatch(replace(exempt, match=exempt.match._replace(**addresses)), **devices)


def _addresses(zone: ZoneDevices) -> tuple[Address, ...]:
    return tuple(map(as_address, zone.subnets))


def of_subnets(config: Config, zones: Zones, elements: Iterable[Element], mode: Mode) -> Iterator[ExemptMatch]:
    """Yield exempts (traffic not to be offloaded) for zones with subnets and no devices that a table gives too much.

    Packets of such a zone use devices of other zones, and meet the elements for those. `elements`: of the table of
    `mode`. An element gives too much if `mode` is faster than the pair of this zone and the zone of the element's
    device requests, if it has a family that the pair does not request, or if it offloads after fewer packets. A zone
    gets up to two exempts: for connections from its addresses, with the output devices of such elements, and for
    connections to them, with their input devices. An exempt has no devices if they are all those of the table.
    """
    table, placed = tuple(elements), [zone for zone in zones.values() if zone.l3]
    for zone in zones.values():
        if zone.l3 or not zone.subnets:
            continue
        called = f"zone {zone.name}, whose subnets {'may be any address' if _unread(zone) else 'it is in'},"
        opened = zip(placed, pair_requests(config, [(zone.name, other.name) for other in placed]), strict=True)
        oifs = _too_fast(opened, table, mode, attrgetter("oif"))
        if oifs is not None:
            yield ExemptMatch(
                Exempt("", "", match=Match(src_ip=_addresses(zone))), oifs=oifs, called=called, zone=zone.name
            )
        reached = zip(placed, pair_requests(config, [(other.name, zone.name) for other in placed]), strict=True)
        iifs = _too_fast(reached, table, mode, attrgetter("iif"))
        if iifs is not None:
            yield ExemptMatch(
                Exempt("", "", match=Match(dest_ip=_addresses(zone))), iifs=iifs, called=called, zone=zone.name
            )


def with_subnet_reasons(
    pair: PairDecision,
    zones: Zones,
    elements: Iterable[tuple[Element, Mode]],
    subnet_exempts: Mapping[Mode, list[ExemptMatch]],
) -> PairDecision:
    """The pair of zones with Reasons for each zone of subnets without devices whose exempts keep packets of it slow.

    The pair is unchanged if there is no such zone. Where such a zone's subnets are all addresses of a family (also if
    they cannot be read), its exempts keep that family slow between the devices that they name. The pair's effective
    mode becomes the fastest that its other traffic has; none if all of it is slow. `elements`: those of the tables,
    each with its table's mode. `subnet_exempts`: {mode of the table: what `of_subnets` gives}.
    """
    crossings = set(product(zones[pair.src].incoming, zones[pair.dest].l3))
    left: list[Mode] = []
    reasons: list[Reason] = []
    for element, mode in elements:
        way = (element.iif, element.oif)
        family = Family(element.policy.family) & pair.family
        if way in crossings and family is not Family.NEITHER:
            slow = [zones[each.zone] for each in subnet_exempts.get(mode, ()) if _crosses(way, each)]
            reasons += [reason for zone in slow for reason in _subnet_reasons(zone, family)]
            whole = {version for version in VERSIONS for zone in slow if _is_all(zone, version)}
            left += [mode] if any(version not in whole for version in VERSIONS if family.has(version)) else []
    if not reasons:
        return pair
    why = dict.fromkeys((*pair.reasons, *reasons) if left else (*reasons, *pair.reasons))
    return replace(pair, effective=max(left, default=Mode.NONE), reasons=tuple(why))


def _crosses(crossing: tuple[str, str], match: ExemptMatch) -> bool:
    iif, oif = crossing
    return (not match.iifs or iif in match.iifs) and (not match.oifs or oif in match.oifs)


# `family`: that of the packets. A zone may have all addresses of one family, and a few of the other.
def _subnet_reasons(zone: ZoneDevices, family: Family) -> Iterator[Reason]:
    if _unread(zone):
        yield ReasonCode.SUBNETS_ANY(zone=zone.name)
        return
    there = [version for version in VERSIONS if family.has(version) and _has(zone, version)]
    whole = [version for version in there if _is_all(zone, version)]
    yield from (ReasonCode.SUBNETS_FAMILY(zone=zone.name, family=version.value) for version in whole)
    if len(there) > len(whole):
        yield ReasonCode.SUBNETS_PART(zone=zone.name)


# The subnets of a zone whose option cannot be read are all IPv4 and all IPv6 addresses.
def _unread(zone: ZoneDevices) -> bool:
    return all(_is_all(zone, version) for version in VERSIONS)


def _is_all(zone: ZoneDevices, version: Family) -> bool:
    return any(net.version == _number(version) and net.prefixlen == 0 for net in zone.subnets)


def _has(zone: ZoneDevices, version: Family) -> bool:
    return any(net.version == _number(version) for net in zone.subnets)


def _number(version: Family) -> int:
    return 4 if version is Family.IPV4 else 6


# The devices where the table gives more (a faster mode, another family, offload after fewer packets) than a zone
# without devices allows. Empty: on all; None: on none. `asked`: the other zones, each with the request of its pair with
# that zone; `key` takes the device (iif or oif) out of an element.
def _too_fast(
    asked: Iterable[tuple[ZoneDevices, PairRequest]],
    table: Sequence[Element],
    mode: Mode,
    key: Callable[[Element], str],
) -> tuple[str, ...] | None:
    found = {
        key(each)
        for zone, request in asked
        for each in table
        if key(each) in {*zone.l3, *zone.incoming} and not _grants(request, each, mode)
    }
    if not found:
        return None
    return () if found == {key(each) for each in table} else tuple(sorted(found))


def _grants(request: PairRequest, element: Element, mode: Mode) -> bool:
    given = Family(element.policy.family)
    slower = request.mode < mode or request.after_packets > element.policy.after_packets
    return not slower and given & request.family is given
