"""The first start after an upgrade: find the pairs (zone > zone) that are faster by the new version's rules.

They are listed as problems while this service runs. The file is marked at once, so the next start lists none.
"""

from collections.abc import Callable

from offload.config import edits
from offload.errors import OffloadError
from offload.model.problems.problem import Problem, ProblemCode
from offload.service.engine import Engine


def note_raised(engine: Engine, report: Callable[[str], None]) -> None:
    """After a pass on a file of version 0.1.0: store the Problems that name pairs of zones which became faster.

    They go to `engine.raised`, and /etc/config/offload gets option `globals.version`, so the next start finds none.
    Nothing is done with any other file, or if the pass could not read the files. `report`: called with the sentence why
    /etc/config/offload cannot be written, once for the same sentence in a row.
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
