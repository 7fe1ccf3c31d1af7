"""The files, links and folders that a package installs on a router. Their owner is root."""

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

RUN, READ, LINK = 0o755, 0o644, 0o777


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a link or a folder.

    path: on the router, without the first slash. mode: permission bits. content: of a file. target: of a link.
    is_folder: it is a folder.
    """

    path: str
    mode: int
    content: bytes = b""
    target: str = ""
    is_folder: bool = False

    @classmethod
    def directory(cls, path: str) -> "Entry":
        """A folder of mode 0755, whatever umask it was made with on this machine."""
        return cls(path, RUN, is_folder=True)

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def below(folder: Path) -> Iterator[Entry]:
    """Everything below a folder, sorted by path; paths are relative to it."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield Entry(place, LINK, target=str(path.readlink()))
        elif path.is_dir():
            yield Entry.directory(place)
        else:
            yield Entry(place, stat.S_IMODE(path.stat().st_mode), path.read_bytes())
