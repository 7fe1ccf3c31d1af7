"""Exempts -> one nft set per shape, and one rule per set, so that a thousand cost a packet as much as ten. Pure.

A shape is all that exempts must share to be in one set: the devices, family, protocol, mark mask and DSCP that stand in
the rule, and the fields that stand in the set's key. nft 1.0.6 keeps at most five types of a concatenation and shifts
`ip dscp` inside one, so DSCP is never in a key. Exact values go to a hash set, ranges and networks to an interval set;
the kernel refuses overlapping intervals in a concatenation (nft_set_pipapo.c), so these are spread over several sets.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from offload.compiler.offload.exempts.intervals import Box, joined, layers, outermost
from offload.compiler.offload.exempts.timed_exempts import comment
from offload.model.plan import ExemptMatch, TimedExempt
from offload.model.sections.fields import FIELDS, Field
from offload.model.sections.kinds import Span
from offload.model.sections.match import WHOLE_MARK, Bits, Item, Match, excluded, families, wanted
from offload.nft.match import text
from offload.nouns import dataclass

MOST_FIELDS = 5
WORDS = {each.word: each for each in FIELDS if each.word}


@dataclass(frozen=True, slots=True)
class ExemptSet:
    """A named set: its nft type, whether it holds intervals, and its keys as nft text.

    With `timed_exempts`, one for each key, its elements have timeouts, and comments from which the exempt can be read
    back.
    """

    name: str  # derived from the shape
    type: str  # nft type of the key
    interval: bool  # the keys are ranges or networks
    keys: tuple[str, ...]  # as nft text
    timed_exempts: tuple[TimedExempt, ...] = ()  # one per key; empty for keys that last

    @property
    def flags(self) -> tuple[str, ...]:
        """The set's flags as nft text: `interval`, `timeout`, both or none."""
        return (*(("interval",) if self.interval else ()), *(("timeout",) if self.timed_exempts else ()))

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements as they are compared with the kernel's: keys; timed ones with comments, without any seconds."""
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
    """All exempts of a table: the sets, and the rules of chain `exempt` as nft text without their verdict."""

    sets: tuple[ExemptSet, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class _Shape:
    """The conditions that exempts must have in common to stand in one set."""

    iifs: tuple[str, ...]  # input devices
    oifs: tuple[str, ...]  # output devices
    version: int  # 4, 6, or 0 for both
    proto: str  # protocol by name; empty: any
    mark: Span  # (value, mask) of a masked mark, which no set can hold; (0, 0) for none
    dscp: int  # -1 for none
    fields: tuple[str, ...]  # names of the key's parts: saddr, dport and so on

    def name(self, others: str, suffix: str) -> str:
        """The set's name, the same in every Plan. `others`: the rule's negated conditions; `suffix`: its last part."""
        readable = "_".join(word for word in (f"ip{self.version or ''}", self.proto, *self.fields) if word)
        return f"exempt_{readable}_{hashlib.sha256(f'{self!r}{others}'.encode()).hexdigest()[:6]}{suffix}"


def exempt_rules(matches: Iterable[ExemptMatch]) -> ExemptRules:
    """Group the exempts by shape, timed ones in sets of their own. The result does not depend on their order.

    Only those with `connmark`, which get rules without a set, come in the order given, after all others.
    """
    lasting, timed = list[ExemptMatch](), list[ExemptMatch]()
    marked: list[str] = []
    for match in matches:
        if match.connmark:
            marked.append(" ".join((*_ends(match.iifs, match.oifs), "ct mark != 0")))
        else:
            (timed if match.timed_exempt else lasting).append(match)
    first, second = _grouped(lasting), _grouped(timed)
    return ExemptRules(first.sets + second.sets, (*first.rules, *second.rules, *marked))


def _grouped(matches: Iterable[ExemptMatch]) -> ExemptRules:
    boxes: dict[tuple[bool, _Shape, str], dict[Box, TimedExempt | None]] = defaultdict(dict)
    for match in matches:
        for shape, others, box in _expand(match):
            found = boxes[match.timed_exempt is not None, shape, others]
            found[box] = _longer(found.get(box), match.timed_exempt)
    sets: list[ExemptSet] = []
    rules: list[str] = []
    for timed, shape, others in sorted(boxes):
        named = list(_sets(shape, others, boxes[timed, shape, others])) if shape.fields else []
        sets += named
        rules += [_rule(shape, others, f"@{each.name}") for each in named] or [_rule(shape, others, "")]
    return ExemptRules(tuple(sets), tuple(rules))


def _longer(one: TimedExempt | None, other: TimedExempt | None) -> TimedExempt | None:
    """The one of two timed exempts that ends later, or if both end together has the higher id; None for two None."""
    return max(
        (timed_exempt for timed_exempt in (one, other) if timed_exempt),
        key=lambda timed_exempt: (timed_exempt.expires, timed_exempt.id),
        default=None,
    )


def _comment(timed_exempt: TimedExempt) -> str:
    return f'comment "{comment(timed_exempt)}"'


def _expand(match: ExemptMatch) -> Iterator[tuple[_Shape, str, Box]]:
    """An exempt as set elements: (shape, negated conditions as nft text, box) for each combination of its values.

    A box is an element as numbers: a range for each part of the set's key. Negated conditions stand in the rule, as no
    set can hold them.
    """
    exempt, conditions = match.exempt, match.exempt.match
    value, mask = _bits(conditions.mark) or (0, 0)
    dscp = _bits(conditions.dscp)
    for version in _versions(conditions):
        spans = {word: _spans(field, conditions, version) for word, field in WORDS.items() if field.many}
        fields = [field for field, values in spans.items() if values]
        exact_mark = mask == WHOLE_MARK and len(fields) < MOST_FIELDS
        if exact_mark:
            fields.append("mark")
            spans["mark"] = [(value, value)]
        masked = (0, 0) if exact_mark else (value & mask, mask)
        for proto in exempt.protocols or ("",):
            shape = _Shape(match.iifs, match.oifs, version, proto, masked, dscp[0] if dscp else -1, tuple(fields))
            others = _others(conditions, version, proto)
            for box in product(*(spans[field] for field in fields)):
                yield shape, others, box


def _bits(value: Bits | None) -> Span | None:
    """(value, mask) of a condition; None if it is absent or negated."""
    return (value.value, value.mask) if value and not value.negated else None


def _others(match: Match, version: int, proto: str) -> str:
    """The negated conditions as nft text, of addresses only those of the family; empty: none."""
    given: dict[str, Any] = {field.name: _of_family(excluded(field.values(match)), version) for field in FIELDS}
    given |= {field.name: next(iter(given[field.name]), None) for field in FIELDS if not field.many}
    family = version if given["dscp"] else None
    return text(Match(**given | {"family": family, "proto": (Item(proto),) if _ported(given) else ()})).strip()


def _of_family(values: Iterable[Any], version: int) -> tuple[Any, ...]:
    """The values; of addresses only those of the family."""
    return tuple(each for each in values if getattr(each, "family", version) == version)


def _ported(given: Mapping[str, Any]) -> bool:
    return any(given[field.name] for field in FIELDS if field.port)


def _versions(match: Match) -> list[int]:
    """The families (4, 6) for which an exempt needs a rule each; [0]: one rule is enough for both; []: none can match.

    With addresses, the families that source and destination have in common. Without, only DSCP needs two rules, as nft
    has an expression for it in each family.
    """
    lists: list[set[int]] = [families(nets) for nets in (match.src_ip, match.dest_ip) if nets]
    if not lists:
        return [0] if match.dscp is None else [4, 6]
    return sorted(set.intersection(*lists))


def _spans(field: Field, match: Match, version: int) -> list[Span]:
    """The values that are not negated, as ranges of numbers; of addresses only those of the family."""
    spans = [field.kind.span(each) for each in _of_family(wanted(field.values(match)), version)]
    return joined(spans) if field.kind.joins else spans


def _rule(shape: _Shape, others: str, reference: str) -> str:
    ip = "ip6" if shape.version == 6 else "ip"  # noqa: PLR2004 - IP versions are their own names
    parts = list(_ends(shape.iifs, shape.oifs))
    # nft adds the checks of family and protocol for addresses, DSCP and ports
    ported = any(WORDS[word].port for word in shape.fields) or f"{shape.proto} " in others
    parts += [f"meta l4proto {shape.proto}"] if shape.proto and not ported else []
    parts += [f"meta mark & {shape.mark[1]:#010x} == {shape.mark[0]:#010x}"] if shape.mark[1] else []
    parts += [f"{ip} dscp {shape.dscp}"] if shape.dscp >= 0 else []
    keys = [WORDS[word].key.format(ip=ip, proto=shape.proto) for word in shape.fields]
    parts += [f"{' . '.join(keys)} {reference}"] if keys else []
    parts += [others] if others else []
    return " ".join(parts)


def _ends(iifs: Iterable[str], oifs: Iterable[str]) -> Iterator[str]:
    """The conditions on devices as nft text; none for an empty list."""
    for key, names in (("iifname", iifs), ("oifname", oifs)):
        if names:
            yield f"{key} {{ {', '.join(map(_quoted, names))} }}"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _sets(shape: _Shape, others: str, boxes: Mapping[Box, TimedExempt | None]) -> Iterator[ExemptSet]:
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


def _elements(shape: _Shape, boxes: Iterable[Box]) -> tuple[str, ...]:
    return tuple(
        " . ".join(WORDS[field].kind.key(span, shape.version) for field, span in zip(shape.fields, box, strict=True))
        for box in boxes
    )
