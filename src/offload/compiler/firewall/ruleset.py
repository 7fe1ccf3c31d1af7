"""Compile table inet fw4: every section, and the chains in their order. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from offload.compiler.firewall import objects, unread, zones
from offload.compiler.firewall.chains.filter_chains import filter_chains, zone_filter
from offload.compiler.firewall.chains.translation_chains import mangle_chains, nat_chains, raw_chains
from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.includes import Includes
from offload.compiler.firewall.matches.expand import Expander, LeftOutError
from offload.compiler.firewall.matches.named_sets import named_sets
from offload.compiler.firewall.rules import filter as filter_rules
from offload.compiler.firewall.rules import nat, redirect
from offload.compiler.firewall.zones import FirewallZone
from offload.model.kernel.nft import Chain, Include, Ruleset, Table
from offload.model.problems.firewall_problem import FirewallProblem
from offload.model.sections.firewall import FirewallConfig, RouterState

TABLE = "fw4"
LABEL = "!fw4: "  # prefix of fw4's comments, by which other programs recognize its rules


class Compiled(NamedTuple):
    """A ruleset, the problems of its sections, and the zones as they are now, without those left out of the ruleset."""

    ruleset: Ruleset
    problems: tuple[FirewallProblem, ...]
    zones: tuple[FirewallZone, ...]


def compile_firewall(config: FirewallConfig, state: RouterState) -> Compiled:
    """Compile the whole ruleset of `table inet fw4` from /etc/config/firewall and the router's networks.

    A section that cannot be compiled is left out and adds a problem. If a zone is left out, or its subnets have no
    address now, rules refuse some of the packets that the zone would refuse and `config defaults` would accept
    (`unread.refusals`). `state`: the router's networks, devices and kernel modules, and nft files to include.
    """
    problems: list[FirewallProblem] = []
    named = named_sets(config.ipsets)
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
    problems.extend(draft.includes.unused())
    ruleset = Ruleset(table, draft.includes.at("ruleset-prepend"), draft.includes.at("ruleset-append"))
    return Compiled(ruleset, tuple(problems), every)


# Each section by itself, so that a bad one does not affect the others. Their order is that of the rules in a chain.
def _sections(draft: Draft) -> None:
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
    yield from filter_chains(draft, offload)
    for zone in draft.zones.values():
        yield from zone_filter(draft, zone)
    yield from nat_chains(draft)
    yield from raw_chains(draft)
    yield from mangle_chains(draft)
