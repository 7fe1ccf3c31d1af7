"""Read a small regular file as a whole, without waiting for a lock, a pipe or a device.

A writer that writes into its file, instead of replacing it, may be half-way through. Then size or modification time
differ before and after the reading, and the file is read again.
"""

import errno
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

LARGEST = 16 << 20  # bytes
TRIES, PAUSE = 5, 0.02  # PAUSE: seconds between two readings of a file that changes meanwhile


class Stamp(NamedTuple):
    """Inode, size (bytes) and time of the last write (nanoseconds) of a file.

    If a file has the same Stamp as before, its content counts as unchanged.
    """

    inode: int
    size: int
    changed: int


def read(path: Path, largest: int = LARGEST) -> tuple[bytes, Stamp]:
    """Read a regular file as a whole: (content, Stamp from before the reading).

    If the file changes during the reading, it is read again after 20 ms, at most TRIES (5) times in all; then the last
    reading is returned. OSError if the file is missing, cannot be read, is not regular, or is larger than `largest`
    bytes.
    """
    for _ in range(TRIES):
        content, before = _read(path, largest)
        if stamp(path) == before:
            break
        time.sleep(PAUSE)
    return content, before


def stamp(path: Path) -> Stamp | None:
    """The file's present stamp; None if it does not exist or cannot be examined."""
    try:
        return _stamp(path.stat())
    except OSError:
        return None


def whole(descriptor: int, largest: int = LARGEST) -> bytes:
    """The content of an open file from its start; OSError if it is not regular, or larger than `largest` bytes.

    The descriptor stays open, and its position changes.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"it is larger than {largest >> 20} MB")
    return content


def _read(path: Path, largest: int) -> tuple[bytes, Stamp]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        before = _stamp(os.fstat(descriptor))
        return whole(descriptor, largest), before
    finally:
        os.close(descriptor)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)
