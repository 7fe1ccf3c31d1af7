"""The first start after an upgrade from version 0.1.0: find the pairs (zone > zone) that are faster by new rules.

They are listed as problems while this service runs.
"""

from collections.abc import Callable

from offload.config import edits
from offload.errors import OffloadError
from offload.model.problems.problem import Problem, ProblemCode
from offload.service.engine import Engine


def note_raised(engine: Engine, report: Callable[[str], None]) -> None:
    """After a pass on a file of version 0.1.0: store the Problems of pairs of zones that became faster.

    They go to `engine.raised`, and /etc/config/offload gets option `globals.version`, so the next start finds none.
    Nothing is done for a file of a later version, or if the pass could not read the files. `report`: called with the
    sentence why the file cannot be written, once for the same sentence in a row.
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
        if str(refusal) != engine.unmarked:  # each pass tries again, and the log needs the sentence once
            report(str(refusal))
        engine.unmarked = str(refusal)
