"""The rows of the bench: when a figure is measured again, when a goal is met, and what a failed program leaves out."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import rows
from bench.__main__ import ENDED, HERE, Place, Programs
from bench.rows import (
    MARK,
    MOST,
    NO,
    NOT_MEASURED,
    UNSETTLED,
    YES,
    Figure,
    Row,
    against,
    alone,
    beside,
    mean,
    repeated,
)


def test_a_figure_is_settled_when_two_runs_agree() -> None:
    figures = iter([100.0, 90.0, 91.0])
    assert repeated(lambda: next(figures)) == Figure(90.5, 3)


def test_figures_that_differ_by_more_than_is_agreed_are_measured_again() -> None:
    figures = iter([100.0, 99.0, 98.9])
    assert repeated(lambda: next(figures), 0.003) == Figure(98.95, 3)


def test_of_runs_that_agree_only_roughly_the_median_counts() -> None:
    figures = iter([100.0, 108.0, 101.0, 99.5, 101.2])
    assert repeated(lambda: next(figures), 0.003) == Figure(101, MOST)


def test_a_part_and_the_directions_of_a_figure_settle_together() -> None:
    whole, part = Figure(18, 2), Figure(8, 5, settled=False)
    assert whole - Figure(8, 3) == Figure(10, 3)
    assert whole - part == Figure(10, 5, settled=False)
    assert mean([Figure(10, 2), Figure(12, 3)]) == Figure(11, 3)
    assert not mean([whole, part]).settled


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


def test_turns_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def milliseconds(work: Callable[[], object]) -> float:
        work()
        return 1.0

    monkeypatch.setattr(rows, "milliseconds", milliseconds)
    list(beside(lambda: order.append("theirs"), [lambda: order.append("ours"), lambda: order.append("other")], 2))
    assert order == ["theirs", "ours", "theirs", "other"] * 3


def test_a_processor_that_gets_slower_changes_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    took = iter([9.0, 9.0, 10.0, 30.0, 20.0, 60.0, 15.0, 45.0])
    monkeypatch.setattr(rows, "milliseconds", lambda _: next(took))
    assert list(beside(lambda: None, [lambda: None], 3)) == [(Figure(15, 3), Figure(45, 3))]


def test_the_peer_of_a_round_is_its_median(monkeypatch: pytest.MonkeyPatch) -> None:
    took = iter([9.0] * 6 + [10.0, 30.0, 20.0, 60.0, 10.0, 20.0])
    monkeypatch.setattr(rows, "milliseconds", lambda _: next(took))
    found = list(beside(lambda: None, [lambda: None] * 3, 1))
    assert found == [(Figure(10, 1), Figure(ours, 1)) for ours in (30, 60, 20)]


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Row]]:
    """Run a shell's text in place of the programs of some places; the rows that the bench writes for an area."""
    (tmp_path / "row").write_text(MARK + json.dumps(asdict(alone("fine", "ms", Figure(1, 1), 2, "method"))))

    def run(text: str, places: list[Place], area: str = "area") -> list[Row]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(Place, "argv", lambda *_: ["sh", "-c", text])
        monkeypatch.setattr(bench, "BUILD", tmp_path)
        monkeypatch.setattr(bench, "LOGS", tmp_path / "bench")
        monkeypatch.setattr(bench, "AREAS", {"area": [Programs(place, ("broken", "fine")) for place in places]})
        monkeypatch.setattr(bench, "WITH_MEMORY", ("area",))
        bench.main([area])
        return [Row(**row) for row in json.loads((tmp_path / "bench.json").read_text())["rows"]]

    return run


Printed = Callable[..., list[Row]]


@pytest.mark.parametrize("place", [HERE, Place("6.1", counted=True)])
def test_a_program_that_fails_costs_its_own_lines_only(printed: Printed, tmp_path: Path, place: Place) -> None:
    rows = printed(f"echo '{ENDED}broken' 3; cat row; echo; echo '{ENDED}fine' 0", [place])
    assert [(row.work, row.met) for row in rows] == [(place.name("broken"), NOT_MEASURED), ("fine", YES)]
    assert "status 3" in rows[0].method and "| fine |" in (tmp_path / "bench.txt").read_text()


def test_a_machine_that_dies_costs_the_lines_of_the_programs_that_had_not_ended(printed: Printed) -> None:
    rows = printed(f"cat row; echo; echo '{ENDED}broken' 0; exit 1", [HERE])
    assert [(row.work, row.met) for row in rows] == [("fine", YES), ("fine-here", NOT_MEASURED)]


def test_programs_of_one_place_run_one_after_the_other() -> None:
    argv = HERE.argv(("rows", "nothing_of_that_name"))
    done = subprocess.run(argv, env=os.environ | HERE.environment, capture_output=True, text=True, check=True)
    ended = [line.removeprefix(ENDED) for line in done.stdout.splitlines() if line.startswith(ENDED)]
    assert ended == ["rows 0", "nothing_of_that_name 1"]


def test_programs_of_areas_that_share_a_machine_are_joined() -> None:
    one, other = Place("6.1", counted=True), Place("6.12", counted=True)
    given = [
        Programs(one, ("a",)),
        Programs(one, ("b",), "m"),
        Programs(other, ("c",), "m"),
        Programs(one, ("d",), "m"),
    ]
    assert bench.together(given) == [given[0], Programs(one, ("b", "d"), "m"), given[2]]


def test_the_area_of_memory_has_the_lines_in_megabytes(printed: Printed, tmp_path: Path) -> None:
    memory = MARK + json.dumps(asdict(alone("used", "MB", Figure(9, 1), 20, "method")))
    (tmp_path / "memory").write_text(memory)
    text = f"cat row; echo; cat memory; echo; echo '{ENDED}broken' 0; echo '{ENDED}fine' 0"
    assert {row.work for row in printed(text, [HERE], bench.MEMORY)} == {"used"}


def test_an_area_that_does_not_exist_is_named() -> None:
    with pytest.raises(SystemExit, match="WHAT is speed, but must be of dataplane"):
        bench.main(["speed"])
