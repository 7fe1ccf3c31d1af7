"""A file that this user (and root) alone can read and write, in a directory of mode 0700.

A read checks owner and mode of both, a write those of the directory.
"""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from offload.errors import FileError
from offload.system.files import regular_file
from offload.system.files.atomic_file import MODE, replace

DIRECTORY_MODE = 0o700
OTHERS = 0o077
LARGEST = 1 << 20  # bytes


class PrivateFile:
    """A file for this user alone; each method raises FileError, with a sentence, if it fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The file's content; None if the file or its directory does not exist.

        FileError if it cannot be read or is larger than 1 MB, or if file or directory is a link or of another kind,
        belongs to another user, or has any permission for group or others.
        """
        try:
            self._own(self._path.parent, stat.S_ISDIR)
            self._own(self._path, stat.S_ISREG)
            return regular_file.read(self._path, LARGEST)[0]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal("read", error) from error

    def write(self, content: bytes) -> None:
        """Replace the file's content in one step, with mode 0600; file and directory are made if missing.

        If the path is a symbolic link, the link is removed first. FileError if writing fails, or if the directory is a
        link, belongs to another user, or has any permission for group or others.
        """
        try:
            self._path.parent.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
            self._own(self._path.parent, stat.S_ISDIR)
            if self._path.is_symlink():
                self._path.unlink()
            replace(self._path, content, MODE)
        except OSError as error:
            raise self._refusal("written", error) from error

    def remove(self) -> None:
        """Remove the file if it exists, whoever owns it."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._refusal("removed", error) from error

    def _own(self, path: Path, kind: Callable[[int], bool]) -> None:
        status = path.lstat()
        if not kind(status.st_mode):
            raise OSError(errno.EINVAL, f"{path} is a link or of another kind")
        if status.st_uid != os.geteuid() or status.st_mode & OTHERS:
            raise OSError(errno.EPERM, f"{path} belongs to another user or is open to others")

    def _refusal(self, done: str, error: OSError) -> FileError:
        return FileError(f"{self._path} cannot be {done}: {error.strerror}")


class FakePrivateFile:
    """A private file in memory; each method raises FileError with the sentence in `refusal`, if that is not empty."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content, self.refusal = content, ""

    def read(self) -> bytes | None:
        """The content; None if the file does not exist."""
        self._refuse()
        return self.content

    def write(self, content: bytes) -> None:
        """Replace the content; the file exists from then on."""
        self._refuse()
        self.content = content

    def remove(self) -> None:
        """Remove the file, if it exists."""
        self._refuse()
        self.content = None

    def _refuse(self) -> None:
        if self.refusal:
            raise FileError(self.refusal)
