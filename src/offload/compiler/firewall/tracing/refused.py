"""Find connections that the configured rules refuse now and did not refuse before. Pure.

A connection is judged as if its first packet came now. Rules with a condition that a connection does not show (such as
a set, mark, limit, DSCP or helper), and rules after an included nft file, refuse nothing. A connection that such rules
may accept is not refused.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import NamedTuple

from offload.compiler.firewall.ruleset import Compiled
from offload.compiler.firewall.tracing.packet import NO, Packet, kinds, meets
from offload.compiler.firewall.tracing.times import holds
from offload.compiler.firewall.tracing.trace import Hook, at_hook
from offload.model.kernel.nft import Chain, Include, Rule
from offload.model.sections.match import Times

REFUSING, TRANSLATING = ("drop", "reject"), ("dnat", "redirect")


class Rules(NamedTuple):
    """The chains of a compiled firewall by name, and a moment (seconds since 1970) for rules that compare the time."""

    chains: Mapping[str, Chain]
    moment: float

    @classmethod
    def of(cls, compiled: Compiled, moment: float) -> "Rules":
        """The chains of a compiled firewall, with this moment in seconds since 1970."""
        return cls({each.name: each for each in compiled.ruleset.table.chains}, moment)


class Connection(NamedTuple):
    """A connection's first packet: as it arrives, and as the forward hook sees it after DNAT."""

    arriving: Packet
    forwarded: Packet


class Refusal(NamedTuple):
    """The section that refuses a connection: its UCI id, and the comment of its last rule on the way to the verdict.

    If a zone's policy refuses it, these are the zone's id and the comment of the jump to its chain. If no section does,
    the id is empty, and `rule` is `the policy of forward`, or of another base chain.
    """

    origin: str
    rule: str


def refusal(rules: Rules, each: Connection) -> Refusal | None:
    """What would refuse the connection if it began now; None: it would be accepted, or that is uncertain.

    That is uncertain, for example, if a rule with an unknown condition (such as a set, a mark or a rate limit) could
    let it pass, or if the rules of an included nft file could.
    """
    hooks = list(_hooks(rules, each))
    if any(not step.verdict.startswith(REFUSING) for hook in hooks for step in hook.may):
        return None
    return next((_decided(hook) for hook in hooks if hook.verdict.startswith(REFUSING)), None)


# input: the port forward that translated the connection is not there any more
def _hooks(rules: Rules, each: Connection) -> Iterator[Hook]:
    arriving, forwarded = (packet._replace(moment=rules.moment, live=True) for packet in each)
    first = at_hook(rules.chains, "dstnat", arriving)
    yield first
    if forwarded.translated and not first.verdict.startswith("dnat"):
        yield at_hook(rules.chains, "input", arriving)
    elif forwarded.translated or not first.verdict.startswith(TRANSLATING):
        yield at_hook(rules.chains, "forward", forwarded)


# else a rule of another table translated the connection
def _may_translate(rules: Rules, each: Connection) -> bool:
    hook = at_hook(rules.chains, "dstnat", each.arriving._replace(moment=rules.moment, live=True))
    return any(verdict.startswith(TRANSLATING) for verdict in (hook.verdict, *(step.verdict for step in hook.may)))


# Of the rules on the way the last one of a section, without those in a zone's verdict chain (`drop_from_lan`).
def _decided(hook: Hook) -> Refusal:
    step = next((each for each in reversed(hook.way) if each.origin and each.chain.startswith(hook.name)), None)
    return Refusal(step.origin, step.comment) if step else Refusal("", f"the policy of {hook.name}")


def newly_refused(before: Rules, now: Rules) -> Callable[[Connection], Refusal | None]:
    """Make a function: a connection -> its Refusal if `now` refuses it and `before` did not, else None.

    None also for a connection that no changed rule may match (`changes`), or that DNAT of another table has translated.
    """
    changed = changes(before, now)
    kind = kinds(rule.match for rules in (before, now) for rule in _rules(rules))
    known: dict[Hashable, Refusal | None] = {}

    def judged(each: Connection) -> Refusal | None:
        key = tuple(map(kind, dict.fromkeys(each)))
        if key not in known:
            known[key] = anew(each)
        return known[key]

    def anew(each: Connection) -> Refusal | None:
        seen = [packet._replace(live=True) for packet in set(each)]
        if changed is not None and not any(meets(rule, packet)[0] != NO for rule in changed for packet in seen):
            return None
        found = refusal(now, each)
        if found is None or refusal(before, each) is not None:
            return None
        ours = not each.forwarded.translated or _may_translate(before, each) or _may_translate(now, each)
        return found if ours else None

    return judged


def _rules(rules: Rules) -> Iterator[Rule]:
    return (rule for chain in rules.chains.values() for rule in chain.rules if isinstance(rule, Rule))


def changes(before: Rules, now: Rules) -> tuple[Rule, ...] | None:
    """The rules that are new or gone, or whose times hold at only one of the moments of `before` and `now`.

    Where rules that stay in a chain change their order, all rules of that chain. A packet that matches none of the
    result takes the same way through both rulesets. The rules in the result have no times, comments, counters or logs.
    (): no rule changed. None: policies or include statements changed, or the order of rules in a chain with include
    statements; then any packet may take another way.
    """
    old, new = before.chains, now.chains
    if _policies(old) != _policies(new):
        return None
    found: list[Rule | Include] = []
    for name in old.keys() | new.keys():
        was, there = (_plain(each[name]) if name in each else [] for each in (old, new))
        found += _differing(was, there)
    for chain in new.values():
        found += [rule for rule in _plain(chain) if isinstance(rule, Rule) and _begins(rule, before.moment, now.moment)]
    rules = [rule for rule in found if isinstance(rule, Rule)]
    return tuple(_at_any_time(rule) for rule in rules) if len(rules) == len(found) else None


def times(rules: Rules) -> Iterator[Times]:
    """The times (dates, hours, weekdays) of each rule of the ruleset that has such conditions."""
    return (rule.match.times for rule in _rules(rules) if rule.match.times is not None)


def _policies(chains: Mapping[str, Chain]) -> dict[str, str]:
    return {name: chain.hook.policy for name, chain in chains.items() if chain.hook}


# Comments, counters and logs do not decide about packets.
def _plain(chain: Chain) -> list[Rule | Include]:
    return [Rule(each.verdict, each.match) if isinstance(each, Rule) else each for each in chain.rules]


def _differing(was: list[Rule | Include], there: list[Rule | Include]) -> list[Rule | Include]:
    if was == there:
        return []
    one, other = Counter(was), Counter(there)
    stay = one.keys() & other.keys()
    if [each for each in was if each in stay] != [each for each in there if each in stay]:
        return [*(one | other)]
    return [*((one - other) + (other - one))]


def _begins(rule: Rule, before: float, now: float) -> bool:
    times = rule.match.times
    return times is not None and holds(times, before) is not holds(times, now)


def _at_any_time(rule: Rule) -> Rule:
    return rule._replace(match=rule.match._replace(times=None))
