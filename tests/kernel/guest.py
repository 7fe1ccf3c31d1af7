"""The command that a virtual machine of any kind runs: its environment, and where this repository is."""

import os
import shlex
import site
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"  # the one directory that a machine shares with its host for writing
PASSED_ON = ("OFFLOAD_SOAK", "OFFLOAD_ROUNDS", "BENCH_BASELINES", "BENCH_TOPOLOGIES")


def python_path() -> str:
    """Where the guest's Python finds what a virtual environment gave the host's."""
    sources = (REPOSITORY / folder for folder in ("src", "tests/standins", "tests"))
    return ":".join([*map(str, sources), sysconfig.get_path("purelib")])


def foreign_packages() -> list[Path]:
    """Where the interpreter behind the virtual environment has packages of its own, which the guest must not load."""
    ours = Path(sysconfig.get_path("purelib"))
    found = map(Path, site.getsitepackages([sys.base_prefix]))
    return [folder for folder in found if folder.is_dir() and folder != ours]


def interpreter() -> Path:
    """The interpreter behind the virtual environment's link."""
    return Path(sys.executable).resolve()


def script(command: list[str], engine: Path, *, path: str, before: str = "") -> str:
    """A shell script that runs the command, and lines `before` it; `engine` is the module of the emulated chip."""
    variables = {
        "PATH": path,
        "PYTHONPATH": python_path(),
        "PYTHONUNBUFFERED": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OFFLOAD_IN_VM": "1",
        "OFFLOAD_ENGINE": str(engine),
        **{name: value for name, value in os.environ.items() if name in PASSED_ON},
        "COLUMNS": os.environ.get("COLUMNS", "80"),
        "HOME": "/tmp",  # noqa: S108  # the guest's own, gone with it
    }
    if sys.stdout.isatty():
        variables["FORCE_COLOR"] = "1"  # pytest and the demo know it
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return f"exec 2>&1\nexport {exports}\n{before}{shlex.join(command)}\n"
