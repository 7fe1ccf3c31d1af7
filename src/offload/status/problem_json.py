"""A fault of the configuration as JSON. Pure."""

from typing import Any

from offload.model.problems.problem import Problem


def problem_json(problem: Problem) -> dict[str, Any]:
    """A Problem (a fault in a configuration file) as JSON.

    `code`: a name for programs, the same in all releases. `place`, `text`: for people. `line`: where the section
    begins; null if not known. `section` and `option` are empty if the fault is not in one.
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
