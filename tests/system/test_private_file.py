"""The file of our own: written in one step, and read only where no other user can have written it."""

import os
import stat
from pathlib import Path

import pytest

from offload.errors import FileError
from offload.system.files.private_file import FakePrivateFile, PrivateFile


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "offload" / "exempts.json"


def test_it_is_read_as_it_was_written(path: Path) -> None:
    file = PrivateFile(path)
    assert file.read() is None
    for content in (b"one", b"", b"\0" * 1000):
        file.write(content)
        assert file.read() == content
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_may_enter(path: Path, mode: int) -> None:
    PrivateFile(path).write(b"one")
    path.parent.chmod(mode)
    with pytest.raises(FileError, match="open to others"):
        PrivateFile(path).read()
    with pytest.raises(FileError, match="open to others"):
        PrivateFile(path).write(b"two")


def test_a_file_that_others_may_read(path: Path) -> None:
    PrivateFile(path).write(b"one")
    path.chmod(0o644)
    with pytest.raises(FileError, match="open to others"):
        PrivateFile(path).read()


def test_a_write_ends_what_others_may_read(path: Path) -> None:
    PrivateFile(path).write(b"one")
    path.chmod(0o644)
    PrivateFile(path).write(b"two")
    assert (PrivateFile(path).read(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o600)


def test_what_belongs_to_another_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PrivateFile(path).write(b"one")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(FileError, match="belongs to another user"):
        PrivateFile(path).read()


def test_no_link_is_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    victim.chmod(0o600)
    path.parent.mkdir(mode=0o700)
    path.symlink_to(victim)
    with pytest.raises(FileError, match="link"):
        PrivateFile(path).read()
    PrivateFile(path).write(b"ours")
    assert (victim.read_bytes(), PrivateFile(path).read()) == (b"theirs", b"ours")


def test_a_directory_that_is_a_link(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    path.parent.symlink_to(other)
    with pytest.raises(FileError, match="link"):
        PrivateFile(path).write(b"ours")
    assert list(other.iterdir()) == []


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)
    with pytest.raises(FileError, match="cannot be read"):
        PrivateFile(path).read()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        PrivateFile(tmp_path / "file" / "exempts.json").write(b"one")


def test_the_fake_does_the_same() -> None:
    fake = FakePrivateFile()
    assert fake.read() is None
    fake.write(b"one")
    assert fake.read() == b"one"
    fake.refusal = "no"
    for do in (fake.read, lambda: fake.write(b"two")):
        with pytest.raises(FileError, match="no"):
            do()
