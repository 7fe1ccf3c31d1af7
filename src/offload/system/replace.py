"""Changing a file as a whole: others wait meanwhile, and a full disk or a power cut leaves the old content."""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PATIENCE = 2.0  # seconds for who writes the file just now
MODE = 0o600


@contextmanager
def locked(path: Path) -> Iterator[bytes]:
    """Hold the lock libuci takes for writing (file.c, uci_open_stream); gives the content, empty for a new file."""
    deadline = time.monotonic() + PATIENCE
    while True:
        made = not path.exists()
        with path.open("ab+") as file:
            _lock(file, deadline)
            if not _stands(file, path):
                continue  # who held it has put another file in its place meanwhile
            file.seek(0)
            try:
                yield file.read()
            except BaseException:
                if made:
                    path.unlink(missing_ok=True)
                raise
            return


def _lock(file: BinaryIO, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _stands(file: BinaryIO, path: Path) -> bool:
    """Whether the open file is still the one that has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def replace(path: Path, content: bytes) -> None:
    """Write `content` beside the file and put it in its place in one step; OSError: the file is as it was."""
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else MODE
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
