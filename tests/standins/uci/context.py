"""A libuci context: packages in memory, the config directory they come from, the save directories with their deltas."""

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path

from uci import delta
from uci.grammar import FileParser
from uci.tree import PACKAGE, TYPE, Change, Code, FailureError, Package, Section

CONFDIR = "/etc/config"
CONF2DIR = "/var/run/uci"  # a file here hides the one in the config directory
SAVEDIR = "/tmp/.uci"  # noqa: S108  # libuci's own choice
INDEXED = re.compile(r"@([^[]*)\[\s*([+-]?\d+)\]\Z")


class Context:
    """What `struct uci_context` is; text is latin-1 (see `uci.tree`), failures are FailureError."""

    def __init__(self, savedir: str, confdir: str) -> None:
        self.confdir = confdir
        self.savedir = savedir
        # libuci goes on reading the default save directory when another one is set
        self._delta_path = [SAVEDIR] if savedir == SAVEDIR else [SAVEDIR, savedir]
        self.root: list[Package] = []

    def package(self, name: str) -> Package:
        """The package, loaded when it is not."""
        loaded = next((package for package in self.root if package.name == name), None)
        return loaded or self.load(name)

    def load(self, name: str) -> Package:
        """Read a package: a name in the config directory, or a path, for which no deltas are read."""
        if name.startswith(("/", "./")):
            path, has_delta = Path(_path(name)), False
        elif name.startswith("."):
            raise FailureError(Code.NOTFOUND)
        elif PACKAGE.match(name):
            path, has_delta = self._config_path(_path(name)), True
        else:
            raise FailureError(Code.INVAL)
        package = Package(name.rpartition("/")[2], path, has_delta)
        content = _read(path)
        if not PACKAGE.match(package.name):
            raise FailureError(Code.INVAL)
        FileParser(content, package).parse()
        if any(other.name == package.name for other in self.root):
            raise FailureError(Code.DUPLICATE)
        self.root.append(package)
        self._replay(package)
        return package

    def _config_path(self, name: str) -> Path:
        override = Path(CONF2DIR, name)
        return override if override.exists() else Path(self.confdir, name)

    def _replay(self, package: Package) -> int:
        made = 0
        for directory in self._delta_path if package.has_delta else ():
            with contextlib.suppress(FailureError):
                made += delta.replay(_read(Path(directory, _path(package.name))), package)
        return made

    def add(self, name: str, kind: str) -> Section:
        """Add a section without a name to a package that is not loaded, and save it."""
        package = self.load(name)
        section = package.make(kind)
        if package.has_delta:
            package.delta.append(Change("+", section.name, None, kind))
        self.save(package)
        self.root.remove(package)
        return section

    def save(self, package: Package) -> None:
        """Append the changes to the save directory's file; a package without deltas is written at once."""
        if package.has_delta:
            delta.append(Path(self.savedir), package)
        else:
            self.commit(package)

    def commit(self, package: Package) -> None:
        """Write the config file as it is now, with the deltas of every save directory that is read."""
        if package.has_delta:
            self.save(package)
            self.root.remove(package)
            fresh = Package(package.name, package.path, has_delta=True)
            FileParser(_read(fresh.path), fresh).parse()
            self.root.append(fresh)
            if not self._replay(fresh):
                return
            with contextlib.suppress(FileNotFoundError):
                os.truncate(Path(self.savedir, _path(package.name)), 0)
            package = fresh
        self._write(package.path, "".join(package.text()).encode("latin-1"))

    def _write(self, path: Path, content: bytes) -> None:
        path.touch(exist_ok=True)
        name = f".{path.name}.uci-"
        with tempfile.NamedTemporaryFile(dir=self.confdir, prefix=name, delete=False) as file:
            file.write(content)
        Path(file.name).chmod(stat.S_IMODE(path.stat().st_mode))
        Path(file.name).replace(path.resolve())

    def revert(self, package: Package, section: str | None, option: str | None) -> None:
        """Forget the changes that are not committed: of the package, the section or the option."""
        if not package.has_delta:
            raise FailureError(Code.INVAL)
        self.save(package)
        self.root.remove(package)
        saved = Path(self.savedir, _path(package.name))
        with contextlib.suppress(FailureError):
            kept = delta.without(_read(saved), package.name, section, option)
            saved.write_text(kept, encoding="latin-1", newline="")
        self.load(package.name)


def indexed(package: Package, name: str | None) -> Section | None:
    """The section that `@type[index]` means; a negative index counts from the end."""
    match = INDEXED.match(name or "")
    if not match or (match[1] and not TYPE.match(match[1])):
        raise FailureError(Code.INVAL)
    those = [section for section in package.sections if match[1] in {"", section.type}]
    index = int(match[2]) + (len(those) if int(match[2]) < 0 else 0)
    return those[index] if 0 <= index < len(those) else None


def _path(name: str) -> str:
    return os.fsdecode(name.encode("latin-1"))


def _read(path: Path) -> bytes:
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError:
        regular = False
    if not regular:
        raise FailureError(Code.NOTFOUND)
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # libuci waits without end (file.c, uci_open_stream)
            return file.read()
    except OSError:
        raise FailureError(Code.IO) from None
