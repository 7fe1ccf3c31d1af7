"""Packages of sections, in few words."""

from collections.abc import Mapping

from offload.config.load import load
from offload.model.config import Config
from offload.model.problems.problem import ProblemCode
from offload.model.sections.section import Section

Options = Mapping[str, str | tuple[str, ...]]


def package(name: str, *sections: tuple[str, Options]) -> tuple[Section, ...]:
    """Sections without names; ids as uci prints them."""
    seen: dict[str, int] = {}
    made: list[Section] = []
    for kind, options in sections:
        seen[kind] = seen.get(kind, -1) + 1
        made.append(Section(name, kind, f"cfg{len(made)}", f"@{kind}[{seen[kind]}]", options))
    return tuple(made)


ZONES = (("zone", {"name": "lan", "network": "lan"}), ("zone", {"name": "wan", "network": "wan", "masq": "1"}))


def loaded(
    *offload: tuple[str, Options], firewall: tuple[tuple[str, Options], ...] = ZONES
) -> tuple[Config, list[ProblemCode]]:
    config, problems = load({"firewall": package("firewall", *firewall), "offload": package("offload", *offload)})
    return config, [problem.fault for problem in problems]
