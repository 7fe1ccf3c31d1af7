"""The chains of a zone, and the jumps to them from base chains. Pure."""

from collections.abc import Iterator, Sequence

from offload.compiler.firewall.matches.addresses import IPV4, IPV6, Addresses
from offload.compiler.firewall.zones import FirewallZone, ZonePart, log_limit
from offload.model.kernel.nft import Rule
from offload.model.sections.firewall import Defaults
from offload.model.sections.match import Address, Item, Match

VERDICTS = ("accept", "reject", "drop")


def jumps(zone: FirewallZone, direction: str, what: str = "traffic") -> Iterator[Rule]:
    """The rules of a base chain that jump to a zone's chain for the zone's packets: one for each of its parts, if any.

    A part has devices and subnets that one nft rule can match. `direction`: first part of that chain's name (input,
    srcnat, ...); `what`: last word of the rules' comments. For output and srcnat the rules match packets to the zone,
    otherwise packets from it.
    """
    outwards = direction in {"output", "srcnat"}
    for part in zone.parts:
        yield Rule(
            f"jump {direction}_{zone.name}",
            part.egress if outwards else part.ingress,
            f"Handle {zone.name} {part.shown} {direction} {what}",
            origin=zone.zone.origin.id,
        )


def loopback_jumps(zone: FirewallZone, direction: str, what: str, *, loopback: bool) -> Iterator[Rule]:
    """The jumps to a zone's chain for its devices and addresses of loopback, or (`loopback` False) for all others.

    Those of loopback are for the output hook, the others for the prerouting hook. There is at most one jump for each
    part of the zone (devices and subnets of one nft rule). `direction`: first part of the chain's name; `what`: last
    word of the rules' comments.
    """
    # They compare input devices in the output hook too, as fw4's do, where no packet has one: a zone's chain is reached
    # there only by a part that has subnets alone (127.0.0.0/8).
    for part in zone.parts:
        devices = tuple(item for item in part.devices if item.negated or (item.text == "lo") is loopback)
        subnets = tuple(each for each in part.subnets if each.negated or _is_loopback(each) is loopback)
        if not _concerned(part.devices, devices, loopback=loopback) and not _concerned(
            part.subnets, subnets, loopback=loopback
        ):
            continue
        if _emptied(part.devices, devices) or _emptied(part.subnets, subnets):
            continue
        yield Rule(
            f"jump {direction}_{zone.name}",
            Match(part.family, iifname=devices, src_ip=subnets),
            f"Handle {zone.name} {part.shown} {direction} {what}",
            origin=zone.zone.origin.id,
        )


# Whether a zone's list names any of loopback, or (`loopback` False) any other; a negated item names others. `kept`: the
# items of this side.
def _concerned(given: Sequence[Item] | Addresses, kept: Sequence[Item] | Addresses, *, loopback: bool) -> bool:
    return any(not each.negated for each in kept) or (not loopback and any(each.negated for each in given))


# a rule without any of the zone's items would match everything
def _emptied(given: Sequence[Item] | Addresses, kept: Sequence[Item] | Addresses) -> bool:
    return any(not each.negated for each in given) and not any(not each.negated for each in kept)


def _is_loopback(each: Address) -> bool:
    return each.text.startswith("127.") or each.text in {"::1", "::1/128"}


def verdict_chain(zone: FirewallZone, verdict: str, *, egress: bool, defaults: Defaults) -> Iterator[Rule]:
    """The rules of a chain such as `drop_from_lan`, or with `egress` of `drop_to_lan`, which give packets a verdict.

    `verdict`: accept, drop, or reject, which is a jump to handle_reject. There is one rule for each part of the zone
    (devices and subnets of one nft rule). Rules have a counter if the zone has option counter; those that drop or
    reject log if bit 0 of its `log` is set, at most at its log_limit. `accept_to_` of a masquerading zone first drops
    invalid packets of the families that it masquerades, unless masq_allow_invalid or drop_invalid is on.
    """
    masks = zone.zone.masq, zone.zone.masq6
    leaks = verdict == "accept" and egress and any(masks) and not zone.zone.masq_allow_invalid
    for part in zone.parts:
        match = part.egress if egress else part.ingress
        if leaks and not defaults.drop_invalid and {part.family, _leaking_family(zone)} != {IPV4, IPV6}:
            yield _leak(zone, part)
        logs = verdict != "accept" and zone.zone.log & 1
        yield Rule(
            "jump handle_reject" if verdict == "reject" else verdict,
            match,
            f"{verdict} {zone.name} {part.shown} traffic",
            counter=zone.zone.counter,
            log=f"{verdict} {zone.name} {'out' if egress else 'in'}: " if logs else "",
            limit_log=log_limit(zone),
            origin=zone.zone.origin.id,
        )


# NAT does not translate invalid packets, so they would leave with inside addresses.
def _leak(zone: FirewallZone, part: ZonePart) -> Rule:
    return Rule(
        "drop",
        Match(_leaking_family(zone) or part.family, oifname=part.devices, dest_ip=part.subnets, raw="ct state invalid"),
        "Prevent NAT leakage",
        counter=zone.zone.counter,
        log=f"drop {zone.name} invalid ct state: " if zone.zone.log & 1 else "",
        limit_log=log_limit(zone),
        origin=zone.zone.origin.id,
    )


# the only family (4 or 6) that a masquerading zone translates; 0: both
def _leaking_family(zone: FirewallZone) -> int:
    return 0 if zone.zone.masq and zone.zone.masq6 else IPV4 if zone.zone.masq else IPV6
