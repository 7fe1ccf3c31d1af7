"""The chains of one of our tables, rule by rule. Pure."""

from collections.abc import Iterable, Iterator

from offload.compiler.offload.exempt_sets import ExemptRules
from offload.compiler.offload.guard import guard
from offload.compiler.offload.rules import Chain, Rule, digest
from offload.compiler.offload.stations import choosing_rules
from offload.model.config import Family
from offload.model.live import STRAY_SET
from offload.model.plan import (
    ACCEPTED_PRIORITY,
    FORWARD_PRIORITY,
    PAIRS,
    SHARED_PRIORITY,
    Element,
    PolicyKey,
    Table,
)

# IPS_OFFLOAD and IPS_HW_OFFLOAD: packets of flows that hardware is said to have. One that is here proves the contrary.
STRAYS = f"ct status & 0xc000 == 0xc000 update @{STRAY_SET} {{ iifname . oifname counter }}"
FORWARD = "type filter hook forward priority filter + {priority}; policy accept;"
ACCEPTED = f"type filter hook forward priority {ACCEPTED_PRIORITY}; policy accept;"
REPLY = "ct state established ct direction reply oifname . iifname"  # a reply goes the way of its pair backwards


def chains(table: Table, exempts: ExemptRules) -> tuple[Chain, ...]:
    """All chains of a table; those that others go to stand first, base chains last.

    Only packets of the original direction reach the exemptions and are offloaded, so that these mean what the user
    wrote and no reply undoes them. `accept` leaves our base chain, no more: the firewall has spoken before, at priority
    filter.
    """
    return (
        *guard(),
        *(_policy(key, table) for key in table.policies),
        Chain("exempt", tuple(_exempt_rules(exempts))),
        *((Chain("accepted", (_by_pair(table, REPLY),), hook=ACCEPTED),) if table.late else ()),
        Chain(
            "forward",
            (
                *((Rule(STRAYS),) if table.hardware else ()),
                Rule("ct state != established goto fresh"),
                *(() if table.late else (_by_pair(table, "ct direction reply oifname . iifname"),)),
                Rule("ct direction != original accept"),
                Rule("jump exempt"),
                _by_pair(table, "iifname . oifname"),
            ),
            hook=FORWARD.format(priority=SHARED_PRIORITY if table.hardware else FORWARD_PRIORITY),
            covers=f"{table.flowtable} {'offload ' if table.hardware else ''}counter {table.remembered}",
        ),
    )


def _by_pair(table: Table, key: str) -> Rule:
    return Rule(f"{key} vmap @{PAIRS}", PAIRS, _of_elements(map(element_text, table.elements)))


def element_text(element: Element) -> str:
    """One element of map `pairs`."""
    return f'"{element.iif}" . "{element.oif}" : goto {element.policy.chain}'


def _exempt_rules(exempts: ExemptRules) -> Iterator[Rule]:
    digests = {each.name: _of_elements(each.elements) for each in exempts.sets}
    for rule in exempts.rules:
        name = rule.rpartition("@")[2] if "@" in rule else ""
        yield Rule(f"{rule} accept".lstrip(), name, digests.get(name, ""))


def _of_elements(elements: Iterable[str]) -> str:
    return digest("\n".join(sorted(elements)))


def _policy(key: PolicyKey, table: Table) -> Chain:
    family = (Rule(f"meta nfproto != {key.family} accept"),) if key.family != Family.ANY.value else ()
    after = (Rule(f"ct original packets < {key.after_packets} accept"),) if key.after_packets else ()
    add: tuple[str, ...] = (f"flow add @{table.flowtable}",)
    if key.stations:
        add = choosing_rules(key.stations, table.flowtable, hardware=table.hardware)
    return Chain(key.chain, (*family, Rule("jump guard"), *after, *map(Rule, add)))
