"""One service at a time: a second process, one that is killed, and a name that another user has taken."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from offload.errors import RunningError
from offload.system.sole import WAITING, sole

pytestmark = pytest.mark.slow  # it starts processes

SRC = Path(__file__).parents[2] / "src"
HOLDING = """
import os, sys, time
from offload.system.sole import sole
if sys.argv[2:]:
    os.setresuid(*[int(sys.argv[2])] * 3)
with sole(sys.argv[1].encode()):
    print("held", flush=True)
    time.sleep(60)
"""
# The command itself, with another name than that of a service that may run on this machine.
SECOND = """
import sys
from offload.cli.command import main
from offload.service import main as service
from offload.system.sole import sole
service.sole = lambda: sole(sys.argv[1].encode())
sys.exit(main(["service", *sys.argv[2:]]))
"""


@pytest.fixture(name="name")
def _name() -> str:
    return f"\0offload.test.{os.getpid()}"


def python(program: str, name: str, *words: str) -> list[str]:
    return [sys.executable, "-c", program.replace("sys.argv[1]", repr(name)), name.lstrip("\0"), *words]


@contextmanager
def held(name: str, *user: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the name; `user`: its user id, if it is another user's."""
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    command = python(HOLDING, name, *user)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_command_beside_a_running_service_names_its_process_and_ends(name: str) -> None:
    with held(name) as first:
        command = python(SECOND, name)
        environment = os.environ | {"PYTHONPATH": str(SRC)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=environment, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"offload: a service is running already (process {first.pid}): ")
        assert first.poll() is None


def test_after_a_kill_the_next_one_may_start_at_once(name: str) -> None:
    with held(name) as first:
        first.kill()
        with sole(name.encode()):
            pass


def test_many_calls_still_get_a_sentence(name: str) -> None:
    with held(name):
        for _ in range(WAITING + 3):
            with pytest.raises(RunningError, match="a service is running already"), sole(name.encode(), patience=0):
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_a_name_that_another_user_has_taken_keeps_nobody_from_starting(name: str) -> None:
    with held(name, "65534"), sole(name.encode(), patience=0):
        pass
