"""The chains of one of offload's tables, rule by rule. Pure."""

from collections.abc import Iterator

from offload.compiler.offload.exempts.exempt_sets import ExemptRules
from offload.compiler.offload.stations import choosing_rules
from offload.compiler.offload.tables.crossings import Passing, own, passings
from offload.compiler.offload.tables.guard import guard
from offload.model.config import Family
from offload.model.kernel.live import STRAY_SET
from offload.model.kernel.nft import Chain, Hook, Rule
from offload.model.plan import (
    ACCEPTED_PRIORITY,
    BEHIND_PRIORITY,
    CROSSINGS,
    FORWARD_PRIORITY,
    SHARED_PRIORITY,
    PolicyKey,
    Table,
)
from offload.model.sections.match import Match

# IPS_OFFLOAD and IPS_HW_OFFLOAD: the kernel's hardware mark. A packet with it here shows that hardware lacks its flow.
STRAYS = f"ct status & 0xc000 == 0xc000 update @{STRAY_SET} {{ iifname . oifname counter }}"
# by indexes: that costs less than half of a look-up by names (docs/performance.md)
CROSSING = f"iif . oif vmap @{CROSSINGS}"
FIRST = Rule("goto first", Match(raw="ct state != established"))  # first packets of connections


def chains(table: Table, exempts: ExemptRules) -> tuple[Chain, ...]:
    """The chains of one of offload's tables, as nftables objects.

    Base chain `forward` looks a packet's (iif, oif) up in map `crossings` and goes to the chain of that element, if
    there is one. In that chain only established packets of the original direction reach the exempts (`exempts`: rules
    for traffic that is never offloaded), then the guard, which lets a connection pass whose reply the firewall has
    accepted, and then `flow add`. Verdict `accept` leaves our base chain only: the firewall has decided before, at
    priority filter.
    """
    found = {*passings(table.elements).values(), *own(table).values()}
    return (
        *guard(),
        *(_passing(each, table, exempting=bool(exempts.rules)) for each in sorted(found, key=lambda one: one.chain)),
        Chain("exempt", tuple(Rule("accept", Match(raw=condition)) for condition in exempts.rules)),
        Chain("forward", tuple(_look_ups(table)), Hook("filter", "forward", _priority(table))),
    )


def covered(table: Table) -> str:
    """Properties of a table that its rules do not show, as text for the hashes of the rules of chain `guard`.

    They are the flowtable's name and hardware flag, the size of the sets of accepted replies, the priorities of the
    flowtable and of chain `forward`, and its look-up in map `crossings`. If one changes, the hashes differ from those
    in the kernel.
    """
    kind = "offload " if table.hardware else ""
    return f"{table.flowtable} {kind}counter {table.remembered} {ingress_priority(table)} {_priority(table)} {CROSSING}"


def ingress_priority(table: Table) -> str:
    """The priority of the table's flowtable on the ingress hooks of its devices, as nft text: `filter`, `filter + 1`.

    Hardware has one more than software, as both tables may list the same device. BEHIND_PRIORITY is added if the
    flowtable must come behind chains of other programs (`Table.behind`).
    """
    after = BEHIND_PRIORITY * table.behind + table.hardware
    return f"filter + {after}" if after else "filter"


# Without an element for it a packet need not be looked up, and to compare one device costs less (docs/performance.md).
def _look_ups(table: Table) -> Iterator[Rule]:
    if table.absent:
        yield _rule(f'iif != "{table.absent}" oif != "{table.absent}"', CROSSING)
    elif table.common:
        yield from (_rule(f'{end} "{table.common}"', CROSSING) for end in ("iif", "oif"))
    else:
        yield Rule(CROSSING)


# of the table's chain on the forward hook, as nft text
def _priority(table: Table) -> str:
    shared = SHARED_PRIORITY if table.hardware else FORWARD_PRIORITY
    return f"{ACCEPTED_PRIORITY + shared - SHARED_PRIORITY}" if table.late else f"filter + {shared}"


def _rule(condition: str, verdict: str) -> Rule:
    return Rule(verdict, Match(raw=condition))


def _passing(passing: Passing, table: Table, *, exempting: bool) -> Chain:
    rules = (
        *_of_all(passing, table),
        *(_of_policy(passing.policy, table, exempting=exempting) if passing.policy else ()),
    )
    return Chain(passing.chain, rules)


# only established packets go on, and replies are remembered where they matter
def _of_all(passing: Passing, table: Table) -> Iterator[Rule]:
    yield FIRST
    if table.hardware:
        yield Rule(STRAYS)
    family = "" if passing.replies == Family.ANY.value else f" meta nfproto {passing.replies}"
    if passing.replies:
        yield _rule(f"ct direction reply{family}", "goto replied")
    if passing.policy and (family or not passing.replies):
        yield _rule("ct direction reply", "accept")


# for original packets: they stay slow, or their flow is offloaded
def _of_policy(key: PolicyKey, table: Table, *, exempting: bool) -> Iterator[Rule]:
    if key.family != Family.ANY.value:
        yield _rule(f"meta nfproto != {key.family}", "accept")
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
