"""Directories for one task: private, gone afterwards, and removed at the next start where the process was killed."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from offload.system.files.workspace import PREFIX, sweep, workspace

KILLED = """
import os
from offload.system.files.workspace import workspace
with workspace() as directory:
    (directory / "offload").write_text("config zone")
    print(directory, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def _tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_private_and_goes_with_its_content(tmp_path: Path) -> None:
    with workspace() as directory:
        (directory / "file").touch()
        assert directory.parent == tmp_path
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []


def test_directories_of_a_killed_process_are_removed_at_the_next_start(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, check=False)
    left = Path(done.stdout.strip())
    assert left.is_dir() and left.parent == tmp_path, done.stderr
    assert sweep() == [left]
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_use_or_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "offload-snapshot").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / f"{PREFIX}file").touch()
    before = sorted(tmp_path.iterdir())
    with workspace():
        assert sweep() == []
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_what_another_user_made_stays(tmp_path: Path) -> None:
    other = tmp_path / f"{PREFIX}other"
    other.mkdir()
    os.chown(other, 65534, 65534)
    assert sweep() == []
    assert other.is_dir()
