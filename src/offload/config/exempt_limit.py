"""How many elements of nft sets all exempts together may become, and what happens to those that do not fit. Pure.

nft needs about 20 microseconds and a kilobyte for each element, so a few long lists would keep it busy for a minute.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

from offload.config.offload import CONSEQUENCE
from offload.model.config import Exempt
from offload.model.problem import Problem, ProblemCode

MOST_ELEMENTS = 16_384  # those of exempts given at run time aside, which have a limit of their own
LISTS = ("src_ip", "dest_ip", "src_mac", "src_port", "dest_port")


def elements(exempt: Exempt) -> int:
    """How many elements an exempt becomes at most: one for each combination of its lists' values and protocols."""
    lists = (*(getattr(exempt, name) for name in LISTS), exempt.proto)
    return prod(max(len(values), 1) for values in lists)


def widened(markings: Iterable[Exempt]) -> Iterator[Exempt]:
    """Exempts made of firewall rules that mark: those that do not fit lose their longest lists, and so mean more."""
    room = MOST_ELEMENTS
    for found in markings:
        exempt = found
        while elements(exempt) > max(room, 1):
            exempt = _without_longest(exempt)
        room -= elements(exempt)
        yield exempt


def _without_longest(exempt: Exempt) -> Exempt:
    lists: dict[str, Any] = {name: getattr(exempt, name) for name in (*LISTS, "proto")}
    longest: dict[str, Any] = {max(lists, key=lambda name: len(lists[name])): ()}
    return replace(exempt, **longest)


def limited(exempts: Iterable[Exempt], markings: Iterable[Exempt]) -> tuple[tuple[Exempt, ...], tuple[Problem, ...]]:
    """The exempts of sections, those that do not fit beside the others as faulty ones, and a Problem for each of these.

    A later one that is small enough still counts.
    """
    found: list[Exempt] = []
    problems: list[Problem] = []
    room = MOST_ELEMENTS - sum(map(elements, markings))
    for exempt in exempts:
        count = elements(exempt)
        if exempt.faulty or count <= room:
            room -= 0 if exempt.faulty else count
            found.append(exempt)
            continue
        found.append(Exempt(exempt.name, exempt.section, exempt.src, exempt.dest, faulty=True))
        words: dict[str, Any] = {"count": count, "most": MOST_ELEMENTS, "consequence": CONSEQUENCE["exempt"]}
        problems.append(ProblemCode.TOO_MANY_EXEMPTS.at("offload", exempt.section, **words))
    return tuple(found), tuple(problems)
