"""A fault of the configuration as JSON. Pure; a module of its own, because the command needs it for every verb."""

from typing import Any

from offload.model.problems.problem import Problem


def problem_json(problem: Problem) -> dict[str, Any]:
    """A Problem (a fault in a configuration file) as JSON; `code` never changes, `place` and `text` are for people.

    `line`: where its section begins; null if not known. `section` and `option` are empty if the fault is not in one.
    """
    return {
        "code": problem.fault.name,
        "file": problem.file,
        "section": problem.section,
        "option": problem.option,
        "line": problem.line or None,
        "place": problem.place,
        "text": problem.text,
    }
