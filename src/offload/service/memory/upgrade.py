"""The first start after an upgrade: find the pairs that are faster under the new version's rules than under the old.

They are listed as problems while this service runs. The file is marked at once, so the next start lists none.
"""

from collections.abc import Callable

from offload.config import edits
from offload.errors import OffloadError
from offload.model.problems.problem import Problem, ProblemCode
from offload.service.engine import Engine


def note_raised(engine: Engine, report: Callable[[str], None]) -> None:
    """Find the pairs that became faster, once, and mark /etc/config/offload as written for the present rules.

    Called after a pass; it does nothing unless the file was written under version 0.1.0. The Problems of these pairs
    are stored in `engine.raised`. `report` is called with the sentence why the file cannot be marked.
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
