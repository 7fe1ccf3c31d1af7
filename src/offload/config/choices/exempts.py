"""Read `config exempt` sections.

Values that cannot be read, in this order: a bad value of a list is left out if a value without `!` remains; a bad
condition is left out if an address or MAC remains, and the section then keeps more traffic slow than it names; if the
section names both zones, all traffic of this pair stays slow; otherwise the section has no effect.
"""

# A typo must not slow down the whole router, and must not go unnoticed.
from collections.abc import Collection, Iterator
from itertools import chain
from math import prod
from typing import Any

from offload.config.choices.offload_reading import Reading, read
from offload.config.choices.offload_tables import EXEMPT
from offload.config.choices.options import GRE, NEVER_OFFLOADED, PROTOCOLS
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.exempts import ENDS, Exempt
from offload.model.sections.fields import FIELDS, LISTS, names_a_host
from offload.model.sections.match import Item, Match, families, wanted
from offload.model.sections.section import Section
from offload.model.text.similar import did_you_mean

Given = dict[str, Any]  # option -> value; an absent option matches everything

PORTS = tuple(each.name for each in FIELDS if each.port)
CONDITIONS = (*ENDS, *(each.name for each in FIELDS))
VALUES = tuple(name for name in LISTS if name != "proto")  # each combination is an element in the kernel
# 200 kB of nft text, which nft lists again for every pass; two long lists easily make more than intended.
MOST_COMBINATIONS = 8192

WITHOUT_HARM = {"enabled": "the section counts as enabled", "name": "the section goes by another name"}
OTHERS = "it is left out, and the other values count"
WIDER = "it is left out, so this section keeps more traffic slow than it names"
HELD = "all traffic from {src} to {dest} stays slow until this section is mended or deleted"
NO_EFFECT = "this section has no effect, so what it means is offloaded"
NOT_NEEDED = "this section is not needed"


def exempt(section: Section, zones: Collection[str]) -> tuple[Exempt | None, list[Problem]]:
    """Read a `config exempt`: (Exempt, Problems); the Exempt is None if the section is disabled or has no effect.

    `zones`: names of the firewall's zones in use. A bad condition (not readable, unknown, zone not in `zones`, too long
    a list, ...) is left out if an address or MAC remains, so the Exempt means more traffic. If none remains, the Exempt
    is `faulty`, or None if the section does not name both zones. If all words of `proto` name protocols that are never
    offloaded, it is None. A disabled section has no Problem.
    """
    reading = read(section, EXEMPT, str)
    if not reading.get("enabled", True):
        return None, []
    match = {option: value for option in CONDITIONS if (value := _value(reading, option)) not in {None, ()}}
    lost = {option for option in reading.bad if option not in match and option not in WITHOUT_HARM}
    unfit = list(_unfit(section, match, zones))
    for problem in unfit:
        lost.add(problem.option)
        match.pop(problem.option, None)
    if "proto" in lost and _never_offloaded(section):
        outcome, found = NOT_NEEDED, None
    else:
        outcome, found = _outcome(section, reading.get("name", ""), match, lost)
    reading = read(section, EXEMPT, lambda option: WITHOUT_HARM.get(option) or (OTHERS if option in match else outcome))
    problems = [*reading.problems, *(problem.with_consequence(outcome) for problem in unfit)]
    if not lost and found is None:
        problems.append(ProblemCode.EXEMPT_OF_NOTHING.at("offload", section.id))
    return found, problems


def _value(reading: Reading, option: str) -> Any:
    # None: absent or invalid. A list with a bad value is invalid if all its others are negated: it would match more.
    value = reading.get(option)
    return None if option in VALUES and option in reading.bad and not wanted(value or ()) else value


def _match(match: Given) -> Match:
    return Match(**{option: value for option, value in match.items() if option not in {*ENDS, "proto"}})


def _outcome(section: Section, name: str, match: Given, lost: set[str]) -> tuple[str, Exempt | None]:
    # The Problems' consequence, and the Exempt without the options in `lost`. If one is lost and `match` has no address
    # or MAC, the Exempt is faulty, or None if it does not name both zones; it is None too without any condition.
    ends = {end: match.get(end, "*") for end in ENDS}
    called = name or section.id
    if lost and not names_a_host(_match(match)):
        if "*" in ends.values():
            return NO_EFFECT, None
        return HELD.format(**ends), Exempt(called, section.id, **ends, faulty=True)
    if all(value == "*" for value in match.values()):
        return NO_EFFECT, None
    return WIDER, Exempt(called, section.id, **ends, match=_match(match)._replace(proto=_protocols(match)))


def _protocols(match: Given) -> tuple[Item, ...]:
    # empty: all. With ports, no protocols or `all` mean TCP and UDP, as in fw4.
    given = match.get("proto", ())
    named = tuple(dict.fromkeys(chain.from_iterable(given))) if all(given) else ()
    return named or (PROTOCOLS["tcpudp"] if any(option in match for option in PORTS) else ())


def _unfit(section: Section, match: Given, zones: Collection[str]) -> Iterator[Problem]:
    # Of lists with more than MOST_COMBINATIONS together the longest get a Problem, until the rest is within the limit.
    # The caller leaves out the options that have a Problem, and adds the consequence.
    for end in ENDS:
        if (name := match.get(end, "*")) != "*" and name not in zones:
            words = {"value": name, "hint": did_you_mean(name, zones)}
            yield ProblemCode.UNKNOWN_ZONE.at("offload", section.id, end, **words, consequence="")
    sources, dests = (families(match.get(option, ())) for option in ("src_ip", "dest_ip"))
    if sources and dests and not sources & dests:
        yield ProblemCode.MIXED_FAMILIES.at("offload", section.id, "dest_ip", consequence="")
    if GRE in _protocols(match):
        for option in PORTS:
            if option in match:
                yield ProblemCode.PORTS_OF_GRE.at("offload", section.id, option, consequence="")
    left = dict(match)
    while (count := _combinations(left)) > MOST_COMBINATIONS:
        longest = max(VALUES, key=lambda option: len(left.get(option, ())))
        del left[longest]
        words = {"count": count, "most": MOST_COMBINATIONS}
        yield ProblemCode.TOO_MANY_COMBINATIONS.at("offload", section.id, longest, **words, consequence="")


def _combinations(match: Given) -> int:
    return prod(len(match[option]) for option in VALUES if option in match) * max(len(_protocols(match)), 1)


def _never_offloaded(section: Section) -> bool:
    given = section.options.get("proto", ())
    words = given.split() if isinstance(given, str) else given
    return bool(words) and all(word.lower() in NEVER_OFFLOADED for word in words)
