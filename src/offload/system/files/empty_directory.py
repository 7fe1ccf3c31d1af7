"""Write files into a directory that is new or empty, and follow no links on the way.

Each directory is opened from the descriptor of the one above it (openat(2)), so a change that another process makes
meanwhile cannot redirect a file.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from offload.errors import FileError

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY_MODE, FILE_MODE = 0o700, 0o600
ANOTHER = "name a directory that does not exist yet"


def write(root: Path, files: dict[str, bytes], never: Iterable[str] = ()) -> None:
    """Write files into the directory `root`, which is made if missing; `files`: content by path below `root`.

    Missing directories above `root` are made; new directories have mode 0700, files 0600. FileError if `root` is not
    empty, belongs to another user, is a link or below one, is or is below one of the directories in `never`, or cannot
    be made or used, and if a file cannot be written. What was made before the error stays.
    """
    with _directory(root, never) as directory:
        for path, content in files.items():
            *folders, name = path.split("/")
            _write(directory, folders, name, content, root)


def _write(directory: int, folders: list[str], name: str, content: bytes, root: Path) -> None:
    descriptor = os.dup(directory)
    try:
        for folder in folders:
            descriptor = _replaced(descriptor, _entered(descriptor, folder))
        with os.fdopen(os.open(name, NEW_FILE, FILE_MODE, dir_fd=descriptor), "wb") as file:
            file.write(content)
    except OSError as error:
        raise FileError(f"{root / '/'.join((*folders, name))} cannot be written: {error.strerror}") from error
    finally:
        os.close(descriptor)


@contextmanager
def _directory(root: Path, never: Iterable[str]) -> Iterator[int]:
    forbidden = set(_identities(never))
    descriptor = os.open(root.anchor or ".", DIRECTORY)
    try:
        so_far = Path(root.anchor)
        for part in root.parts[bool(root.anchor) :]:
            so_far /= part
            descriptor = _replaced(descriptor, _step(descriptor, part, so_far))
            if _identity(os.fstat(descriptor)) in forbidden:
                raise FileError(f"{so_far} is the configuration of this router: {ANOTHER}")
        _judge(descriptor, root)
        yield descriptor
    finally:
        os.close(descriptor)


def _step(descriptor: int, part: str, path: Path) -> int:
    try:
        return _entered(descriptor, part)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise FileError(f"{path} is a link or no directory, and links are not followed: {ANOTHER}") from error
        raise FileError(f"{path} cannot be made or entered: {error.strerror}; {ANOTHER}") from error


def _entered(descriptor: int, part: str) -> int:
    try:
        return os.open(part, DIRECTORY, dir_fd=descriptor)
    except FileNotFoundError:
        os.mkdir(part, DIRECTORY_MODE, dir_fd=descriptor)
        return os.open(part, DIRECTORY, dir_fd=descriptor)


def _replaced(descriptor: int, inner: int) -> int:
    os.close(descriptor)
    return inner


def _judge(descriptor: int, root: Path) -> None:
    if os.fstat(descriptor).st_uid != os.geteuid():
        raise FileError(f"{root} belongs to another user: {ANOTHER}")
    try:
        empty = _empty(descriptor)
    except OSError as error:
        raise FileError(f"{root} cannot be listed: {error.strerror}; {ANOTHER}") from error
    if not empty:
        raise FileError(f"{root} is not empty, and nothing is overwritten: {ANOTHER}")


def _empty(descriptor: int) -> bool:
    listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
    try:
        with os.scandir(listing) as names:
            return next(names, None) is None
    finally:
        os.close(listing)


def _identities(paths: Iterable[str]) -> Iterator[tuple[int, int]]:
    for path in paths:
        try:
            yield _identity(os.stat(path))  # noqa: PTH116 - beside os.fstat
        except OSError:
            continue


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
