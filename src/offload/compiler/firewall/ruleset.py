"""Table inet fw4, chain by chain, in the order in which it is listed. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from offload.compiler.firewall import objects, unread, zones
from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.expand import Expander, LeftOutError
from offload.compiler.firewall.includes import Includes
from offload.compiler.firewall.rules import filter as filter_rules
from offload.compiler.firewall.rules import nat, redirect
from offload.compiler.firewall.zones import VERDICTS, FirewallZone, jumps, loopback_jumps, verdict_chain
from offload.model.kernel.nft import Chain, Hook, Include, Rule, Ruleset, Table
from offload.model.problems.firewall_problem import FirewallProblem
from offload.model.sections.firewall import Defaults, FirewallConfig, RouterState
from offload.model.sections.match import Item, Limit, Match
from offload.nft.text import prefix

TABLE = "fw4"
LABEL = "!fw4: "  # of fw4's comments, by which others know its rules
ACCEPT_DNAT = Match(raw="ct status dnat")
SYN = Match(raw="tcp flags & (fin | syn | rst | ack) == syn")
MSS = "tcp flags syn / syn,fin,rst"


class Compiled(NamedTuple):
    """A ruleset, the problems of the sections it comes from, and the zones as they are now."""

    ruleset: Ruleset
    problems: tuple[FirewallProblem, ...]
    zones: tuple[FirewallZone, ...]


def compile_firewall(config: FirewallConfig, state: RouterState) -> Compiled:
    """The whole ruleset."""
    problems: list[FirewallProblem] = []
    named = objects.named_sets(config.ipsets)
    expander = Expander(state.networks, named, problems)
    members, without = {}, list(config.unread_zones)
    for zone in config.zones:
        found = zones.resolve(zone, unread.policies(config, zone, expander), expander)
        if found is not None:
            members[zone.name] = found
        if found is None or (zone.subnet and not found.parts):
            without.append(zone)
    helpers = objects.available(config.helpers, state.modules)
    draft = Draft(
        config,
        members,
        {each.name: each for each in helpers},
        expander,
        Includes(config, state, problems),
        defaultdict(list),
        unread.refusals(config, without, expander),
    )
    _sections(draft)
    every = tuple(members.values())
    table = Table(
        name=TABLE,
        chains=tuple(_chains(draft, bool(flowtables := objects.flowtables(config, every, state)))),
        flowtables=flowtables,
        helpers=objects.helper_objects(helpers),
        sets=tuple(each.set for each in named.values()),
        defines=tuple(objects.defines(every)),
        limits=objects.log_limits(every),
        before=(Include("/etc/nftables.d/*.nft"), *draft.includes.at("table-prepend")),
        after=draft.includes.at("table-append"),
        label=LABEL,
    )
    ruleset = Ruleset(table, draft.includes.at("ruleset-prepend"), draft.includes.at("ruleset-append"))
    return Compiled(ruleset, tuple(problems), every)


def _sections(draft: Draft) -> None:
    """Every section by itself: one that cannot be rendered costs nothing but itself.

    The order is that of the rules in a chain: helpers, then rules, then forwardings.
    """
    filter_rules.zone_helpers(draft)
    config = draft.config
    work: tuple[tuple[Sequence[Any], Callable[[Draft, Any], None]], ...] = (
        (config.rules, filter_rules.rule),
        (config.forwardings, filter_rules.forwarding),
        (config.redirects, redirect.redirect),
        (config.nats, nat.source_nat),
    )
    for sections, compile_one in work:
        for section in sections:
            try:
                compile_one(draft, section)
            except LeftOutError as error:
                draft.problems.append(error.problem)


def _chains(draft: Draft, offload: bool) -> Iterator[Chain]:
    yield from _filter(draft, offload)
    for zone in draft.zones.values():
        yield from _zone_filter(draft, zone)
    yield from _nat(draft)
    yield from _raw(draft)
    yield from _mangle(draft)


def _filter(draft: Draft, offload: bool) -> Iterator[Chain]:
    defaults, every = draft.config.defaults, tuple(draft.zones.values())
    reject = Rule("jump handle_reject")
    include = draft.includes.around
    yield Chain(
        "input",
        (
            Rule("accept", Match(raw='iif "lo"'), "Accept traffic from loopback"),
            *include("prepend", "input"),
            _states(defaults, "inbound"),
            *((Rule("jump syn_flood", SYN, "Rate limit TCP syn packets"),) if defaults.synflood_protect else ()),
            *draft.chains["input"],
            *(rule for zone in every for rule in jumps(zone, "input")),
            *draft.refusals.get("input", ()),
            *((reject,) if defaults.input == "reject" else ()),
            *include("append", "input"),
        ),
        _hook("input", defaults.input),
    )
    yield Chain(
        "forward",
        (
            *((Rule("flow offload @ft", Match(raw="meta l4proto { tcp, udp }")),) if offload else ()),
            *include("prepend", "forward"),
            _states(defaults, "forwarded"),
            *draft.chains["forward"],
            *(rule for zone in every for rule in jumps(zone, "forward")),
            *draft.refusals.get("forward", ()),
            *include("append", "forward"),
            *((reject,) if defaults.forward == "reject" else ()),
        ),
        _hook("forward", defaults.forward),
    )
    yield Chain(
        "output",
        (
            Rule("accept", Match(raw='oif "lo"'), "Accept traffic towards loopback"),
            *include("prepend", "output"),
            _states(defaults, "outbound"),
            *draft.chains["output"],
            *(rule for zone in every for rule in _output(zone)),
            *include("append", "output"),
            *((reject,) if defaults.output == "reject" else ()),
        ),
        _hook("output", defaults.output),
    )
    assign = (loopback_jumps(zone, "helper", "assignment", loopback=False) for zone in every if "helper" in zone.needs)
    yield Chain("prerouting", tuple(rule for rules in assign for rule in rules), Hook("filter", "prerouting", "filter"))
    yield Chain("handle_reject", tuple(_reject(defaults)))
    if defaults.synflood_protect:
        yield Chain("syn_flood", tuple(_syn_flood(defaults)))


def _output(zone: FirewallZone) -> Iterator[Rule]:
    if "helper" in zone.needs:
        yield from loopback_jumps(zone, "helper", "assignment", loopback=True)
    yield from jumps(zone, "output")


def _hook(name: str, policy: str) -> Hook:
    """REJECT is no policy of a base chain: it drops, and a last rule rejects."""
    return Hook("filter", name, "filter", "drop" if policy == "reject" else policy)


def _states(defaults: Defaults, flows: str) -> Rule:
    invalid = ", invalid : drop" if defaults.drop_invalid else ""
    verdict = f"ct state vmap {{ established : accept, related : accept{invalid} }}"
    return Rule(verdict, comment=f"Handle {flows} flows")


def _reject(defaults: Defaults) -> Iterator[Rule]:
    def answer(code: str) -> str:
        return "reject with tcp reset" if code == "tcp-reset" else f"reject with icmpx type {code}"

    yield Rule(answer(defaults.tcp_reject_code), Match(proto=(Item("tcp"),)), "Reject TCP traffic")
    if defaults.any_reject_code == "tcp-reset":  # nothing but TCP can be answered so
        yield Rule("drop", comment="Drop any other traffic")
    else:
        yield Rule(answer(defaults.any_reject_code), comment="Reject any other traffic")


def _syn_flood(defaults: Defaults) -> Iterator[Rule]:
    rate = defaults.synflood_rate
    limit = Limit(rate.rate, rate.unit, burst=defaults.synflood_burst)
    yield Rule("return", Match(limit=limit), "Accept SYN packets below rate-limit")
    yield Rule("drop", comment="Drop excess packets")


def _zone_filter(draft: Draft, zone: FirewallZone) -> Iterator[Chain]:
    """The chains that every zone has, then its optional chains that rules jump to."""
    name, include = zone.name, draft.includes.around
    dnat = "dnat" in zone.needs
    for direction, policy, end in zip(("input", "output", "forward"), zone.policies, ("from", "to", "to"), strict=True):
        chain = f"{direction}_{name}"
        redirected = "redirections" if direction == "input" else "forwards"
        yield Chain(
            chain,
            (
                *include("prepend", chain),
                *draft.chains.get(chain, ()),
                *(
                    (Rule("accept", ACCEPT_DNAT, f"Accept port {redirected}"),)
                    if dnat and direction != "output"
                    else ()
                ),
                *include("append", chain),
                Rule(f"jump {policy}_{end}_{name}"),
                *(_log_forward(draft.config.defaults, zone) if direction == "forward" else ()),
            ),
        )
        zone.needs.add(f"{policy}_{end}")
    if "helper" in zone.needs:
        yield Chain(f"helper_{name}", tuple(draft.chains.get(f"helper_{name}", ())))
    for verdict in VERDICTS:
        for end in ("from", "to"):
            if f"{verdict}_{end}" in zone.needs:
                rules = verdict_chain(zone, verdict, egress=end == "to", defaults=draft.config.defaults)
                yield Chain(f"{verdict}_{end}_{name}", tuple(rules))


def _log_forward(defaults: Defaults, zone: FirewallZone) -> Iterator[Rule]:
    """Log packets that the base chain's policy is about to refuse."""
    if defaults.forward != "accept" and zone.zone.log & 1:
        limit = zones.log_limit(zone)
        match = Match(raw=f'limit name "{limit}"') if limit else Match()
        yield Rule("", match, log=f"{defaults.forward} {zone.name} forward: ")


def _nat(draft: Draft) -> Iterator[Chain]:
    every, include = tuple(draft.zones.values()), draft.includes.around
    for name, need, hook in (("dstnat", "dnat", "prerouting"), ("srcnat", "snat", "postrouting")):
        yield Chain(
            name,
            (
                *include("prepend", name),
                *draft.chains[name],
                *(rule for zone in every if need in zone.needs for rule in jumps(zone, name)),
                *include("append", name),
            ),
            Hook("nat", hook, name),
        )
    for zone in every:
        for name, need in (("dstnat", "dnat"), ("srcnat", "snat")):
            if need in zone.needs:
                chain = f"{name}_{zone.name}"
                masquerade = nat.masquerade(zone) if name == "srcnat" else ()
                rules = (*include("prepend", chain), *draft.chains.get(chain, ()), *masquerade)
                yield Chain(chain, (*rules, *include("append", chain)))


def _raw(draft: Draft) -> Iterator[Chain]:
    notrack = [zone for zone in draft.zones.values() if "notrack" in zone.needs]
    include = draft.includes.around
    for name, hook, loopback in (("raw_prerouting", "prerouting", False), ("raw_output", "output", True)):
        rules = [rule for zone in notrack for rule in loopback_jumps(zone, "notrack", "traffic", loopback=loopback)]
        before = include("prepend", name) if loopback else ()
        yield Chain(name, (*before, *rules, *include("append", name)), Hook("filter", hook, "raw"))
    for zone in notrack:
        yield Chain(f"notrack_{zone.name}", tuple(draft.chains.get(f"notrack_{zone.name}", ())))


def _mangle(draft: Draft) -> Iterator[Chain]:
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
        # a packet of the router itself is routed anew when its mark has changed
        yield Chain(name, tuple(rules), Hook("route" if hook == "output" else "filter", hook, "mangle"))


def _mtu_fix(zone: FirewallZone, hook: str) -> Iterator[Rule]:
    """TCP connections through the zone get a segment size that fits the path's MTU."""
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
