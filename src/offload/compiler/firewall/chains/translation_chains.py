"""The chains of dstnat, srcnat, notrack and mangle. Pure."""

from collections.abc import Iterator, Sequence

from offload.compiler.firewall.chains.zone_chains import jumps, loopback_jumps
from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.rules import nat
from offload.compiler.firewall.zones import FirewallZone
from offload.model.kernel.nft import Chain, Hook, Include, Rule
from offload.model.sections.match import Match
from offload.nft.text import prefix

MSS = "tcp flags syn / syn,fin,rst"


def nat_chains(draft: Draft) -> Iterator[Chain]:
    """Yield the base chains dstnat and srcnat, then the chains dstnat_ and srcnat_ of each zone that may need them.

    Rules of a base chain come before its jumps to zones. A zone's own masquerading comes behind all other rules of its
    srcnat_ chain, before included files for its end.
    """
    every, include = tuple(draft.zones.values()), draft.includes.around
    for name, need, hook in (("dstnat", "dnat", "prerouting"), ("srcnat", "snat", "postrouting")):
        yield Chain(
            name,
            (
                *include("prepend", name),
                *draft.chains[name],
                *(rule for zone in every if need in zone.used_chains for rule in jumps(zone, name)),
                *include("append", name),
            ),
            Hook("nat", hook, name),
        )
    for zone in every:
        for name, need in (("dstnat", "dnat"), ("srcnat", "snat")):
            if need in zone.used_chains:
                chain = f"{name}_{zone.name}"
                masquerade = nat.masquerade(zone) if name == "srcnat" else ()
                rules = (*include("prepend", chain), *draft.chains.get(chain, ()), *masquerade)
                yield Chain(chain, (*rules, *include("append", chain)))


def raw_chains(draft: Draft) -> Iterator[Chain]:
    """The base chains raw_prerouting and raw_output, then the notrack_ chain of each zone that has NOTRACK rules.

    raw_output jumps to it for packets over loopback, raw_prerouting for all others. Files for the beginning of
    raw_prerouting are not included.
    """
    notrack = [zone for zone in draft.zones.values() if "notrack" in zone.used_chains]
    include = draft.includes.around
    for name, hook, loopback in (("raw_prerouting", "prerouting", False), ("raw_output", "output", True)):
        rules = [rule for zone in notrack for rule in loopback_jumps(zone, "notrack", "traffic", loopback=loopback)]
        before = include("prepend", name) if loopback else ()
        yield Chain(name, (*before, *rules, *include("append", name)), Hook("filter", hook, "raw"))
    for zone in notrack:
        yield Chain(f"notrack_{zone.name}", tuple(draft.chains.get(f"notrack_{zone.name}", ())))


def mangle_chains(draft: Draft) -> Iterator[Chain]:
    """Yield the base chains at priority mangle, on all five hooks, with the rules that set marks and DSCP.

    For zones with option mtu_fix, rules in forward and postrouting come after these and set the segment size of TCP SYN
    packets by the route's MTU.
    """
    include, every = draft.includes.around, tuple(draft.zones.values())
    for hook in ("prerouting", "postrouting", "input", "output", "forward"):
        name = f"mangle_{hook}"
        fixed = [rule for zone in every if zone.zone.mtu_fix for rule in _mtu_fix(zone, hook)]
        rules: Sequence[Rule | Include] = (
            *include("prepend", name),
            *draft.chains[name],
            *fixed,
            *include("append", name),
        )
        # the kernel routes a packet of the router itself again when its mark changes
        yield Chain(name, tuple(rules), Hook("route" if hook == "output" else "filter", hook, "mangle"))


# In postrouting for packets to the zone, in forward for packets from it; other hooks have no such rules.
def _mtu_fix(zone: FirewallZone, hook: str) -> Iterator[Rule]:
    if hook not in {"postrouting", "forward"}:
        return
    egress = hook == "postrouting"
    for part in zone.parts:
        if egress:
            match = Match(part.family, oifname=part.devices, dest_ip=part.subnets, raw=MSS)
        else:
            match = Match(part.family, iifname=part.devices, src_ip=part.subnets, raw=MSS)
        log = f"log prefix {prefix(f'MSSFIX {zone.name} out: ')} " if zone.zone.log & 2 else ""
        yield Rule(
            f"tcp option maxseg size set rt mtu {log}".rstrip(),
            match,
            f"Zone {zone.name} {part.shown} {'egress' if egress else 'ingress'} MTU fixing",
            origin=zone.zone.origin.id,
        )
