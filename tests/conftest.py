"""What all tests share: `--update-golden`, the command, and a router as a directory."""

import gc
import os
import shutil
from pathlib import Path

import pytest

from command import Offload, Ran
from offload.cli.command import main

if not os.environ.get("OFFLOAD_IN_VM"):  # the tests in a machine draw no examples, and the import costs a second there
    from hypothesis import HealthCheck, settings

    # A test that fails must fail again for whoever looks, and none fails because the machine is busy: each run of a
    # profile draws the same examples. `make test` takes those of `gate`, `make check` of `fast` and `make unit` of
    # `unit`. `make soak` draws many others.
    slow = [HealthCheck.too_slow]  # which asks how long it takes to draw examples
    settings.register_profile(
        "gate", derandomize=True, deadline=None, database=None, max_examples=40, suppress_health_check=slow
    )
    settings.register_profile("fast", settings.get_profile("gate"), max_examples=15)
    settings.register_profile("unit", settings.get_profile("gate"), max_examples=5)
    settings.register_profile(
        "soak", deadline=None, database=None, max_examples=1000, print_blob=True, suppress_health_check=slow
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

# Python looks through all that stays in memory for garbage; seldom saves a tenth of the time of thousands of tests.
gc.set_threshold(50_000, 20, 20)

AGAIN = "AGAIN"  # before the name of a test that needed another run, and its cause (tests/gate/job.py)
HOME = Path(__file__).parent / "golden" / "03-lan-guest-wan"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what comes out now into tests/golden")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why tests needed another run: pytest-rerunfailures prints their names alone; the gate lists the causes."""
    for report in terminalreporter.getreports("rerun"):
        crash = getattr(report.longrepr, "reprcrash", None)
        cause = " ".join(str(crash.message if crash else report.longreprtext).split())
        terminalreporter.write_line(f"{report.longreprtext}\n{AGAIN} {report.nodeid} - {cause}")


@pytest.fixture(name="offload")
def _offload(capsys: pytest.CaptureFixture[str]) -> Offload:
    """Run the command: `offload("check", "--root", ...)`."""
    return lambda *arguments: Ran(main(list(arguments)), *capsys.readouterr())


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A copy of the golden router with lan, guest and wan, guest in mode none."""
    return Path(shutil.copytree(HOME, tmp_path / "router"))
