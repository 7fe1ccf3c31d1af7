"""Write exempts (traffic not to be offloaded) as few nft sets and rules, because each rule costs packets time. Pure.

Exact values go to a hash set, ranges and networks to interval sets: to so many that no two intervals of a set overlap,
which the kernel refuses (of concatenations nft_set_pipapo.c).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from offload.compiler.offload.exempts.intervals import Box, layers, outermost
from offload.compiler.offload.exempts.shapes import WORDS, Shape, device_conditions, expanded, rule_text
from offload.compiler.offload.exempts.timed_exempts import comment
from offload.model.plan import ExemptMatch, TimedExempt
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class ExemptSet:
    """A named nft set of exempts (traffic not to be offloaded); a rule that looks it up has the conditions they share.

    With `timed_exempts`, an element has a timeout, and a comment with what its key and the set's name lack.
    """

    name: str  # derived from the conditions that its exempts share
    type: str  # nft type of the key
    interval: bool  # the keys are ranges or networks
    keys: tuple[str, ...]  # as nft text
    timed_exempts: tuple[TimedExempt, ...] = ()  # one per key; empty: the keys have no timeout

    @property
    def flags(self) -> tuple[str, ...]:
        """The set's flags as nft text: `interval`, `timeout`, both or none."""
        return (*(("interval",) if self.interval else ()), *(("timeout",) if self.timed_exempts else ()))

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements as nft text, to be compared with the kernel's: keys; timed ones with a comment.

        Timeouts are not in it, because the remaining seconds change.
        """
        if not self.timed_exempts:
            return self.keys
        return tuple(
            f"{key} {_comment(timed_exempt)}" for key, timed_exempt in zip(self.keys, self.timed_exempts, strict=True)
        )

    @property
    def written(self) -> tuple[str, ...]:
        """The elements as they are sent to nft: keys; timed ones with timeout, remaining seconds and comment."""
        if not self.timed_exempts:
            return self.keys
        return tuple(
            f"{key} timeout {timed_exempt.timeout}s expires {timed_exempt.expires}s {_comment(timed_exempt)}"
            for key, timed_exempt in zip(self.keys, self.timed_exempts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ExemptRules:
    """The exempts (traffic not to be offloaded) of a table: their sets, and the rules for its chain `exempt`.

    `rules`: the conditions of each rule as nft text, without a verdict.
    """

    sets: tuple[ExemptSet, ...]
    rules: tuple[str, ...]


def exempt_rules(matches: Iterable[ExemptMatch]) -> ExemptRules:
    """Make the nft sets and rules for a table's exempts (traffic not to be offloaded).

    Exempts of the same Shape (devices, family, protocol, ...) and negated conditions share a set of exact values, and
    sets of ranges; a set has one rule that looks it up, and exempts without values have a rule without a set. Exempts
    with a timeout have sets of their own. Of the others a range within another is left out; ranges that still overlap
    are spread over several sets. Exempts with `connmark` (connections with a conntrack mark) have rules without a set,
    which come last.
    """
    lasting, timed = list[ExemptMatch](), list[ExemptMatch]()
    marked: list[str] = []
    for match in matches:
        if match.connmark:
            marked.append(" ".join((*device_conditions(match.iifs, match.oifs), "ct mark != 0")))
        else:
            (timed if match.timed_exempt else lasting).append(match)
    first, second = _grouped(lasting), _grouped(timed)
    return ExemptRules(first.sets + second.sets, (*first.rules, *second.rules, *marked))


def _grouped(matches: Iterable[ExemptMatch]) -> ExemptRules:
    boxes: dict[tuple[bool, Shape, str], dict[Box, TimedExempt | None]] = defaultdict(dict)
    for match in matches:
        for shape, others, box in expanded(match):
            found = boxes[match.timed_exempt is not None, shape, others]
            found[box] = _longer(found.get(box), match.timed_exempt)
    sets: list[ExemptSet] = []
    rules: list[str] = []
    for timed, shape, others in sorted(boxes):
        named = list(_sets(shape, others, boxes[timed, shape, others])) if shape.fields else []
        sets += named
        rules += [rule_text(shape, others, f"@{each.name}") for each in named] or [rule_text(shape, others, "")]
    return ExemptRules(tuple(sets), tuple(rules))


# Two exempts may have the same element; of equal ends the higher id, so that every Plan has the same.
def _longer(one: TimedExempt | None, other: TimedExempt | None) -> TimedExempt | None:
    return max(
        (timed_exempt for timed_exempt in (one, other) if timed_exempt),
        key=lambda timed_exempt: (timed_exempt.expires, timed_exempt.id),
        default=None,
    )


def _comment(timed_exempt: TimedExempt) -> str:
    return f'comment "{comment(timed_exempt)}"'


def _sets(shape: Shape, others: str, boxes: Mapping[Box, TimedExempt | None]) -> Iterator[ExemptSet]:
    ip = "ipv6" if shape.version == 6 else "ipv4"  # noqa: PLR2004 - IP versions are their own names
    kind = " . ".join(WORDS[field].type.format(ip=ip) for field in shape.fields)
    timed = "_t" if any(boxes.values()) else ""

    def named(suffix: str, members: Iterable[Box], *, interval: bool) -> ExemptSet:
        ordered = sorted(members)
        timed_exempts = tuple(timed_exempt for box in ordered if (timed_exempt := boxes[box]))
        return ExemptSet(shape.name(others, timed + suffix), kind, interval, _elements(shape, ordered), timed_exempts)

    points = {box for box in boxes if all(low == high for low, high in box)}
    if points:
        yield named("", points, interval=False)
    ranges = boxes.keys() - points
    # each set is a rule for every slow packet; timed exempts have their own, as their sets change often
    for index, layer in enumerate(layers(ranges if timed else outermost(ranges)), 1):
        yield named(f"_r{index}", layer, interval=True)


def _elements(shape: Shape, boxes: Iterable[Box]) -> tuple[str, ...]:
    return tuple(
        " . ".join(WORDS[field].kind.key(span, shape.version) for field, span in zip(shape.fields, box, strict=True))
        for box in boxes
    )
