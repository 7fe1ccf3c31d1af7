"""The chains of one of our tables, rule by rule. Pure."""

from collections.abc import Iterator

from offload.compiler.offload.exempts.exempt_sets import ExemptRules
from offload.compiler.offload.stations import choosing_rules
from offload.compiler.offload.tables.guard import guard
from offload.model.config import Family
from offload.model.kernel.live import STRAY_SET
from offload.model.kernel.nft import Chain, Hook, Rule
from offload.model.plan import (
    ACCEPTED_PRIORITY,
    BEHIND_PRIORITY,
    FORWARD_PRIORITY,
    PAIRS,
    SHARED_PRIORITY,
    PolicyKey,
    Table,
)
from offload.model.sections.match import Match

# IPS_OFFLOAD and IPS_HW_OFFLOAD: the kernel's hardware mark. A packet with it here shows that hardware lacks its flow.
STRAYS = f"ct status & 0xc000 == 0xc000 update @{STRAY_SET} {{ iifname . oifname counter }}"
ACCEPTED = Hook("filter", "forward", f"{ACCEPTED_PRIORITY}")


def chains(table: Table, exempts: ExemptRules) -> tuple[Chain, ...]:
    """All chains of a table: first those that others jump to, base chains last.

    Only packets of the original direction reach exempts and are offloaded, so exempts mean what the user wrote,
    whatever the replies are. `accept` only leaves our base chain: the firewall has decided before, at priority filter.
    A reply is looked up as its pair's, with iif and oif exchanged. A packet of a pair that is not offloaded passes
    three rules, in the hardware table four.
    """
    reply = "ct direction reply oifname . iifname"
    return (
        *guard(),
        *(_policy(key, table, exempting=bool(exempts.rules)) for key in table.policies),
        Chain("exempt", tuple(Rule("accept", Match(raw=condition)) for condition in exempts.rules)),
        *((Chain("accepted", (_by_pair(f"ct state established {reply}"),), ACCEPTED),) if table.late else ()),
        Chain(
            "forward",
            (
                *((Rule(STRAYS),) if table.hardware else ()),
                _rule("ct state != established", "goto fresh"),
                _by_pair("ct direction original iifname . oifname"),
                *(() if table.late else (_by_pair(reply),)),
            ),
            Hook("filter", "forward", f"filter + {SHARED_PRIORITY if table.hardware else FORWARD_PRIORITY}"),
        ),
    )


def covered(table: Table) -> str:
    """Properties of flowtable and sets as text, which the fingerprints of chain `forward` cover besides its rules."""
    kind = "offload " if table.hardware else ""
    return f"{table.flowtable} {kind}counter {table.remembered}" + (" behind" if table.behind else "")


def ingress_priority(table: Table) -> str:
    """The priority of the table's flowtable on the ingress hooks of its devices; both tables may have one device."""
    after = BEHIND_PRIORITY * table.behind + table.hardware
    return f"filter + {after}" if after else "filter"


def _rule(condition: str, verdict: str) -> Rule:
    return Rule(verdict, Match(raw=condition))


def _by_pair(key: str) -> Rule:
    return Rule(f"{key} vmap @{PAIRS}")


def _policy(key: PolicyKey, table: Table, *, exempting: bool) -> Chain:
    return Chain(key.chain, tuple(_of_policy(key, table, exempting=exempting)))


def _of_policy(key: PolicyKey, table: Table, *, exempting: bool) -> Iterator[Rule]:
    """The rules of a policy's chain: replies are remembered; an original packet stays slow, or its flow is offloaded.

    `exempting`: the table has exempts, so there is a jump to their chain.
    """
    if key.family != Family.ANY.value:
        yield _rule(f"meta nfproto != {key.family}", "accept")
    yield _rule("ct direction reply", "goto replied")
    if exempting:
        yield Rule("jump exempt")
    yield Rule("jump guard")
    if key.after_packets:
        yield _rule(f"ct original packets < {key.after_packets}", "accept")
    if table.ipsec:
        yield Rule("accept", Match(raw="rt ipsec exists"))
    if key.stations:
        yield from map(Rule, choosing_rules(key.stations, table.flowtable, hardware=table.hardware))
    else:
        yield Rule(f"flow add @{table.flowtable}")
