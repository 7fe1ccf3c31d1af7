"""Reading a file that may be anything, and that may change meanwhile."""

import os
from pathlib import Path

import pytest

from offload.system.files import regular_file


def test_content_and_stamp(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    content, stamp = regular_file.read(path)
    assert (content, stamp) == (b"text", regular_file.stamp(path))
    path.write_bytes(b"texts")
    assert regular_file.stamp(path) != stamp
    path.unlink()
    assert regular_file.stamp(path) is None


@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "large"])
def test_what_is_no_regular_file_of_a_fair_size(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        path.touch()
        os.truncate(path, regular_file.LARGEST + 1)
    with pytest.raises(OSError, match=r"not a regular file|larger than 16 MB"):
        regular_file.read(path)


def test_a_file_that_is_written_meanwhile_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer has truncated it and goes on writing while it is read."""
    path = tmp_path / "file"
    path.write_bytes(b"first half, ")
    whole, rest = regular_file.whole, [b"second half"]

    def slow(descriptor: int, largest: int = regular_file.LARGEST) -> bytes:
        found = whole(descriptor, largest)
        if rest:
            with path.open("ab") as file:
                file.write(rest.pop())
        return found

    monkeypatch.setattr(regular_file, "whole", slow)
    content, stamp = regular_file.read(path)
    assert (content, stamp) == (b"first half, second half", regular_file.stamp(path))


def test_a_file_that_never_rests_is_given_as_it_was_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, whole = tmp_path / "file", regular_file.whole
    path.touch()

    def busy(descriptor: int, largest: int = regular_file.LARGEST) -> bytes:
        with path.open("ab") as file:
            file.write(b"x")
        return whole(descriptor, largest)

    monkeypatch.setattr(regular_file, "whole", busy)
    content, stamp = regular_file.read(path)
    assert content == b"x" * regular_file.TRIES
    assert stamp != regular_file.stamp(path)  # which tells that it has to be read again later
