"""The first start after an upgrade: find the pairs (zone > zone) that are faster by the new version's rules.

They are listed as problems while this service runs. The file is marked at once, so the next start lists none.
"""

from collections.abc import Callable

from offload.config import edits
from offload.errors import OffloadError
from offload.model.problems.problem import Problem, ProblemCode
from offload.service.engine import Engine


def note_raised(engine: Engine, report: Callable[[str], None]) -> None:
    """After the first pass on a file of version 0.1.0: store Problems that name the pairs of zones that became faster.

    They go to `engine.raised`, and /etc/config/offload is marked as written for the present rules. With any other file,
    and if a file cannot be read, nothing is done. `report` is called with the sentence why the file cannot be marked.
    """
    decided = engine.decided
    if decided is None or not decided.config.readable or not decided.config.globals.old_rule:
        return
    engine.raised = tuple(problem for problem in decided.problems if problem.fault is ProblemCode.PAIR_RAISED)
    sections = engine.doors.uci.read("offload")
    if isinstance(sections, Problem):
        return
    try:
        engine.doors.uci.write("offload", edits.version_edit(sections))
    except OffloadError as refusal:  # a full or read-only flash: they are listed again at the next start
        report(str(refusal))
