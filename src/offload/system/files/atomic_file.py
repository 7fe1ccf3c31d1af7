"""Replace a file as a whole, under its lock: after a full disk or a power cut it has its old content or the new."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from offload.system.files.locks import holder
from offload.system.files.regular_file import whole

PATIENCE = 2.0  # seconds to wait for the lock; any user who may read the file can hold it without end
MODE = 0o600


@contextmanager
def locked(path: Path) -> Iterator[bytes]:
    """Hold the file's lock while the body runs, as libuci does for writing (flock), and yield the file's content.

    A missing file is made empty, and removed again if the body raises. If the file is replaced during the wait, the new
    one is locked. OSError if another process has the lock for PATIENCE (2) seconds (the text names the process, if it
    is known), or if the file cannot be opened, is not regular, or is larger than 16 MB.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        made = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, MODE)
        try:
            _lock(descriptor, deadline)
            if not _still_there(descriptor, path):
                continue  # the process that held the lock has replaced the file
            try:
                yield whole(descriptor)
            except BaseException:
                if made:
                    path.unlink(missing_ok=True)
                raise
            return
        finally:
            os.close(descriptor)


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise OSError(
                    errno.EAGAIN, f"{holder(descriptor)} has held its lock for more than {PATIENCE:g} s"
                ) from error
            time.sleep(0.02)
        else:
            return


def _still_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def replace(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace the file's content in one step: write a new file beside it, flush that to disk, and rename it.

    `mode`: of the new file; None: that of the old one, or 0600 if there was none. The owner is the user of this
    process. After an OSError content and mode are the old ones. If `path` is a symbolic link, the file that it leads to
    is replaced. This takes no lock: use it within `locked`.
    """
    import tempfile  # slow, and most commands write nothing

    target = path.resolve()
    if mode is None:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else MODE
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target))
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


def sweep(path: Path) -> None:
    """Remove the temporary files that killed calls of `replace` left beside `path`. Never raises OSError.

    It does nothing while another process holds the lock of `path`, or if the file is missing or cannot be opened.
    """
    with suppress(OSError):
        target = path.resolve()
        descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in target.parent.glob(_prefix(target) + "*"):
                left.unlink()
        finally:
            os.close(descriptor)


def _prefix(target: Path) -> str:
    return f".{target.name}.offload-"
