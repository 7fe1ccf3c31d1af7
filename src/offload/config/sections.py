"""A section's options, read by the table of its type: the values that are good, and a problem for each that is not.

Values repeat over thousands of rules, so what an option has read is remembered.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from offload.config.fw4_values import Parser
from offload.model.firewall import Origin
from offload.model.firewall_problem import FirewallFault, FirewallProblem

# What becomes of a section with a fault in such an option.
CORE = "core"  # it is left out: nobody can tell which traffic it concerns, or what it does with it
CONDITION = "condition"  # it would match too much: left out, but a DROP or REJECT may hold without the condition
DETAIL = "detail"  # it is left out, but a DROP or REJECT holds without the option

Given = str | Sequence[str]
BAD: Any = object()  # stands for a value that means nothing


class Option(NamedTuple):
    """How one option is read. `many`: a list, or one option with words between blanks.

    `expected` completes the sentence "which is not ...". `unsupported`: the option is known, and nftables cannot
    express it. `without_effect`: fw4 reads the option and does nothing with it.
    """

    parse: Parser
    expected: str
    role: str = CORE
    many: bool = False
    required: bool = False
    negatable: bool = True
    unsupported: bool = False
    without_effect: bool = False


Table = Mapping[str, Option]
# What values mean, by the identity of the table: tables are constants.
_READ: defaultdict[int, dict[tuple[str, Given], Any]] = defaultdict(dict)


class Reading(NamedTuple):
    """The values of a section, and the faulty options by their role."""

    origin: Origin
    values: dict[str, Any]
    faults: dict[str, str]

    def bad(self, *roles: str) -> tuple[str, ...]:
        """The faulty options that have one of the roles."""
        return tuple(option for option, role in self.faults.items() if role in roles)


def read(
    origin: Origin, options: Mapping[str, Given], table: Table, required: Sequence[str], problems: list[FirewallProblem]
) -> Reading:
    """Read every option; problems go to `problems`."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    seen = _READ[id(table)]
    for name, given in options.items():
        option = table.get(name)
        if option is None:
            problems.append(FirewallFault.UNKNOWN_OPTION.at(origin, name))
            continue
        value = seen.get((name, given), seen)
        if value is seen:
            value = seen[name, given] = _value(option, given)
        if value is BAD:
            faults[name] = option.role
            problems.append(_complaint(origin, name, option, given))
        elif option.unsupported:
            faults.update({name: option.role} if option.role == CONDITION else {})
            problems.append(FirewallFault.UNSUPPORTED.at(origin, name))
        elif option.without_effect:
            problems.append(FirewallFault.NO_EFFECT.at(origin, name))
        else:
            values[name] = value
    for name in required:
        if name not in options:
            faults[name] = CORE
            problems.append(FirewallFault.MISSING_OPTION.at(origin, name))
    return Reading(origin, values, faults)


def _value(option: Option, given: Given) -> Any:
    if not option.many:
        value = option.parse(given) if isinstance(given, str) else None
        return BAD if value is None or _wrongly_negated(option, value) else value
    found: list[Any] = []
    for word in given.split() if isinstance(given, str) else given:
        value = option.parse(word)
        if value is None or _wrongly_negated(option, value):
            return BAD
        found.extend(value if isinstance(value, tuple) and option.expected == PROTOCOL else (value,))
    return tuple(found)


def _wrongly_negated(option: Option, value: Any) -> bool:
    return not option.negatable and bool(getattr(value, "negated", False))


PROTOCOL = "a protocol's name or number"


def _complaint(origin: Origin, name: str, option: Option, given: Given) -> FirewallProblem:
    """Say which value is bad, and in which way."""
    if not option.many and not isinstance(given, str):
        return FirewallFault.NOT_A_LIST.at(origin, name)
    words = (
        [given] if not option.many and isinstance(given, str) else given.split() if isinstance(given, str) else given
    )
    bad = next(word for word in words if (value := option.parse(word)) is None or _wrongly_negated(option, value))
    if option.parse(bad) is not None:
        return FirewallFault.NEGATED.at(origin, name)
    return FirewallFault.INVALID_VALUE.at(origin, name, value=bad, expected=option.expected)
