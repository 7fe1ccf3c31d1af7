"""A fault of the configuration as JSON. Pure, and apart from the other answers: the command needs it for every verb."""

from typing import Any

from offload.model.problems.problem import Problem


def problem_json(problem: Problem) -> dict[str, Any]:
    """A fault of the configuration and its place in it; `place` says it in words, `line` is null where not known."""
    return {
        "code": problem.fault.name,
        "file": problem.file,
        "section": problem.section,
        "option": problem.option,
        "line": problem.line or None,
        "place": problem.place,
        "text": problem.text,
    }
