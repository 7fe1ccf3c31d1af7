"""Read a section of /etc/config/offload or of the firewall: its valid values, and Problems."""

from collections.abc import Callable, Mapping
from typing import Any

from offload.config import schema
from offload.config.schema import Fault, Refused, Table
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Section
from offload.model.text.similar import did_you_mean
from offload.nouns import dataclass

HARMLESS = frozenset({Fault.UNSUPPORTED, Fault.NO_EFFECT})  # fw4 reads them as well


@dataclass(frozen=True, slots=True)
class Reading:
    """A section's valid values by option, and Problems for the options in `bad`.

    `bad`: names of the options that are invalid, missing, or unknown (unless `read` ignores unknown ones). A list with
    bad values is in `bad`, and has its valid values, perhaps (), in `values`.
    """

    section: Section
    values: Mapping[str, Any]
    problems: tuple[Problem, ...]
    bad: frozenset[str]

    def get(self, option: str, default: Any = None) -> Any:
        """The option's value; `default` if it is absent or invalid. A list has its valid values, perhaps ()."""
        return self.values.get(option, default)


def read(section: Section, table: Table, consequence: str | Callable[[str], str], *, ignored: bool = False) -> Reading:
    """Read the options of `section` by the table of its type.

    `consequence`: the end of a Problem's sentence, or a function (option name) -> this text; a `consequence` in the
    table replaces it. An unknown option is a fault, but with `ignored` it is skipped. Options that nftables cannot
    express, or that have no effect, have no value and no Problem.
    """
    found = schema.read(section.options, table)
    refused = [
        each for each in found.refused if each.fault not in HARMLESS and not (ignored and each.fault is Fault.UNKNOWN)
    ]
    problems = []
    for each in refused:
        then = consequence if isinstance(consequence, str) else consequence(each.option)
        code, words = _sentence(each, section.type, table)
        problems.append(code.at(section.package, section.id, each.option, **{"consequence": then, **words}))
    return Reading(section, found.values, tuple(problems), frozenset(each.option for each in refused))


def _sentence(refused: Refused, kind: str, table: Table) -> tuple[ProblemCode, dict[str, object]]:
    if refused.fault is Fault.UNKNOWN:
        return ProblemCode.UNKNOWN_OPTION, {"type": kind, "hint": did_you_mean(refused.option, table)}
    if refused.fault is Fault.MISSING:
        return ProblemCode.MISSING_OPTION, {}
    option = table[refused.option]
    own: dict[str, object] = {"consequence": option.consequence} if option.consequence else {}
    if refused.fault is Fault.NOT_A_LIST:
        return ProblemCode.NOT_A_LIST, own
    if refused.bad is not None:
        return refused.bad.fault, {"hint": "", **refused.bad.words, **own}
    return ProblemCode.BAD_VALUE, {"value": refused.value, "expected": option.expected, **own}
