"""Reflection of port forwards: hosts inside reach them by the outer address, as hosts outside do. Pure."""

from collections.abc import Iterator, Sequence

from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.matches.addresses import IPV4, IPV6, Split, host, same_network
from offload.compiler.firewall.rules.translate import Proto, Translation, Writer
from offload.compiler.firewall.zones import FirewallZone
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Redirect
from offload.model.sections.match import Address


def reflect(
    draft: Draft, section: Redirect, each: Translation, src: FirewallZone, zone: FirewallZone, proto: Proto
) -> None:
    """Add the rules by which hosts of `zone` reach a port forward by its outer address.

    `each`: the port forward's own translation, for packets of protocol `proto` from the zone `src`. Each family that
    `src` masquerades and of which the forward's host has an address gets rules that lead packets from `zone` to the
    host, and rules that replace their source address, for replies to come back through the router. If an address that
    they need is not known, there is a problem instead. `zone` gets the rules' chains in `used_chains`.
    """
    match = section.match._replace(src_mac=(), ipset=None)
    writer = Writer(draft, section.origin, f"{section.name} (reflection)")
    for family, masquerades in ((IPV4, src.zone.masq), (IPV6, src.zone.masq6)):
        inner = _of(zone.related, family)
        outer = each.dest.of(family) if section.src_dip is not None else tuple(map(host, _of(src.related, family)))
        target = each.rewrite.of(family)
        if not masquerades or not target:
            continue
        seen = _seen_as(section, inner, outer, target[0])
        lacking = next(_lacking(seen, inner, outer), None)
        if lacking or seen is None:
            draft.problems.append(FirewallFault.NO_REFLECTION.at(section.origin, value=zone.name, what=lacking))
            continue
        zone.used_chains.update(("dnat", "snat"))
        from_, to = _split(inner, family), _split(target, family)
        there = Translation(
            f"dstnat_{zone.name}",
            "dnat",
            match,
            from_,
            _split(outer, family),
            each.src_port,
            each.dest_port,
            to,
            each.port,
        )
        port = (each.port,) if each.port is not None else each.dest_port
        back = Translation(f"srcnat_{zone.name}", "snat", match, from_, to, (), port, _split((host(seen),), family))
        writer.write(there, family, proto)
        writer.write(back, family, proto)


def _of(addresses: Sequence[Address], family: int) -> tuple[Address, ...]:
    return tuple(each for each in addresses if each.family == family)


def _split(addresses: tuple[Address, ...], family: int) -> Split:
    return Split(addresses, (), IPV4) if family == IPV4 else Split((), addresses, IPV6)


# `internal`: the one of `inner` whose network has `target`, else the first. `external`: the first of `outer`.
def _seen_as(section: Redirect, inner: Sequence[Address], outer: Sequence[Address], target: Address) -> Address | None:
    if section.reflection_src != "internal":
        return outer[0] if outer else None
    near = (own for own in inner if same_network(own, target))
    return next(near, inner[0] if inner else None)


def _lacking(seen: Address | None, inner: Sequence[Address], outer: Sequence[Address]) -> Iterator[str]:
    for known, what in ((seen, "its address"), (inner, "its network"), (outer, "the outer address")):
        if not known:
            yield what
