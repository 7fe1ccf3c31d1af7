"""A fault of the configuration as JSON. Pure; a module of its own, because the command needs it for every verb."""

from typing import Any

from offload.model.problems.problem import Problem


def problem_json(problem: Problem) -> dict[str, Any]:
    """A Problem as JSON. `place`: where it is, for people; `line`: where its section begins, null if not known."""
    return {
        "code": problem.fault.name,
        "file": problem.file,
        "section": problem.section,
        "option": problem.option,
        "line": problem.line or None,
        "place": problem.place,
        "text": problem.text,
    }
