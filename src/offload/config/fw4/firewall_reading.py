"""Read the options of a section of the firewall: its values, and a FirewallProblem for each faulty option."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from offload.config import schema
from offload.config.schema import CONDITION, CORE, Fault, Given, Refused, Table
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import Origin

_SENTENCES = {
    Fault.UNKNOWN: FirewallFault.UNKNOWN_OPTION,
    Fault.MISSING: FirewallFault.MISSING_OPTION,
    Fault.NOT_A_LIST: FirewallFault.NOT_A_LIST,
    Fault.VALUE: FirewallFault.INVALID_VALUE,
    Fault.NEGATED: FirewallFault.NEGATED,
    Fault.UNSUPPORTED: FirewallFault.UNSUPPORTED,
    Fault.NO_EFFECT: FirewallFault.NO_EFFECT,
}


class Reading(NamedTuple):
    """A section's valid values by option; and in `faults`, by option, the roles of faulty ones (schema.py).

    Roles are CORE, CONDITION and DETAIL. A required option that is missing is in `faults` as CORE. Not in `faults`, as
    they do no harm, are unknown options, and options with a valid value that have no effect, or that nftables cannot
    express and whose role is not CONDITION.
    """

    origin: Origin
    values: dict[str, Any]
    faults: dict[str, str]

    def bad(self, *roles: str) -> tuple[str, ...]:
        """The options in `faults` that have one of these roles."""
        return tuple(option for option, role in self.faults.items() if role in roles)


class Say(Protocol):
    """A function that adds a FirewallProblem about the section of `reading`, or about its `option`.

    `words` fill the blanks in the sentence of `fault`.
    """

    def __call__(self, fault: FirewallFault, reading: Reading, option: str = "", **words: object) -> None: ...


def read(origin: Origin, options: Mapping[str, Given], table: Table, problems: list[FirewallProblem]) -> Reading:
    """Read the options by the table of the section's type, and append a problem for each faulty one to `problems`.

    A list with a bad value has no value, and one problem. Options that are unknown, without effect, or not expressible
    in nftables have a problem and no value.
    """
    values, refused = schema.read(options, table)
    faults: dict[str, str] = {}
    for each in refused:
        if each.option in faults:
            continue
        problems.append(_problem(origin, each, table))
        role = _role(each, table)
        if role:
            faults[each.option] = role
            values.pop(each.option, None)
    return Reading(origin, values, faults)


def _role(refused: Refused, table: Table) -> str:
    # CORE, CONDITION or DETAIL; empty: the fault is harmless. An option that nftables cannot express is harmless unless
    # it is a condition.
    if refused.fault in {Fault.UNKNOWN, Fault.NO_EFFECT}:
        return ""
    if refused.fault is Fault.MISSING:
        return CORE
    role = table[refused.option].role
    return role if refused.fault is not Fault.UNSUPPORTED or role == CONDITION else ""


def _problem(origin: Origin, refused: Refused, table: Table) -> FirewallProblem:
    words = {"value": refused.value, "expected": table[refused.option].expected} if refused.fault is Fault.VALUE else {}
    return _SENTENCES[refused.fault].at(origin, refused.option, **words)
