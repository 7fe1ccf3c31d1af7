"""The gate reports what failed and what needed another run, and fails for either."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from gate import __main__ as gate
from gate import costs, parts
from gate.job import DIED, Cost, Ended, Job, run
from gate.turns import MOST, following, side_by_side

PRINTED = """..R.F
=========================== rerun test summary info ============================
RERUN tests/kernel/test_cut.py::test_one
RERUN tests/kernel/test_cut.py::test_two[pair]
AGAIN tests/kernel/test_cut.py::test_one - AssertionError: 3 packets were slow
1 failed, 3 passed, 2 rerun in 5.51s
"""


def job(name: str, program: str, cost: Cost = Cost(1)) -> Job:  # noqa: B008  # it is frozen
    return Job("kernel", name, (sys.executable, "-c", program), cost)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LOGS", tmp_path)
    monkeypatch.setattr(costs, "HERE", tmp_path / "costs.json")


def test_reruns_and_summary_of_what_pytest_printed() -> None:
    ended = Ended(job("6.1 test_cut", ""), 1, PRINTED, 7)
    assert ended.reruns == [
        f"6.1 test_cut: tests/kernel/test_cut.py::{test}"
        for test in ("test_one - AssertionError: 3 packets were slow", "test_two[pair]")
    ]
    assert ended.summary == "1 failed, 3 passed, 2 rerun in 5.51s"


def test_pytest_prints_why_a_test_needed_another_run(tmp_path: Path) -> None:
    program = "ran = []\ndef test_it():\n    ran.append(1)\n    assert len(ran) == 2, 'too\\nfew'\n"
    (tmp_path / "test_once.py").write_text(program)
    shutil.copy(parts.TESTS / "conftest.py", tmp_path)
    done = run(Job("kernel", "once", (sys.executable, *parts.PYTEST, "-c", "/dev/null", str(tmp_path)), Cost(1)))
    (again,) = done.reruns
    assert again.startswith("once: ") and "test_it - AssertionError: too few" in again, done.output


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


def test_the_longest_job_that_the_processors_can_serve_is_next() -> None:
    long, waiting, short = job("long", "", Cost(50)), job("waiting", "", Cost(10, 30)), job("short", "", Cost(5))
    assert following([short, waiting, long], [], 2) == long
    assert following([short, waiting], [long], 2) == waiting
    assert following([short], [long, waiting], 2) == short  # a little more than the processors have
    assert following([short], [long, waiting, waiting], 2) is None  # half of one is taken, and it needs a whole one
    assert following([waiting], [long, waiting, waiting], 2) == waiting


def test_two_jobs_that_compute_are_not_on_one_processor() -> None:
    assert following([job("one", "")], [job("two", "")], 1) is None
    assert following([job("one", "")], [job("two", ""), job("three", "")], 2) is None


def test_only_some_jobs_are_in_memory_at_once() -> None:
    sleeping = job("sleeping", "", Cost(0, 9))
    assert following([sleeping], [sleeping] * (MOST - 1), 1) and not following([sleeping], [sleeping] * MOST, 1)


def test_jobs_that_wait_run_beside_each_other_on_one_processor() -> None:
    sleeping = [job(name, "import time; time.sleep(1)", Cost(0.1, 0.9)) for name in ("one", "two", "three")]
    began = time.monotonic()
    assert {each.job.name for each in side_by_side(sleeping, 1)} == {"one", "two", "three"}
    assert time.monotonic() - began < 2.9


def test_a_job_is_known_by_its_last_processor_time_and_its_shortest_wait() -> None:
    each = job("one", "")
    for seconds, busy in ((10, 4), (30, 5), (12, 3)):
        costs.remember([Ended(each, 0, "", seconds, busy)])
    costs.remember([Ended(each, 1, "", 1, 1)])  # it failed, so it did not do all of its work
    assert costs.known("one", Cost(1)) == Cost(3, 6)


def test_a_fresh_clone_knows_the_jobs_that_take_longest() -> None:
    machines = {each.name: each.cost for each in parts.kernel()}
    assert machines["6.1 test_hardware_evidence"].waits > 60
    assert all(0 < cost.share <= 1 for cost in machines.values())


def test_a_job_that_never_ran_counts_as_a_whole_processor() -> None:
    assert costs.known("never", Cost(5)).share == 1


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


@pytest.mark.parametrize("series", parts.KERNELS)
def test_a_kernel_test_file_is_in_one_job_of_each_kernel(series: str) -> None:
    jobs = [each for each in parts.kernel() if each.environment["OFFLOAD_KERNEL"] == series]
    files = [word for each in jobs for word in each.argv if word.endswith(".py")]
    assert sorted(files) == sorted(map(str, [*(parts.TESTS / "kernel").glob("test_*.py"), parts.PAGE]))
    assert {f"{series} test_storm", f"{series} test_cut and 2 more", f"{series} page"} <= {each.name for each in jobs}


SPINS = """
import os, time
from pathlib import Path
from browser.conftest import _browser

def ticks():
    'Ticks of processor time of each process that lives, this one or below it, and of what it has reaped.'
    parents, taken = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(file.parent.name)], taken[int(file.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    def ours(process):
        return process == os.getpid() or (process in parents and ours(parents[process]))
    return {process: taken[process] for process in taken if ours(process)}

def busy():
    return sum(ticks().values()) / os.sysconf("SC_CLK_TCK")

started = _browser.__wrapped__()
page = next(started).new_page()
begun, own = busy(), time.process_time()
while busy() - begun - (time.process_time() - own) < 1:
    page.evaluate("const end = Date.now() + 100; while (Date.now() < end);")
living = len(ticks())
page.close()  # as `visit` does: a browser that ends before it has reaped the page's process loses its time
while len(ticks()) >= living:
    time.sleep(0.05)
print(busy())
next(started, None)
"""


@pytest.mark.slow
def test_the_processor_time_of_the_browser_is_counted() -> None:
    """What the kernel counts for the browser and its pages, however long the machine lets it wait."""
    environment = {"PYTHONPATH": ":".join(sys.path)}
    ended = run(Job("page", "spins", (sys.executable, "-c", SPINS), Cost(1), environment))
    assert ended.status == 0, ended.output
    assert ended.busy >= float(ended.output) > 1


def test_make_check_has_one_file_in_a_browser() -> None:
    browsers = {each.name for each in parts.units() if "browser" in each.name}
    assert browsers == {"browser/test_zones"}


def test_every_other_test_file_is_in_one_job() -> None:
    files = [word for each in [*parts.units(), *parts.page()] for word in each.argv if word.endswith(".py")]
    wanted = {str(file) for file in parts.TESTS.rglob("test_*.py") if file.parent.name != "kernel"} - {str(parts.PAGE)}
    assert sorted(files) == sorted(wanted)


def test_the_quick_part_needs_no_program_but_python_and_runs_each_file_once() -> None:
    files = [Path(word) for each in parts.quick() for word in each.argv if word.endswith(".py")]
    assert len(files) == len(set(files))
    folders = {file.relative_to(parts.TESTS).parts[0] for file in files}
    assert {"compiler", "config", "service", "test_golden.py"} <= folders
    assert not folders & {"browser", "kernel", "package"}
