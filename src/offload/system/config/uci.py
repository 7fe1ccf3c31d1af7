"""Read and change the committed sections of UCI packages.

The file's bytes are read and checked here. Most files are in a plain form that `uci_text` reads; libuci reads all
others, and makes every change.
"""

import errno
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from offload.errors import FileError
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Edit, Section, applied
from offload.system.config.uci_text import parse, with_lines
from offload.system.files import atomic_file, regular_file, workspace
from offload.system.files.atomic_file import locked, replace

CONFDIR = "/etc/config"
# Since 2025 libuci prefers a file in this directory to the one in /etc/config (file.c, uci_file_load).
OVERRIDE = "/var/run/uci"
REMEDIES = {
    errno.ENOSPC: ": make room on the flash (df -h /overlay)",
    errno.EROFS: ": in failsafe mode, mount_root makes it writable",
}


class Uci:
    """The UCI packages (files) of one directory, by default `/etc/config`."""

    def __init__(self, confdir: str | Path = CONFDIR) -> None:
        self._confdir = Path(confdir)
        self._stamps: dict[str, regular_file.Stamp | None] = {}  # of the files as they were read last

    def read(self, package: str) -> tuple[Section, ...] | Problem:
        """Sections of `package` in the order of the file, or the Problem that says why the file cannot be read.

        Only committed changes count. Sections of the same name are one, an option without a value is absent, and a list
        is a tuple even if it has one value.
        """
        try:
            content, self._stamps[package] = regular_file.read(self._path(package))
            return _parsed(content, package)
        except FileNotFoundError:
            self._stamps[package] = None
            return ProblemCode.FILE_MISSING.at(package)
        except OSError as error:
            self._stamps.pop(package, None)
            return ProblemCode.FILE_UNREADABLE.at(package, detail=error.strerror or str(error))

    def changed(self) -> bool:
        """Whether a file that `read` was called for differs from then, is new, or has gone.

        A difference may also mean that it was read half-written. Files that could not be read are left out.
        """
        return any(regular_file.stamp(self._path(package)) != before for package, before in self._stamps.items())

    def write(self, package: str, edits: Sequence[Edit]) -> None:
        """Make these changes and commit them; a FileError says why nothing was changed in the file.

        Uncommitted changes of others stay uncommitted. Of the file's comments libuci keeps none; those before the first
        section are written again. A missing file is made.
        """
        from offload.system.config.libuci import edited

        path = self._path(package)
        try:
            with locked(path) as content:
                replace(path, edited(package, content, edits))
        except OSError as error:
            raise FileError(
                f"{path} cannot be written ({error.strerror or error}); nothing was changed in it"
                f"{REMEDIES.get(error.errno or 0, '')}"
            ) from error

    def sweep(self, packages: Iterable[str]) -> None:
        """Remove what killed processes left: workspaces, and temporary files beside these packages. Never raises."""
        workspace.sweep()
        for package in packages:
            atomic_file.sweep(self._path(package))

    def _path(self, package: str) -> Path:
        override = Path(OVERRIDE, package)
        return override if str(self._confdir) == CONFDIR and override.exists() else self._confdir / package


def _parsed(content: bytes, package: str) -> tuple[Section, ...] | Problem:
    """The sections of a package, from the bytes of its file; libuci reads those that `uci_text` does not."""
    text = content.decode(errors="replace")
    plain = parse(package, text)
    if plain is not None:
        return plain
    from offload.system.config.libuci import by_libuci  # most files do not need it

    found = by_libuci(content, package)
    return found if isinstance(found, Problem) else with_lines(found, text)


class FakeUci:
    """UCI packages in memory; one that is not in `packages` is a missing file.

    `refusal`: the sentence of the FileError that every write raises; empty: writes succeed.
    """

    refusal = ""

    def __init__(self, packages: Mapping[str, tuple[Section, ...] | Problem]) -> None:
        self.packages = dict(packages)
        self._read: dict[str, tuple[Section, ...] | Problem | None] = {}

    def read(self, package: str) -> tuple[Section, ...] | Problem:
        """As `Uci.read`."""
        self._read[package] = self.packages.get(package)
        return self.packages.get(package, ProblemCode.FILE_MISSING.at(package))

    def changed(self) -> bool:
        """As `Uci.changed`."""
        return any(self.packages.get(package) is not before for package, before in self._read.items())

    def write(self, package: str, edits: Sequence[Edit]) -> None:
        """As `Uci.write`."""
        found = self.packages.get(package, ())
        if self.refusal or isinstance(found, Problem):
            raise FileError(self.refusal or str(found))
        self.packages[package] = applied(found, edits)
