"""The shape of an exempt: the conditions that it shares with others in one nft set. Exempts as elements of sets. Pure.

The rule that looks up the set of a shape compares devices, family, protocol, DSCP and a mark that is not in the key;
the key consists of the shape's fields (addresses, ports and so on). nft 1.0.6 keeps at most five types of a
concatenation and shifts `ip dscp` inside one, so DSCP is never in a key.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from offload.compiler.offload.exempts.intervals import Box, joined
from offload.model.plan import ExemptMatch
from offload.model.sections.fields import FIELDS, Field
from offload.model.sections.kinds import Span
from offload.model.sections.match import WHOLE_MARK, Bits, Item, Match, excluded, families, wanted
from offload.model.text.octets import as_bytes
from offload.nft.match import text
from offload.nouns import dataclass

MOST_FIELDS = 5
WORDS = {each.word: each for each in FIELDS if each.word}
NUMBERED = {"gre": "47"}  # nft knows the name by /etc/protocols only


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """Conditions that exempts (traffic not to be offloaded) must have in common to stand in one nft set.

    They must also have the same negated conditions, which a Shape lacks.
    """

    iifs: tuple[str, ...]  # input devices
    oifs: tuple[str, ...]  # output devices
    version: int  # 4, 6, or 0 for both
    proto: str  # protocol by name; empty: any
    mark: Span  # (value, mask) of a mark that is not in the key, as a masked one; (0, 0) for none
    dscp: int  # -1 for none
    fields: tuple[str, ...]  # names of the key's parts: saddr, dport and so on

    def name(self, others: str, suffix: str) -> str:
        """The name of the nft set for exempts of this shape: `exempt_ip4_tcp_saddr_dport_1a2b3c`, then `suffix`.

        `others`: the negated conditions of the set's rule, as nft text. `suffix`: for the kind of the set's elements
        (ranges, or with a timeout). Equal shapes and arguments give equal names.
        """
        readable = "_".join(word for word in (f"ip{self.version or ''}", self.proto, *self.fields) if word)
        hashed = f"_{self!r}{others}"  # the class had the name _Shape: sets keep their names over an upgrade
        return f"exempt_{readable}_{hashlib.sha256(as_bytes(hashed)).hexdigest()[:6]}{suffix}"


def expanded(match: ExemptMatch) -> Iterator[tuple[Shape, str, Box]]:
    """Yield (shape, negated conditions as nft text, box) for each combination of an exempt's values: its set elements.

    The values are its families, protocols, and those of the key's parts. A shape has all devices of the exempt. A box
    is one element as numbers: a range (first, last) for each part of the set's key; without parts, (). Nothing is
    yielded if the exempt's addresses have no family in common.
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
            shape = Shape(match.iifs, match.oifs, version, proto, masked, dscp[0] if dscp else -1, tuple(fields))
            others = _others(conditions, version, proto)
            for box in product(*(spans[field] for field in fields)):
                yield shape, others, box


# None: absent or negated
def _bits(value: Bits | None) -> Span | None:
    return (value.value, value.mask) if value and not value.negated else None


# the negated conditions as nft text
def _others(match: Match, version: int, proto: str) -> str:
    negated = {field.name: excluded(field.values(match)) for field in FIELDS}
    if not any(negated.values()):
        return ""
    given: dict[str, Any] = {name: _of_family(values, version) for name, values in negated.items()}
    given |= {field.name: next(iter(given[field.name]), None) for field in FIELDS if not field.many}
    family = version if given["dscp"] else None
    return text(Match(**given | {"family": family, "proto": (Item(proto),) if _ported(given) else ()})).strip()


def _of_family(values: Iterable[Any], version: int) -> tuple[Any, ...]:
    return tuple(each for each in values if getattr(each, "family", version) == version)


def _ported(given: Mapping[str, Any]) -> bool:
    return any(given[field.name] for field in FIELDS if field.port)


# The families (4, 6) for which an exempt needs a rule each; [0]: one rule for both; []: none can match. Without
# addresses only DSCP needs two rules, as nft has an expression for it in each family.
def _versions(match: Match) -> list[int]:
    lists: list[set[int]] = [families(nets) for nets in (match.src_ip, match.dest_ip) if nets]
    if not lists:
        return [0] if match.dscp is None else [4, 6]
    return sorted(set.intersection(*lists))


# the values without negated ones, as ranges of numbers
def _spans(field: Field, match: Match, version: int) -> list[Span]:
    spans = [field.kind.span(each) for each in _of_family(wanted(field.values(match)), version)]
    return joined(spans) if field.kind.joins else spans


def rule_text(shape: Shape, others: str, reference: str) -> str:
    """The conditions of the rule that looks packets up in a set of exempts, as nft text without a verdict.

    `others`: the negated conditions as nft text, which come last. `reference`: the set, `@NAME`; not used for a shape
    without fields, whose rule needs no set.
    """
    ip = "ip6" if shape.version == 6 else "ip"  # noqa: PLR2004 - IP versions are their own names
    parts = list(device_conditions(shape.iifs, shape.oifs))
    # nft adds the checks of family and protocol for addresses, DSCP and ports
    ported = any(WORDS[word].port for word in shape.fields) or f"{shape.proto} " in others
    parts += [f"meta l4proto {NUMBERED.get(shape.proto, shape.proto)}"] if shape.proto and not ported else []
    parts += [f"meta mark & {shape.mark[1]:#010x} == {shape.mark[0]:#010x}"] if shape.mark[1] else []
    parts += [f"{ip} dscp {shape.dscp}"] if shape.dscp >= 0 else []
    keys = [WORDS[word].key.format(ip=ip, proto=shape.proto) for word in shape.fields]
    parts += [f"{' . '.join(keys)} {reference}"] if keys else []
    parts += [others] if others else []
    return " ".join(parts)


def device_conditions(iifs: Iterable[str], oifs: Iterable[str]) -> Iterator[str]:
    """The conditions on input devices (`iifs`) and output devices (`oifs`) as nft text; none for an empty list."""
    for key, names in (("iifname", iifs), ("oifname", oifs)):
        if names:
            yield f"{key} {{ {', '.join(map(_quoted, names))} }}"


def _quoted(name: str) -> str:
    return f'"{name}"'
