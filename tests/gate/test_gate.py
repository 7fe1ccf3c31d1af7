"""The gate reports what failed and what needed another run, and fails for either."""

import sys
from pathlib import Path

import pytest

from gate import __main__ as gate
from gate import parts
from gate.job import DIED, Ended, Job, run

PRINTED = """..R.F
=========================== rerun test summary info ============================
RERUN tests/kernel/test_cut.py::test_one
RERUN tests/kernel/test_cut.py::test_two[pair]
1 failed, 3 passed, 2 rerun in 5.51s
"""


def job(name: str, program: str) -> Job:
    return Job("kernel", name, (sys.executable, "-c", program), 1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gate, parts):
        monkeypatch.setattr(module, "TIMES", tmp_path / "seconds.json")


def test_reruns_and_summary_of_what_pytest_printed() -> None:
    ended = Ended(job("6.1 test_cut", ""), 1, PRINTED, 7)
    assert ended.reruns == [
        f"6.1 test_cut: tests/kernel/test_cut.py::{test}" for test in ("test_one", "test_two[pair]")
    ]
    assert ended.summary == "1 failed, 3 passed, 2 rerun in 5.51s"


def test_a_machine_that_died_is_a_rerun() -> None:
    assert Ended(job("6.1 test_cut", ""), 0, f"\n{DIED}; its kernel printed last:\n", 7).reruns == [
        "6.1 test_cut: its machine died"
    ]


def test_a_job_has_its_output_and_status() -> None:
    ended = run(job("fails", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (ended.status, sorted(ended.output.split())) == (3, ["err", "out"])


def test_what_failed_is_listed_again_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "FAILED tests/kernel/test_cut.py::test_three - assert 1 == 2"
    jobs = [job("one", f"print({line!r}); print('1 failed in 2s'); exit(1)"), job("two", "print('killed'); exit(9)")]
    monkeypatch.setitem(parts.PARTS, "kernel", lambda: [*jobs, job("three", f"print({line!r})")])
    assert gate.main(["kernel"]) == 1
    ending = capsys.readouterr().out.rpartition("needed another run")[2]
    assert (
        f"  one: {line}\n" in ending and "  two: killed\n" in ending and "three" not in ending.replace("test_three", "")
    )


def test_a_job_counts_the_processor_time_of_its_children() -> None:
    child = "import time\nwhile time.process_time() < 0.3:\n    pass"
    ended = run(job("busy", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"))
    assert ended.status == 0 and 0.3 <= ended.busy <= ended.seconds + 0.1


@pytest.mark.parametrize(("reruns", "failed", "status"), [(5, False, 0), (6, False, 1), (0, True, 1)])
def test_what_the_gate_fails_for(
    reruns: int, failed: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"RERUN test_{number}" for number in range(reruns)]
    jobs = [job("one", f"print({chr(10).join(lines)!r})"), job("two", f"exit({int(failed)})")]
    monkeypatch.setitem(parts.PARTS, "kernel", lambda: jobs)
    assert gate.main(["kernel"]) == status
    printed = capsys.readouterr().out
    assert all(f"one: test_{number}" in printed for number in range(reruns))
    assert ("FAILED: two" in printed) == failed


def test_a_kernel_test_file_is_a_job_on_both_kernels() -> None:
    names = [each.name for each in parts.kernel()]
    assert {"6.1 test_cut", "6.12 test_cut"} <= set(names)
    files = {file.stem for file in (parts.TESTS / "kernel").glob("test_*.py")}
    assert len(names) == len(parts.KERNELS) * (len(files) + 1)  # and the page


def test_every_other_test_file_is_in_one_job() -> None:
    files = [word for each in parts.units() for word in each.argv if word.endswith(".py")]
    wanted = {str(file) for file in parts.TESTS.rglob("test_*.py") if file.parent.name != "kernel"} - {str(parts.PAGE)}
    assert sorted(files) == sorted(wanted)


def test_the_quick_part_needs_no_program_but_python_and_runs_each_file_once() -> None:
    files = [Path(word) for each in parts.quick() for word in each.argv if word.endswith(".py")]
    assert len(files) == len(set(files))
    folders = {file.relative_to(parts.TESTS).parts[0] for file in files}
    assert {"compiler", "config", "service", "test_golden.py"} <= folders
    assert not folders & {"browser", "kernel", "package"}
