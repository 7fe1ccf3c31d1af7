"""Where lines of the log go: to the reader of stderr, else to syslog(3)."""

import os
import subprocess
import sys
import syslog
from pathlib import Path

import pytest

from offload.model.log import LogLevel
from offload.system.syslog import SystemLog

PROGRAM = """
import syslog
from offload.model.log import LogLevel
from offload.system.syslog import SystemLog
syslog.syslog = lambda priority, text: open({path!r}, "a").write(f"{{priority}} {{text}}\\n")
SystemLog().write(LogLevel.WARNING, "lan > wan\\nslow")
"""


def lines(path: Path, stderr: int) -> tuple[str, str]:
    """What a program with this stderr wrote there, and to syslog(3)."""
    program = PROGRAM.format(path=str(path))
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], stderr=stderr, check=True, text=True, env=environment)
    return done.stderr or "", path.read_text() if path.exists() else ""


def test_procd_reads_stderr(tmp_path: Path) -> None:
    assert lines(tmp_path / "log", subprocess.PIPE) == ("offload: lan > wan slow\n", "")


def test_what_has_no_reader_goes_to_syslog(tmp_path: Path) -> None:
    priority = syslog.LOG_DAEMON | syslog.LOG_WARNING
    assert lines(tmp_path / "log", subprocess.DEVNULL) == ("", f"{priority} offload: lan > wan slow\n")


def test_a_reader_that_goes_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda _, text: written.append(text))
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        log = SystemLog()
        os.close(reading)
        log.write(LogLevel.ERR, "one")
        log.write(LogLevel.ERR, "two")
    assert written == ["offload: one", "offload: two"]
