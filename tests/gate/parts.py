"""The parts of the gate, each a list of jobs that may run side by side.

A new test file needs no entry here: each file of tests/kernel is a job of its own for each kernel, and the others are
found in their directories.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gate.costs import known
from gate.job import Cost, Job

TESTS = Path(__file__).resolve().parents[1]
KERNELS = ("6.1", "6.12")
PYTEST = ("-m", "pytest", "-rfER", "--reruns", "1", "-p", "no:cacheprovider")
IN_MACHINE = ("-p", "pytest_timeout", "-p", "pytest_rerunfailures")
MACHINE = (sys.executable, "-m", "kernel.vm", "--once-more", "python3", *PYTEST, *IN_MACHINE)
BROWSER = TESTS / "browser"
PAGE = BROWSER / "test_kernel.py"
GLANCE = BROWSER / "test_zones.py"  # the page opens, and a zone's mode is chosen and applied
# Small files of kernel tests that share a machine: its boot and pytest's imports take as long as their tests.
TOGETHER = (
    ("paths", "judged_rules", "cut_refused", "totals"),
    ("firewall_packets", "firewall_broken"),
    ("cut", "exempts", "many"),
    ("counters", "marks", "limits_anywhere", "forwarding"),
    ("moves", "roaming", "neighbours"),
    ("replies", "replies_hardware"),
    ("explain", "explain_reasons", "explain_hardware"),
    ("what_breaks_limits", "what_breaks_rules", "what_breaks_classes"),
    ("what_breaks_bans", "what_breaks_shapers", "what_breaks_traffic", "what_breaks_tunnels"),
)
PORTION = 50
QUICK_JOBS = max(2, os.cpu_count() or 1)
APART = {"kernel", "browser"}  # parts of their own
# Python keeps what it compiled of tests and sources in build/, also where the user's environment forbids it elsewhere.
BYTECODE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(TESTS.parent / "build/bytecode")}
WITH_PROGRAMS = {"package"}  # what only Debian's packages can run, beside the kernels and browsers
STAND_INS = {"bindings"}  # the tests of stand-ins, which hold the one connection of a process

# One test of each kind in QEMU, on the kernel binary of a distribution, to confirm the user-mode kernel.
PATHS = "test_topologies.py::test_both_directions_of_every_pair_are_fast"
ANCHORS = {
    "software": (
        *(f"{PATHS}[{path}]" for path in ("static", "pppoe", "filtering-bridge", "wifi", "nat66")),
        "test_cut.py::test_one_connection_must_ask_the_firewall_anew",
        "test_service.py::test_it_brings_the_kernel_there_and_then_sends_nothing",
        "test_service.py::test_a_device_that_comes_and_goes",
        "test_service.py::test_a_station_that_moves_returns_the_table",
    ),
    "hardware": (
        "test_engine.py::test_what_it_took_never_reaches_the_cpu[plain]",
        "test_engine.py::test_the_end_of_a_connection_reaches_the_cpu_and_its_rules_go",
        "test_engine.py::test_what_it_refuses_stays_in_software",
        "test_engine.py::test_a_table_that_is_deleted[forgets]",
    ),
}


def lint() -> list[Job]:
    """What reads the sources."""
    python = (sys.executable, "-m")
    programs: dict[str, tuple[str, ...]] = {
        "ruff check": (*python, "ruff", "check"),
        "ruff format": (*python, "ruff", "format", "--check"),
        "eslint": ("node_modules/.bin/eslint",),
        "codespell": (*python, "codespell_lib"),
        "mypy": (*python, "mypy"),
    }
    return [Job("lint", name, argv, known(name, Cost(5))) for name, argv in programs.items()]


def units() -> list[Job]:
    """The tests that need no machine: the directories of tests/ in portions of files, those beside them, a browser."""
    folders = sorted(folder for folder in TESTS.iterdir() if folder.is_dir() and folder.name not in APART)
    portions = [portion for folder in folders for portion in _portions(sorted(folder.rglob("test_*.py")))]
    alone = [[file] for file in (*sorted(TESTS.glob("test_*.py")), GLANCE)]
    return [_unit("units", files) for files in (*portions, *alone)]


def page() -> list[Job]:
    """The LuCI page in a browser, a job for each file, before a service with a fake kernel."""
    files = sorted(set(BROWSER.glob("test_*.py")) - {GLANCE, PAGE})
    return [_unit("page", [file]) for file in files]


def quick() -> list[Job]:
    """The tests that Python alone can run, without those marked `slow`, in a few jobs of about the same length."""
    left_out = APART | WITH_PROGRAMS | STAND_INS
    files = [file for file in TESTS.rglob("test_*.py") if file.relative_to(TESTS).parts[0] not in left_out]
    by_tests = sorted(files, key=_tests)
    portions = [by_tests[first::QUICK_JOBS] for first in range(QUICK_JOBS)]
    argv = (sys.executable, *PYTEST, "-m", "not slow")
    return [
        Job("quick", f"quick {number}", (*argv, *map(str, sorted(each))), Cost(10), BYTECODE)
        for number, each in enumerate(portions)
    ]


def kernel() -> list[Job]:
    """The tests in user-mode kernels: for each kernel a machine for each file or group, and the LuCI page before it."""
    machines = [
        _machine("kernel", series, _named(files), tuple(map(str, files))) for series in KERNELS for files in groups()
    ]
    return [*machines, *map(_kernel_page, KERNELS)]


def groups() -> list[list[Path]]:
    """The files of kernel tests that run in one machine; most are alone."""
    shared = [[TESTS / f"kernel/test_{name}.py" for name in names] for names in TOGETHER]
    others = set((TESTS / "kernel").glob("test_*.py")).difference(*shared)
    return [*shared, *([file] for file in sorted(others))]


def stock() -> list[Job]:
    """A short list of tests in QEMU on Debian's own kernel."""
    return [
        _machine("stock", "qemu", name, tuple(str(TESTS / "kernel" / test) for test in tests))
        for name, tests in ANCHORS.items()
    ]


def bounds() -> list[Job]:
    """Costs in counted instructions, each with a bound; QEMU alone counts them, and one boot has room for all."""
    name = "6.1 bounds"
    argv = (sys.executable, "-m", "kernel.vm", "--once-more", "python3", "-m", "bench.bounds")
    counting = {"OFFLOAD_KERNEL": "6.1", "OFFLOAD_ICOUNT": "1"}
    return [Job("bounds", name, argv, known(name, Cost(90)), {"PYTHONPATH": str(TESTS), **counting})]


PARTS: dict[str, Callable[[], list[Job]]] = {
    "lint": lint,
    "units": units,
    "page": page,
    "quick": quick,
    "kernel": kernel,
    "stock": stock,
    "bounds": bounds,
}


def _portions(files: list[Path]) -> Iterator[list[Path]]:
    """Files with about PORTION tests each time."""
    portion: list[Path] = []
    for file in files:
        portion.append(file)
        if sum(map(_tests, portion)) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _named(files: list[Path]) -> str:
    """The first file's name, without "kernel/", and how many there are beside it."""
    place = files[0].relative_to(TESTS).with_suffix("")
    name = str(place).removeprefix("kernel/")
    return f"{name} and {len(files) - 1} more" if files[1:] else name


def _unit(part: str, files: list[Path]) -> Job:
    name = _named(files)
    cost = known(name, Cost(sum(map(_tests, files))))
    return Job(part, name, (sys.executable, *PYTEST, *map(str, files)), cost)


def _kernel_page(series: str) -> Job:
    name = f"{series} page"
    return Job(
        "kernel",
        name,
        (sys.executable, *PYTEST, str(PAGE)),
        known(name, Cost(60)),
        {"OFFLOAD_KERNEL": series},
    )


def _machine(part: str, kind: str, name: str, tests: tuple[str, ...]) -> Job:
    chosen = {"OFFLOAD_MACHINE": "qemu"} if kind == "qemu" else {"OFFLOAD_KERNEL": kind}
    guess = 8 * sum(_tests(Path(test.partition("::")[0])) for test in tests)
    named = f"{kind} {name}"
    return Job(part, named, (*MACHINE, *tests), known(named, Cost(guess)), {"PYTHONPATH": str(TESTS), **chosen})


def _tests(file: Path) -> int:
    """How many test functions are in a file."""
    return len(re.findall(r"^def test_", file.read_text(), re.MULTILINE))
