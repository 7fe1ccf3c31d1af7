"""The rows of the bench: when a figure is measured again, when a goal is met, and what a failed program leaves out."""

import json
import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.rows import MOST, NO, NOT_MEASURED, UNSETTLED, YES, Figure, against, alone, repeated, turns


def test_a_figure_is_settled_when_two_runs_agree() -> None:
    figures = iter([100.0, 90.0, 91.0])
    assert repeated(lambda: next(figures)) == Figure(90.5, 3)


def test_a_figure_that_changes_each_time_is_unsettled() -> None:
    figures = iter([100.0 * 1.1**number for number in range(MOST)])
    found = repeated(lambda: next(figures))
    assert (found.repetitions, found.settled) == (MOST, False)


@pytest.mark.parametrize(
    ("theirs", "ours", "met"),
    [
        (Figure(10, 2), Figure(5, 2), YES),
        (Figure(10, 2), Figure(6, 2), NO),
        (Figure(10, 5, settled=False), Figure(5, 2), UNSETTLED),
        (Figure(10, 2), Figure(5, 5, settled=False), UNSETTLED),
    ],
)
def test_a_goal_against_a_peer(theirs: Figure, ours: Figure, met: str) -> None:
    row = against("work", "peer", "us", (theirs, ours), 0.5, "method")
    assert (row.met, row.ratio) == (met, ours.value / theirs.value)


def test_a_goal_of_nothing() -> None:
    assert [alone("work", "", Figure(value, 1), 0, "").met for value in (0, 1)] == [YES, NO]


def test_turns_are_taken() -> None:
    order: list[str] = []
    turns(lambda: order.append("theirs"), lambda: order.append("ours"), 2)
    assert order == ["theirs", "ours"] * 3


def test_a_program_that_fails_costs_its_own_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = alone("fine", "ms", Figure(1, 1), 2, "method")
    programs = {"fine": f"from bench.rows import *; {row!r}.show()", "broken": "exit(3)"}
    argv = property(lambda program: [sys.executable, "-c", programs[program.module]])
    monkeypatch.setattr(bench.Program, "argv", argv)
    monkeypatch.setattr(bench, "BUILD", tmp_path)
    monkeypatch.setattr(bench, "LOGS", tmp_path / "bench")
    monkeypatch.setattr(bench, "AREAS", {name: [bench.Program(name)] for name in ("broken", "fine")})
    bench.main(["broken", "fine"])
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [(each["work"], each["met"]) for each in rows] == [("broken-here", NOT_MEASURED), ("fine", YES)]
    assert "status 3" in rows[0]["method"] and "| fine |" in (tmp_path / "bench.txt").read_text()


def test_an_area_that_does_not_exist_is_named() -> None:
    with pytest.raises(SystemExit, match="WHAT is speed, but must be of control"):
        bench.main(["speed"])
