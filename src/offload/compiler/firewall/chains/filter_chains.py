"""The filter chains: input, forward, output, the chains they jump to, and those of every zone. Pure."""

from collections.abc import Iterator

from offload.compiler.firewall.chains.zone_chains import VERDICTS, jumps, loopback_jumps, verdict_chain
from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.zones import FirewallZone, log_limit
from offload.model.kernel.nft import Chain, Hook, Rule
from offload.model.sections.firewall import Defaults
from offload.model.sections.match import Item, Limit, Match

ACCEPT_DNAT = Match(raw="ct status dnat")
SYN = Match(raw="tcp flags & (fin | syn | rst | ack) == syn")


def filter_chains(draft: Draft, offload: bool) -> Iterator[Chain]:
    """Yield the chains input, forward, output and prerouting, then handle_reject and, with synflood_protect, syn_flood.

    The first four are base chains and jump to the chains of zones, which `zone_filter` makes (prerouting: to those that
    assign conntrack helpers). If `offload`, forward begins with a rule that adds TCP and UDP flows to fw4's own
    flowtable `ft`.
    """
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
    assign = (
        loopback_jumps(zone, "helper", "assignment", loopback=False) for zone in every if "helper" in zone.used_chains
    )
    yield Chain("prerouting", tuple(rule for rules in assign for rule in rules), Hook("filter", "prerouting", "filter"))
    yield Chain("handle_reject", tuple(_reject(defaults)))
    if defaults.synflood_protect:
        yield Chain("syn_flood", tuple(_syn_flood(defaults)))


def _output(zone: FirewallZone) -> Iterator[Rule]:
    if "helper" in zone.used_chains:
        yield from loopback_jumps(zone, "helper", "assignment", loopback=True)
    yield from jumps(zone, "output")


# A base chain cannot have policy reject: it gets drop, and its last rule rejects.
def _hook(name: str, policy: str) -> Hook:
    return Hook("filter", name, "filter", "drop" if policy == "reject" else policy)


def _states(defaults: Defaults, flows: str) -> Rule:
    invalid = ", invalid : drop" if defaults.drop_invalid else ""
    verdict = f"ct state vmap {{ established : accept, related : accept{invalid} }}"
    return Rule(verdict, comment=f"Handle {flows} flows")


def _reject(defaults: Defaults) -> Iterator[Rule]:
    def answer(code: str) -> str:
        return "reject with tcp reset" if code == "tcp-reset" else f"reject with icmpx type {code}"

    yield Rule(answer(defaults.tcp_reject_code), Match(proto=(Item("tcp"),)), "Reject TCP traffic")
    if defaults.any_reject_code == "tcp-reset":  # only TCP can be rejected so
        yield Rule("drop", comment="Drop any other traffic")
    else:
        yield Rule(answer(defaults.any_reject_code), comment="Reject any other traffic")


def _syn_flood(defaults: Defaults) -> Iterator[Rule]:
    rate = defaults.synflood_rate
    limit = Limit(rate.rate, rate.unit, burst=defaults.synflood_burst)
    yield Rule("return", Match(limit=limit), "Accept SYN packets below rate-limit")
    yield Rule("drop", comment="Drop excess packets")


def zone_filter(draft: Draft, zone: FirewallZone) -> Iterator[Chain]:
    """The filter chains of a zone: input_ZONE, output_ and forward_, then those optional ones that rules jump to.

    Optional are helper_ and the chains of verdicts, such as drop_from_. The last jump of input_, output_ and forward_
    is to the chain of the zone's policy, so these are added to its `used_chains`. With bit 0 of option log, forward_
    ends with a rule that logs packets that it leaves to the policy of `config defaults`, unless that is ACCEPT.
    """
    name, include = zone.name, draft.includes.around
    dnat = "dnat" in zone.used_chains
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
        zone.used_chains.add(f"{policy}_{end}")
    if "helper" in zone.used_chains:
        yield Chain(f"helper_{name}", tuple(draft.chains.get(f"helper_{name}", ())))
    for verdict in VERDICTS:
        for end in ("from", "to"):
            if f"{verdict}_{end}" in zone.used_chains:
                rules = verdict_chain(zone, verdict, egress=end == "to", defaults=draft.config.defaults)
                yield Chain(f"{verdict}_{end}_{name}", tuple(rules))


# Packets that leave the zone's chain without a verdict get the base chain's policy, which does not log.
def _log_forward(defaults: Defaults, zone: FirewallZone) -> Iterator[Rule]:
    if defaults.forward != "accept" and zone.zone.log & 1:
        limit = log_limit(zone)
        match = Match(raw=f'limit name "{limit}"') if limit else Match()
        yield Rule("", match, log=f"{defaults.forward} {zone.name} forward: ")
