"""Widen or leave out configured exempts if all together need more than MOST_ELEMENTS (16,384) nft set elements.

They are those of `config exempt` and those made for `config rule`. Timed exempts are not counted, nor those made for
rules in nft.
"""

# nft needs about 20 microseconds and a kilobyte for each element, so a few long lists would occupy it for a minute.
from collections.abc import Iterable, Iterator
from typing import Any

from offload.config.choices.exempts import HELD, NO_EFFECT, PORTS, WIDER
from offload.model.config import MarkRule
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import LISTS, combinations, names_a_host
from offload.nouns import replace

MOST_ELEMENTS = 16_384  # without those of timed exempts, which have a limit of their own, and of rules in nft


def widened(mark_rules: Iterable[MarkRule]) -> Iterator[MarkRule]:
    """The rules with their exempts reduced to MOST_ELEMENTS (16,384) nft set elements in all.

    In order: an exempt that does not fit loses the conditions with its longest lists, and so matches more traffic.
    Beyond the limit an exempt still needs one element.
    """
    room = MOST_ELEMENTS
    for mark_rule in mark_rules:
        exempts = []
        for exempt in mark_rule.exempts:
            fitting = exempt
            while combinations(fitting.match) > max(room, 1):
                fitting = _without_longest(fitting)
            room -= combinations(fitting.match)
            exempts.append(fitting)
        yield replace(mark_rule, exempts=tuple(exempts))


def _without_longest(exempt: Exempt) -> Exempt:
    # without its protocols it has no ports either: nft refuses those of any protocol
    longest = max(LISTS, key=lambda name: len(getattr(exempt.match, name)))
    left_out: dict[str, Any] = dict.fromkeys((longest, *PORTS) if longest == "proto" else (longest,), ())
    return replace(exempt, match=exempt.match._replace(**left_out))


def limited(
    exempts: Iterable[Exempt], mark_rules: Iterable[MarkRule]
) -> tuple[tuple[Exempt, ...], tuple[Problem, ...]]:
    """Reduce the exempts of sections to MOST_ELEMENTS (16,384) nft set elements in all: (exempts, Problems).

    In order: an exempt that does not fit gets a Problem and loses the conditions with its longest lists, so it matches
    more traffic. If it then names no address or MAC, or still does not fit, it becomes `faulty`, or is left out if it
    does not name both zones. Elements of the exempts of `mark_rules` are subtracted from the limit first; faulty
    exempts need none.
    """
    found: list[Exempt] = []
    problems: list[Problem] = []
    room = MOST_ELEMENTS - sum(combinations(exempt.match) for mark_rule in mark_rules for exempt in mark_rule.exempts)
    for exempt in exempts:
        count = combinations(exempt.match)
        fitting: Exempt | None = exempt
        if not exempt.faulty and count > room:
            fitting, consequence = _fitting(exempt, room)
            words: dict[str, Any] = {"count": count, "most": MOST_ELEMENTS, "consequence": consequence}
            problems.append(ProblemCode.TOO_MANY_EXEMPTS.at("offload", exempt.section, **words))
        if fitting is not None:
            room -= 0 if fitting.faulty else combinations(fitting.match)
            found.append(fitting)
    return tuple(found), tuple(problems)


def _fitting(exempt: Exempt, room: int) -> tuple[Exempt | None, str]:
    # The exempt without the conditions with its longest lists, so that it needs at most `room` set elements, and the
    # Problem's consequence. If no address or MAC is left, or it still does not fit: a faulty exempt, which keeps all
    # traffic from its src to its dest slow; None if it does not name both zones.
    rest = exempt
    while combinations(rest.match) > max(room, 1):
        rest = _without_longest(rest)
    if combinations(rest.match) <= room and names_a_host(rest.match):
        return rest, WIDER
    if "*" in {exempt.src, exempt.dest}:
        return None, NO_EFFECT
    held = Exempt(exempt.name, exempt.section, exempt.src, exempt.dest, faulty=True)
    return held, HELD.format(src=exempt.src, dest=exempt.dest)
