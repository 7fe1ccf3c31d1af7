"""Read the UCI packages firewall, network and offload into a Config and Problems."""

from collections.abc import Iterable, Mapping

from offload.config import firewall
from offload.config.choices import offload
from offload.config.choices.exempt_limit import limited, widened
from offload.config.choices.offload_tables import INTERFACE
from offload.model.config import Config, Interface
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Section

Sections = tuple[Section, ...]
Packages = Mapping[str, Sections | Problem]

FILES = ("firewall", "network", "offload")
# Without one of these files the rest is still useful: no choices, or networks from netifd only.
DISPENSABLE = {"network", "offload"}


def load(packages: Packages) -> tuple[Config, tuple[Problem, ...]]:
    """Read the packages firewall, network and offload: (the Config of what can be read, the Problems of all three).

    `packages`: {name: sections, or the Problem why the file cannot be read}. An absent package is a Problem for
    firewall only. With option auto_exempt 0 the Config has no mark rules.
    """
    problems = tuple(p for name in FILES if (p := _file_problem(name, packages)) is not None)
    sections = {name: found if isinstance(found := packages.get(name), tuple) else () for name in FILES}

    rules = firewall.load(sections["firewall"])
    choices = offload.load(sections["offload"], frozenset(zone.name for zone in rules.zones), rules.disabled)
    mark_rules = tuple(widened(rules.mark_rules)) if choices.globals.auto_exempt else ()
    exempts, too_many = limited(choices.exempts, mark_rules)
    config = Config(
        zones=rules.zones,
        permissions=rules.permissions,
        interfaces=_interfaces(sections["network"]),
        fw4_offloads=rules.fw4_offloads,
        forward=rules.forward,
        globals=choices.globals,
        zone_choices=choices.zones,
        pair_choices=choices.pairs,
        exempts=exempts,
        mark_rules=mark_rules,
        unread=rules.unread,
        readable=all(problem.fault is ProblemCode.FILE_MISSING for problem in problems),
        titles={section.id: section.title for section in sections["offload"]},
    )
    return config, placed(packages, (*problems, *rules.problems, *choices.problems, *too_many))


def placed(packages: Packages, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The Problems, each once, in order, with `line` and `where` of their sections.

    `packages`: {name: sections, or a Problem}. A Problem of a section that is not in them stays as it is.
    """
    known = {
        (section.package, section.id): section
        for found in packages.values()
        if isinstance(found, tuple)
        for section in found
    }
    owners = ((problem, known.get((problem.file, problem.section))) for problem in problems)
    return tuple(dict.fromkeys(problem.of(owner) if owner else problem for problem, owner in owners))


def _file_problem(name: str, packages: Packages) -> Problem | None:
    found = packages.get(name, ProblemCode.FILE_MISSING.at(name))
    if isinstance(found, tuple) or (found.fault is ProblemCode.FILE_MISSING and name in DISPENSABLE):
        return None
    return found


def _interfaces(sections: Sections) -> tuple[Interface, ...]:
    # Other options are not checked, since each protocol of netifd has its own.
    def word(section: Section, option: str) -> str:
        value = section.options.get(option, "")
        return value if isinstance(value, str) else ""

    found = (section for section in sections if section.type == "interface")
    return tuple(Interface(section.name, *(word(section, option) for option in INTERFACE)) for section in found)
