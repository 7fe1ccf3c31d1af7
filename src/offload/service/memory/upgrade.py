"""The first start after an upgrade: the pairs that are faster by the new rules than by those of the old version.

The pairs are listed for as long as this service lives; the file is marked at once, so that the next start is silent.
"""

from collections.abc import Callable

from offload.config import edits
from offload.errors import OffloadError
from offload.model.problems.problem import Problem, ProblemCode
from offload.service.engine import Engine


def note_raised(engine: Engine, report: Callable[[str], None]) -> None:
    """Remember the pairs that are faster now, once; then mark /etc/config/offload as meant by today's rules.

    `report` takes the sentence of what keeps the file from being marked. The pairs are problems of this pass, and the
    log has these.
    """
    decided = engine.decided
    if decided is None or not decided.config.readable or not decided.config.globals.old_rule:
        return
    engine.raised = tuple(problem for problem in decided.problems if problem.fault is ProblemCode.PAIR_RAISED)
    sections = engine.doors.uci.read("offload")
    if isinstance(sections, Problem):
        return
    try:
        engine.doors.uci.write("offload", edits.current(sections))
    except OffloadError as refusal:  # a full or read-only flash: listed again at the next start
        report(str(refusal))
