"""Changing a file as a whole: others wait meanwhile, and a full disk or a power cut leaves the old content."""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 2.0  # seconds for who writes the file just now
MODE = 0o600


@contextmanager
def locked(path: Path) -> Iterator[bytes]:
    """Hold the lock libuci takes for writing (file.c, uci_open_stream); gives the content, empty for a new file."""
    made = not path.exists()
    with path.open("ab+") as file:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        file.seek(0)
        try:
            yield file.read()
        except BaseException:
            if made:
                path.unlink(missing_ok=True)
            raise


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
