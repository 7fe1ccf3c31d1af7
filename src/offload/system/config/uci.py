"""Read and change the committed sections of UCI packages.

Files in a plain form are parsed by `uci_text`, others by libuci, or without its Python module by `uci_grammar`. Changes
need libuci.
"""

import errno
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from offload.errors import FileError
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Edit, Removal, Section, applied
from offload.system.config.uci_text import parse, with_lines
from offload.system.files import atomic_file, regular_file, workspace
from offload.system.files.atomic_file import locked, replace

CONFDIR = "/etc/config"
# Since 2025 libuci prefers a file in this directory to the one in /etc/config (file.c, uci_file_load).
OVERRIDE = "/var/run/uci"
SAVEDIR = "/tmp/.uci"  # noqa: S108 - where the program uci keeps changes until `uci commit`
# Where rpcd has a directory `uci-ID` with those of each login at LuCI: /var/run, of which a jail has only this name.
LOGINS = "/tmp/run/rpcd"  # noqa: S108 - rpcd makes this directory
STAGED = r"^[-+@^|~]?{package}\.cfg[0-9a-f]{{6,}}\b"  # a change there of a section without a name (delta.c)
REMEDIES = {
    errno.ENOSPC: ": make room on the flash (df -h /overlay)",
    errno.EROFS: ": in failsafe mode, mount_root makes it writable",
}


class Uci:
    """The UCI packages in one directory, by default /etc/config; a package is a file, such as `firewall`.

    If the directory is /etc/config, a file with the package's name in /var/run/uci is read and written in place of that
    in /etc/config, as by libuci since 2025.
    """

    def __init__(self, confdir: str | Path = CONFDIR) -> None:
        self._confdir = Path(confdir)
        self._stamps: dict[str, regular_file.Stamp | None] = {}  # of the files as `follow` read them last

    def read(self, package: str) -> tuple[Section, ...] | Problem:
        """The sections of a package in the order of the file (`()` for an empty file); a Problem if it cannot be read.

        The Problem says whether the file is missing, unreadable or not valid UCI. Uncommitted changes (`uci set`) do
        not count. Sections of one name are merged into one, an option without a value is absent, and a list is a tuple
        even if it has one value.
        """
        return self._read(package)[0]

    def follow(self, package: str) -> tuple[Section, ...] | Problem:
        """As `read`; `changed` then compares the package's file with the one that was read here."""
        found, stamp = self._read(package)
        if isinstance(found, Problem) and found.fault is ProblemCode.FILE_UNREADABLE:
            self._stamps.pop(package, None)
        else:
            self._stamps[package] = stamp
        return found

    def _read(self, package: str) -> tuple[tuple[Section, ...] | Problem, regular_file.Stamp | None]:
        try:
            content, stamp = regular_file.read(self._path(package))
        except FileNotFoundError:
            return ProblemCode.FILE_MISSING.at(package), None
        except OSError as error:
            return ProblemCode.FILE_UNREADABLE.at(package, detail=error.strerror or str(error)), None
        return _parsed(content, package), stamp

    def changed(self) -> bool:
        """Whether the file of any package was written, made or removed since `follow` last read it.

        Inode, size and time of writing are compared, not the content. Packages that were only given to `read` do not
        count, nor those whose file existed but could not be read by the last `follow`.
        """
        return any(regular_file.stamp(self._path(package)) != before for package, before in self._stamps.items())

    def write(self, package: str, edits: Sequence[Edit | Removal]) -> None:
        """Make these edits in the file of a package, in one step; a missing file is made. No `uci commit` is needed.

        Waits for the file's lock, at most 2 s. FileError, which says why, if it fails: then the file has its old
        content. Uncommitted changes of other programs stay uncommitted. Of the file's comments those at its start stay.

        FileError too for a Removal while the program uci or LuCI has uncommitted changes of sections without a name:
        libuci names those by their place in the file, so the changes would then count for other sections.
        """
        from offload.system.config.libuci import edited

        path = self._path(package)
        if any(isinstance(edit, Removal) for edit in edits) and (staged := _staged(package)):
            raise FileError(
                f"nothing was deleted in {path}: {staged[0]} of sections without a name, which would then count for "
                f"other sections; {staged[1]}, then ask again"
            )
        try:
            with locked(path) as content:
                replace(path, edited(package, content, edits))
        except OSError as error:
            raise FileError(
                f"{path} cannot be written ({error.strerror or error}); nothing was changed in it"
                f"{REMEDIES.get(error.errno or 0, '')}"
            ) from error

    def sweep(self, packages: Iterable[str]) -> None:
        """Remove offload's temporary directories, and temporary files of these packages, whose process was killed.

        Those that a running process uses stay. Errors are ignored.
        """
        workspace.sweep()
        for package in packages:
            atomic_file.sweep(self._path(package))

    def _path(self, package: str) -> Path:
        override = Path(OVERRIDE, package)
        # one that this user may not examine counts as missing, as for libuci
        there = str(self._confdir) == CONFDIR and regular_file.stamp(override) is not None
        return override if there else self._confdir / package


def _staged(package: str) -> tuple[str, str] | None:
    # whose uncommitted changes name sections by their place, and what to do about them
    if _by_place(Path(SAVEDIR, package)):
        return "there are uncommitted changes", f"see 'uci changes {package}', use uci commit or uci revert"
    if any(_by_place(login / package) for login in Path(LOGINS).glob("uci-*")):
        return "a login at LuCI has unsaved changes", "apply or revert them there (Unsaved Changes), or log out"
    return None


def _by_place(saved: Path) -> bool:
    try:
        content, _ = regular_file.read(saved)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        why = error.strerror or error
        raise FileError(f"uncommitted changes in {saved} cannot be read: {why}; mend or delete it") from error
    return re.search(STAGED.format(package=re.escape(saved.name)).encode(), content, re.MULTILINE) is not None


def _parsed(content: bytes, package: str) -> tuple[Section, ...] | Problem:
    text = content.decode(errors="replace")
    plain = parse(package, text)
    if plain is not None:
        return plain
    from offload.system.config.libuci import by_libuci  # most files do not need it

    found = by_libuci(content, package)
    return found if isinstance(found, Problem) else with_lines(found, text)


class FakeUci:
    """UCI packages in memory; a package that is not in `packages` is a missing file.

    `refusal`: the sentence of the FileError that every `write` raises; empty: there is none.
    """

    refusal = ""

    def __init__(self, packages: Mapping[str, tuple[Section, ...] | Problem]) -> None:
        self.packages = dict(packages)
        self._followed: dict[str, tuple[Section, ...] | Problem | None] = {}

    def read(self, package: str) -> tuple[Section, ...] | Problem:
        """The sections or Problem in `packages`; the Problem FILE_MISSING if it has none."""
        return self.packages.get(package, ProblemCode.FILE_MISSING.at(package))

    def follow(self, package: str) -> tuple[Section, ...] | Problem:
        """As `read`; from now on `changed` compares with the object that `packages` has for the package now."""
        self._followed[package] = self.packages.get(package)
        return self.read(package)

    def changed(self) -> bool:
        """Whether `packages` has another object for any package than when `follow` last read that package."""
        return any(self.packages.get(package) is not before for package, before in self._followed.items())

    def write(self, package: str, edits: Sequence[Edit | Removal]) -> None:
        """Apply the edits to the package, which is made if missing.

        FileError if `refusal` is set or the package is a Problem.
        """
        found = self.packages.get(package, ())
        if self.refusal or isinstance(found, Problem):
            raise FileError(self.refusal or str(found))
        self.packages[package] = applied(found, edits)
