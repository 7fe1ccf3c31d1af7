"""The rows of the bench: what each compares, how often a figure is measured, and how a program prints them.

Figures in counted instructions (QEMU's icount) are measured until two runs agree, or once where each run has been seen
to agree. Those of commands are medians of rounds in processor time, in which the peer and ours take turns, so that
other load on the machine affects both.
"""

import json
import platform
import resource
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Self

MARK = "bench row: "
AGREED = 0.02  # two runs that differ by less are one figure
MOST = 5  # runs until a figure is called unsettled
YES, NO, UNSETTLED, NOT_MEASURED = "yes", "no", "unsettled", "not measured"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure, and in how many runs."""

    value: float
    repetitions: int
    settled: bool = True

    def __sub__(self, part: Self) -> Self:
        """What is left without a part of it that was measured by itself."""
        runs = max(self.repetitions, part.repetitions)
        return type(self)(self.value - part.value, runs, self.settled and part.settled)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `baseline`: the other program's figure, or 0 with an absolute goal; then `ratio` is to the goal."""

    work: str
    peer: str
    unit: str
    baseline: float
    ours: float
    ratio: float
    goal: float
    met: str
    kernel: str
    method: str
    repetitions: int

    def show(self) -> None:
        """Print it for whoever runs this program: `make bench` reads it."""
        print(MARK + json.dumps(asdict(self)), flush=True)


def against(work: str, peer: str, unit: str, figures: tuple[Figure, Figure], goal: float, method: str) -> Row:
    """We against a peer, the first of the figures: `goal` is the highest ratio."""
    theirs, ours = figures
    ratio = ours.value / theirs.value
    met = _met(theirs.settled and ours.settled, ratio <= goal)
    values = (theirs.value, ours.value, ratio)
    return _row((work, peer, unit), values, goal, met, method, ours.repetitions)


def alone(work: str, unit: str, ours: Figure, goal: float, method: str) -> Row:
    """A figure of ours with an absolute goal."""
    values = (0.0, ours.value, ours.value / (goal or 1))
    return _row((work, "", unit), values, goal, _met(ours.settled, ours.value <= goal), method, ours.repetitions)


def missing(work: str, why: str) -> Row:
    """A line that could not be measured."""
    return Row(work, "", "", 0, 0, 0, 0, NOT_MEASURED, platform.release(), why, 0)


def mean(figures: Sequence[Figure]) -> Figure:
    """The mean of figures of one kind, as the two directions of a flow; settled where all of them are."""
    runs = max(each.repetitions for each in figures)
    return Figure(statistics.mean(each.value for each in figures), runs, all(each.settled for each in figures))


def repeated(measure: Callable[[], float], agreed: float = AGREED) -> Figure:
    """Measure until two successive runs agree; their mean. If none do, the median, settled if three agree."""
    runs: list[float] = []
    for count in range(1, MOST + 1):
        runs.append(measure())
        if count > 1 and _near(runs[-2:], agreed):
            return Figure(statistics.mean(runs[-2:]), count)
    return Figure(statistics.median(runs), MOST, settled=_near(sorted(runs)[1:-1], AGREED))


def _near(runs: Sequence[float], agreed: float) -> bool:
    return max(runs) - min(runs) <= agreed * max(map(abs, runs))


def beside(
    theirs: Callable[[], object], every: Sequence[Callable[[], object]], rounds: int
) -> Iterator[tuple[Figure, Figure]]:
    """Milliseconds of processor time of the peer and of each of ours, one after the other in each round.

    The peer's is its median, and that of ours is this times the median of the rounds' ratios: a processor does not
    always have the same speed. The peer runs before each of ours, and its median of a round counts there. The first
    round warms up.
    """
    peers, ratios = list[float](), list[list[float]]()
    for _ in range(rounds + 1):
        took = [(milliseconds(theirs), milliseconds(ours)) for ours in every]
        peers.append(statistics.median(peer for peer, _ in took))
        ratios.append([ours / peers[-1] for _, ours in took])
    peer = statistics.median(peers[1:])
    for each in zip(*ratios[1:], strict=True):
        yield Figure(peer, rounds), Figure(peer * statistics.median(each), rounds)


def milliseconds(work: Callable[[], object]) -> float:
    """Milliseconds of processor time that some work takes, with that of its children that end in it."""
    began = _busy()
    work()
    return 1000 * (_busy() - began)


def _busy() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _met(settled: bool, met: bool) -> str:
    return (YES if met else NO) if settled else UNSETTLED


def _row(
    words: tuple[str, str, str], values: tuple[float, float, float], goal: float, met: str, method: str, runs: int
) -> Row:
    baseline, ours, ratio = (round(value, 3) for value in values)
    return Row(*words, baseline, ours, ratio, round(goal, 3), met, platform.release(), method, runs)
