"""A lock that another process holds stops neither reading nor, for more than two seconds, writing."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.errors import FileError
from offload.model.sections.section import Edit, Section
from offload.system.config.uci import Uci
from offload.system.files.locks import holder, holders

HOLD = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, getattr(fcntl, sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""
LONGEST = 3.0  # seconds for what may wait 2


@contextmanager
def held(path: Path, kind: str = "LOCK_EX") -> Iterator[int]:
    """Another process holds the file's lock; its id."""
    command = [sys.executable, "-c", HOLD, str(path), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process.pid
        finally:
            process.communicate("")


@pytest.fixture(name="confdir")
def _confdir(tmp_path: Path) -> Path:
    (tmp_path / "offload").write_text("config zone 'lan'\n\toption mode 'none'\n")
    return tmp_path


def test_reading_does_not_wait_for_a_lock(confdir: Path) -> None:
    found: list[object] = []
    with held(confdir / "offload"):
        reader = threading.Thread(target=lambda: found.append(Uci(confdir).read("offload")), daemon=True)
        reader.start()
        reader.join(LONGEST)
    assert found == [(Section("offload", "zone", "lan", "lan", {"mode": "none"}),)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["LOCK_EX", "LOCK_SH"])
def test_writing_waits_two_seconds_and_names_the_process(confdir: Path, kind: str) -> None:
    with held(confdir / "offload", kind) as process:
        name = Path(f"/proc/{process}/comm").read_text().strip()
        begin = time.monotonic()
        with pytest.raises(FileError) as refusal:
            Uci(confdir).write("offload", [Edit("lan", "zone", "mode", "software")])
        assert time.monotonic() - begin < LONGEST
    assert f"process {process} '{name}' has held its lock for more than 2 s" in str(refusal.value)
    assert "nothing was changed" in str(refusal.value)
    Uci(confdir).write("offload", [Edit("lan", "zone", "mode", "software")])
    assert "software" in (confdir / "offload").read_text()


LOCKS = """\
1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF
1: -> FLOCK  ADVISORY  WRITE 4712 08:01:1234 0 EOF
2: POSIX  ADVISORY  READ 99 00:1a:1234 0 EOF
3: FLOCK  ADVISORY  READ 0 08:01:77 0 EOF
4: OFDLCK ADVISORY  WRITE -1 08:01:77 0 EOF
"""


@pytest.mark.parametrize(
    ("device", "inode", "found"),
    [
        (os.makedev(8, 1), 1234, [4711]),
        (os.makedev(0, 0x1A), 1234, [99]),
        (os.makedev(0, 0x2B), 1234, [4711, 99]),  # an overlay
        (os.makedev(8, 1), 77, []),
        (os.makedev(8, 1), 1, []),
    ],
)
def test_the_holders_of_an_inode(device: int, inode: int, found: list[int]) -> None:
    assert holders(LOCKS, device, inode) == found


@given(st.text() | st.lists(st.sampled_from(["1:", "->", "FLOCK", "x", "5", "08:01:7", "a:b:c", "\n"])).map(" ".join))
def test_any_text_of_proc_locks_is_read(text: str) -> None:
    assert all(number > 0 for number in holders(text, 0, 7))


def test_a_name_of_a_process_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    inode = os.fstat(descriptor).st_ino
    (tmp_path / "locks").write_text(f"1: FLOCK ADVISORY WRITE 7 00:00:{inode} 0 EOF\n")
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "comm").write_text("\x1b[2Jname\n")
    assert holder(descriptor, tmp_path) == "process 7 '?[2Jname'"
    (tmp_path / "locks").write_text("")
    assert holder(descriptor, tmp_path) == "a process that /proc/locks does not list"
    (tmp_path / "locks").unlink()
    assert holder(descriptor, tmp_path) == "another process"
    os.close(descriptor)


def test_the_lock_is_the_one_that_libuci_takes(confdir: Path) -> None:
    """Without it this test's own claim would prove nothing."""
    from offload.system.files.atomic_file import locked

    with locked(confdir / "offload"), (confdir / "offload").open() as other, pytest.raises(BlockingIOError) as refusal:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert refusal.value.errno == errno.EWOULDBLOCK
