"""Compile rules and forwardings: their chain and their verdict. Pure."""

from collections.abc import Iterator

from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.matches.expand import LeftOutError, common_family
from offload.compiler.firewall.rules import mangle
from offload.compiler.firewall.rules.hooks import report_unmet
from offload.compiler.firewall.unread import CLOSING, management
from offload.compiler.firewall.zones import SHOWN, FirewallZone, log_limit
from offload.model.kernel.nft import Rule
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections import firewall
from offload.model.sections.firewall import ANY
from offload.model.sections.match import Item, Limit, Match


def zone_helpers(draft: Draft) -> None:
    """Add to the chain helper_ of each zone the rules that assign conntrack helpers (ftp, sip, ...) to its connections.

    They are the helpers that the zone names, as far as their modules are loaded; one that is not known or not loaded
    adds a problem. If it names none, they are all helpers whose module is loaded, but none if auto_helper is off (of
    the zone or of the defaults) or the zone masquerades. A zone that may have such rules gets `helper` in
    `used_chains`.
    """
    for zone in draft.zones.values():
        section = zone.zone
        automatic = section.auto_helper and draft.config.defaults.auto_helper
        if not section.helper and (not automatic or section.masq or section.masq6):
            continue
        zone.used_chains.add("helper")
        known = {helper.name: helper for helper in draft.config.helpers}
        for name in section.helper:
            if name not in known:
                draft.problems.append(FirewallFault.NO_HELPER.at(section.origin, "helper", value=name))
        chosen = [known[name] for name in section.helper if name in known]
        for helper in chosen if section.helper else draft.config.helpers:
            if helper.name in draft.helpers:
                draft.add(f"helper_{zone.name}", _assignment(helper, zone))
            elif section.helper:
                draft.problems.append(FirewallFault.HELPER_NOT_LOADED.at(section.origin, "helper", value=helper.name))


def _assignment(helper: firewall.Helper, zone: FirewallZone) -> Rule:
    return Rule(
        f'ct helper set "{helper.name}"',
        Match(helper.family, (Item(helper.proto),), dest_port=(Item(helper.port),)),
        helper.description or helper.name,
        origin=zone.zone.origin.id,
    )


def forwarding(draft: Draft, section: firewall.Forwarding) -> None:
    """Add the rule of a `config forwarding` to the chain of its source zone, or for `*` to the base chain forward.

    It jumps to the chain accept_to_ of the destination zone, which is added to its `used_chains`; for `*` it accepts.
    LeftOutError, which leaves the section out: a zone does not exist or is left out, or zones and section have no
    family in common.
    """
    src, dest = (draft.zone(section.origin, option, getattr(section, option)) for option in ("src", "dest"))
    family, first, second = common_family(section.family, draft.zone_restrictions(src, dest))
    if first:
        raise LeftOutError(FirewallFault.FAMILY_CONFLICT.at(section.origin, protocol="any", first=first, second=second))
    shown = f"{SHOWN[family]} " if family else ""
    names = tuple("any" if name == ANY else name for name in (section.src, section.dest))
    draft.add(
        f"forward_{src.name}" if src else "forward",
        Rule(
            f"jump accept_to_{dest.name}" if dest else "accept",
            Match(family),
            section.name or f"Accept {names[0]} to {names[1]} {shown}forwarding",
            origin=section.origin.id,
        ),
    )
    if dest:
        dest.used_chains.add("accept_to")


def rule(draft: Draft, section: firewall.Rule) -> None:
    """Add the nft rules of a `config rule`, to the chain that its zones and target need.

    If an address option has values without `!`, and all of these are networks that have no address, if no protocol is
    left, or for MARK and DSCP if a zone has no device or address now, a problem is added and no rule. LeftOutError, and
    the section is left out: a zone, set or helper is missing or cannot be used; or a condition is unreadable, and the
    target is neither DROP nor REJECT, or the rule without it could block the router's ssh or web server. Else the rule
    loses an unreadable condition, with a problem. Optional chains that the rules are in or jump to are added to the
    zones' `used_chains`.
    """
    src = draft.zone(section.origin, "src", section.src)
    dest = draft.zone(section.origin, "dest", section.dest)
    if section.lost:
        _check_lost(draft, section)
    target = section.target
    if target in {"mark", "dscp"}:
        mangle.rule(draft, section, src, dest)
        return
    device = (Item(section.device),) if section.device else ()
    iifname, oifname = ((), device) if section.egress else (device, ())
    needed = draft.restrictions(section, src, dest)
    matches = list(draft.expander.rule(section.origin, section.match, needed, iifname, oifname))
    if not matches:
        return
    if target in {"notrack", "helper"}:
        (chain, verdict), hook = _conntrack(draft, section, src, dest), "prerouting"
    else:
        chain, verdict = _chain(section), _verdict(section, src, dest)
        hook = chain.partition("_")[0]
    report_unmet(draft, section, hook)
    shared = _shared_limit(section, chain, src, dest)
    for match in matches:
        draft.add(chain, Rule(verdict, match, section.name, section.counter, section.log, shared, section.origin.id))


# `input_lan`, `output_wan`, or `forward_lan` for src lan; for `*` the base chain
def _chain(section: firewall.Rule) -> str:
    if not section.src:
        return f"output_{section.dest}" if section.dest and section.dest != ANY else "output"
    direction = "forward" if section.dest else "input"
    return direction if section.src == ANY else f"{direction}_{section.src}"


# as nft text, or the jump to a zone's chain for this verdict, which counts and logs too
def _verdict(section: firewall.Rule, src: FirewallZone | None, dest: FirewallZone | None) -> str:
    target = section.target
    if target and dest is not None:
        dest.used_chains.add(f"{target}_to")
        return f"jump {target}_to_{dest.name}"
    if target and target != "accept" and src is not None and src.zone.log:
        src.used_chains.add(f"{target}_from")
        return f"jump {target}_from_{src.name}"
    return "jump handle_reject" if target == "reject" else target


# LeftOutError: no source zone, or no such helper now
def _conntrack(
    draft: Draft, section: firewall.Rule, src: FirewallZone | None, dest: FirewallZone | None
) -> tuple[str, str]:
    if src is None:
        raise LeftOutError(FirewallFault.NEEDS_SOURCE_ZONE.at(section.origin, "src", target=section.target))
    if dest is not None and dest.family in {0, None, section.match.family}:  # packets are not yet routed here
        draft.problems.append(FirewallFault.NO_EFFECT.at(section.origin, "dest"))
    if section.target == "notrack":
        src.used_chains.add("notrack")
        return f"notrack_{src.name}", "notrack"
    helper = draft.helper(section.origin, section.set_helper)
    if helper.name not in draft.helpers:
        raise LeftOutError(FirewallFault.HELPER_RULE.at(section.origin, "set_helper", value=helper.name))
    src.used_chains.add("helper")
    return f"helper_{src.name}", f'ct helper set "{helper.name}"'


# The rate of the rule's log lines, or the name of a zone's limit object: that of dest for a rule in chain forward or
# without src, else of src. A rule in chain input or output has none.
def _shared_limit(
    section: firewall.Rule, chain: str, src: FirewallZone | None, dest: FirewallZone | None
) -> Limit | str | None:
    if not section.log:
        return None
    if section.log_limit is not None:
        return section.log_limit
    if chain in {"input", "output"}:
        return None
    return log_limit(dest if chain == "forward" or src is None else src)


# Without the conditions that cannot be compiled a rule matches more: so only DROP and REJECT are kept, with a problem,
# and only if they cannot block access to the router's ssh or web server.
def _check_lost(draft: Draft, section: firewall.Rule) -> None:
    options = ", ".join(section.lost)
    if section.target not in CLOSING:
        raise LeftOutError(FirewallFault.LOST_CONDITION.at(section.origin, options=options))
    for name in _zones_of_router_traffic(section, draft):
        if name in management(draft.config):
            raise LeftOutError(FirewallFault.CLOSES_MANAGEMENT.at(section.origin, options=options, value=name))
    draft.problems.append(FirewallFault.WIDENED.at(section.origin, options=options, target=section.target))


def _zones_of_router_traffic(section: firewall.Rule, draft: Draft) -> Iterator[str]:
    if section.src and section.dest:
        return
    one = section.src or section.dest
    yield from draft.zones if one in {"", ANY} else (one,)
