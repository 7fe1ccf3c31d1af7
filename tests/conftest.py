"""What all tests share: `--update-golden`, the command, and a router as a directory."""

import shutil
from pathlib import Path

import pytest

from command import Offload, Ran
from offload.cli.command import main

HOME = Path(__file__).parent / "golden" / "03-lan-guest-wan"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what comes out now into tests/golden")


@pytest.fixture(name="offload")
def _offload(capsys: pytest.CaptureFixture[str]) -> Offload:
    """Run the command: `offload("check", "--root", ...)`."""
    return lambda *arguments: Ran(main(list(arguments)), *capsys.readouterr())


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A copy of the golden router with lan, guest and wan, guest in mode none."""
    return Path(shutil.copytree(HOME, tmp_path / "router"))
