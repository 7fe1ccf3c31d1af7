"""A temporary directory for one task, and the removal of those that killed processes left behind.

The process that uses a directory holds a lock on it, which the kernel releases however the process ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".offload-"


@contextmanager
def workspace() -> Iterator[Path]:
    """Make a temporary directory for this user alone, yield its path, and remove it with its content after the body.

    This process has a lock on it meanwhile, so that `sweep` leaves it alone.
    """
    import shutil  # slow, and most commands need no directory

    directory, descriptor = _make_locked()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def sweep() -> list[Path]:
    """Remove the directories of `workspace` that killed processes of this user left behind, and return their paths.

    Directories in use stay, because their process has a lock on them. Errors are ignored.
    """
    import shutil
    import tempfile

    removed = []
    for directory in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with suppress(OSError):
            descriptor = _lock(directory)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    shutil.rmtree(directory)
                    removed.append(directory)
            finally:
                os.close(descriptor)
    return removed


def _make_locked() -> tuple[Path, int]:
    # If a `sweep` removes the directory before it is locked, another is made.
    import tempfile

    while True:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(BlockingIOError, FileNotFoundError):
            descriptor = _lock(directory)
            if directory.exists():
                return directory, descriptor
            os.close(descriptor)


def _lock(directory: Path) -> int:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
