"""Find traffic that a table in the kernel may have offloaded and the wanted table does not offload. Pure."""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from offload.compiler.offload.exempts.exempt_sets import exempt_rules
from offload.compiler.offload.tables.table import compiled, expected
from offload.model.config import Family
from offload.model.kernel.live import STATION_SETS, LiveTable
from offload.model.kernel.nft import Rule
from offload.model.plan import CROSSINGS, Crossings, ExemptMatch, Plan, PolicyKey, Table
from offload.nouns import dataclass

ASKED = re.compile(r"@(\w+)", re.ASCII)  # the set that a rule looks up
LAYER = re.compile(r"_r\d+$", re.ASCII)  # ranges are spread over several sets (exempt_sets.py)


@dataclass(frozen=True, slots=True)
class Lost:
    """Traffic that may be in a table's flowtable and that the wanted table does not offload; `bool()`: any."""

    crossings: Crossings = frozenset()  # (iif, oif) that the wanted map lacks, or has for less traffic
    exempts: tuple[ExemptMatch, ...] = ()  # of which the kernel's table lacks a rule or an element

    def __bool__(self) -> bool:
        return bool(self.crossings or self.exempts)


NOTHING_LOST = Lost()


def lost(table: Table, held: LiveTable, plan: Plan) -> Lost:
    """The traffic that the table in the kernel (`held`) may have offloaded and that `table`, the wanted one, does not.

    The Plan's other table may take it. `crossings` has each (iif, oif) with a policy in the kernel's map that the
    wanted map lacks, or has for replies alone, or with a policy that lacks IPv4 or IPv6 of before, or that has other
    ends where a host's bridge port decides. Those with a device that does not exist any more are left out: the kernel
    has ended their flows. `exempts` has each exempt of which the kernel's table lacks a rule or an element; if a set of
    ranges gets an element, all exempts with ranges in that set.
    """
    now = {key: verdict for key, _, verdict in (text.partition(" : ") for text in expected(table).elements[CROSSINGS])}
    narrower = (text for text in held.elements.get(CROSSINGS, ()) if _narrower(text, now, plan.present))
    return Lost(frozenset(map(_crossing, narrower)), tuple(_new_exempts(table, held)))


def _crossing(text: str) -> tuple[str, str]:
    key, _, _ = text.partition(" : ")
    iif, _, oif = key.partition(" . ")
    return iif.strip('"'), oif.strip('"')


# `text`: KEY : VERDICT of an element of the live map; `wanted`: the Plan's verdicts, by key; `present`: names of the
# links that exist
def _narrower(text: str, wanted: Mapping[str, str], present: frozenset[str]) -> bool:
    key, _, verdict = text.partition(" : ")
    if not present.issuperset(_crossing(text)):
        return False  # the kernel ended the flows of a device that went away (nf_flow_table_netdev_event)
    if verdict.startswith("goto replies"):
        return False  # it has no policy: only replies are looked for there
    then, now = PolicyKey.of(verdict), PolicyKey.of(wanted.get(key, ""))
    if then is None or now is None:
        return True
    before = Family(then.family)
    return Family(now.family) & before is not before or now.stations != then.stations


# If a set of ranges gets an element, all exempts with ranges in it count: their ranges are spread over several sets.
def _new_exempts(table: Table, held: LiveTable) -> Iterator[ExemptMatch]:
    rules = _new_rules(table, held)
    elements = _new_elements(table, held, {name for rule in rules for name in ASKED.findall(rule)})
    if not rules and not elements:
        return
    ranges = {LAYER.sub("", name) for name in elements if LAYER.search(name)}
    for match in table.exempts:
        alone = exempt_rules((match,))
        if (
            not rules.isdisjoint(alone.rules)
            or any(not elements.get(each.name, frozenset()).isdisjoint(each.keys) for each in alone.sets)
            or any(each.interval and LAYER.sub("", each.name) in ranges for each in alone.sets)
        ):
            yield match


# as nft text, without verdict
def _new_rules(table: Table, held: LiveTable) -> frozenset[str]:
    known = set(held.rules.get("exempt", ()))
    (chain,) = (each for each in compiled(table).chains if each.name == "exempt")
    marks = expected(table).rules["exempt"]
    rules = (rule.match.raw for rule in chain.rules if isinstance(rule, Rule))
    return frozenset(rule for rule, mark in zip(rules, marks, strict=True) if mark not in known)


# By set, the keys that the kernel lacks; of a set that no rule looks up yet (`not_looked_up`), all.
def _new_elements(table: Table, held: LiveTable, not_looked_up: AbstractSet[str]) -> Mapping[str, frozenset[str]]:
    found = {}
    for name, elements in expected(table).elements.items():
        before = frozenset[str]() if name in not_looked_up else held.elements.get(name, frozenset())
        if name != CROSSINGS and name not in STATION_SETS and (new := elements - before):
            found[name] = frozenset(text.partition(" comment ")[0] for text in new)
    return found
