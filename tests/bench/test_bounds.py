"""The gate's bounds: a line over its bound fails it, and so does a line without one; the file has every line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import bounds, counted
from bench.bounds import BOUNDS, MARGIN, Bound, judged, read, text
from bench.rows import Row

ROW = counted.line("status", "conntrack -L", "ms", 10, 15)


@pytest.mark.parametrize(
    ("known", "complaint"),
    [
        ({"status": Bound(1.5, 1.545)}, ""),
        (
            {"status": Bound(1.4, 1.442)},
            "status takes 1.500 times conntrack -L and must take at most 1.442 (was 1.400)",
        ),
        ({}, "status has no bound"),
        ({"status": Bound(1.5, 1.545), "flows": Bound(2, 2.06)}, "flows has a bound, but is not measured"),
    ],
)
def test_a_line_is_judged_by_its_bound(known: dict[str, Bound], complaint: str) -> None:
    found = judged([ROW], known)
    assert complaint in "".join(found) and bool(found) == bool(complaint)


def test_what_is_written_passes_and_three_hundredths_more_does_not() -> None:
    written = read(text({"status": 1.5}))
    assert not judged([ROW], written)
    assert judged([counted.line("status", "conntrack -L", "ms", 10, 15.1 * MARGIN)], written)


def test_a_bound_that_is_too_low_fails_the_gate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured() -> Iterator[Row]:
        yield ROW

    monkeypatch.setattr(bounds, "lines", measured)
    for figure, status in ((1.5, 0), (1.4, 1)):
        file = tmp_path / "bounds.json"
        file.write_text(text({"status": figure}))
        monkeypatch.setattr(bounds, "BOUNDS", file)
        assert bounds.main([]) == status
    assert "must take at most 1.442" in capsys.readouterr().out


def test_the_bounds_are_three_percent_above_their_figures() -> None:
    known = read(BOUNDS.read_text()).values()
    assert known and all(each.bound == pytest.approx(each.figure * MARGIN, abs=0.002) for each in known)


def test_the_gate_counts_instructions_in_one_machine() -> None:
    from gate.parts import bounds as part

    (job,) = part()
    assert job.argv[-1] == "bench.bounds" and job.environment["OFFLOAD_ICOUNT"] == "1"
