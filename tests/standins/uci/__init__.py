"""Stand-in of pyuci 0.10.3 (`import uci`), whose C library Debian does not have: same functions, same behaviour.

What the real one does not do is missing here too: `load`, `unload` and `changes` are not implemented, `reorder` and
the setters of directories always fail, and most failures are exceptions without a sentence. Only wrong argument types
differ: here they are TypeErrors, there some of them end the process.
"""

import contextlib
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from uci.context import CONFDIR, SAVEDIR, Context, indexed
from uci.delta import Pointer, pointer
from uci.tree import PACKAGE, Change, Code, FailureError, Option, Package, Section

SETTER = "<method '{}' of 'uci.Uci' objects> returned NULL without setting an exception"
NAMES = (2, 3)  # package, section[, option]


class UciException(Exception):  # noqa: N818  # pyuci's name
    """Something failed; only some methods give libuci's sentence."""


class UciExceptionNotFound(UciException):
    """No such package, section or option."""


class UciExceptionInvalidInput(UciException):
    """A name or a file that libuci cannot parse."""


LOOKUP_ERRORS = {
    Code.INVAL: UciExceptionInvalidInput,
    Code.PARSE: UciExceptionInvalidInput,
    Code.NOTFOUND: UciExceptionNotFound,
}


class Uci:
    """A libuci context: what was loaded stays loaded, and changes wait in it until `save` or `commit`."""

    def __init__(self, savedir: str | None = None, confdir: str | None = None) -> None:
        self._context = Context(savedir or SAVEDIR, confdir or CONFDIR)
        self._tainted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for package in list(self._context.root) if self._tainted else ():
            with contextlib.suppress(FailureError):
                self._context.commit(package)
        self._context.root.clear()

    def get(self, *path: str) -> Any:
        """Value of an option, type of a section, or all of a package; `path`: package[, section[, option]]."""
        found = self._complete(path)
        return _out(found.type) if isinstance(found, Section) else _value(found)

    def get_all(self, *path: str) -> Any:
        """As `get`, but a section gives its options as a dict."""
        return _value(self._complete(path))

    def list_configs(self) -> list[str]:
        """Names of the files in the config directory."""
        paths = sorted(glob.glob(f"{glob.escape(self.confdir())}/*"))  # noqa: PTH207  # as libuci: no dot files
        if not paths:
            raise UciException(Code.NOTFOUND.value)
        names = [Path(path).name for path in paths if not Path(path).is_dir()]
        return [name for name in names if "." not in name and PACKAGE.match(name)]

    def confdir(self) -> str:
        """The config directory."""
        return self._context.confdir

    def savedir(self) -> str:
        """The save directory."""
        return self._context.savedir

    def set_confdir(self, directory: str, /) -> NoReturn:  # noqa: ARG002  # its signature
        """Broken in the real one, too."""
        raise SystemError(SETTER.format("set_confdir"))

    def set_savedir(self, directory: str, /) -> NoReturn:  # noqa: ARG002  # its signature
        """Broken in the real one, too."""
        raise SystemError(SETTER.format("set_savedir"))

    def set(self, *args: str | tuple[str, ...] | list[str]) -> None:
        """`set(package, section, type)` or `set(package, section, option, value)`; a tuple or list makes a list."""
        *names, value = args
        if len(names) not in NAMES:
            raise UciException("Invalid number of arguments passed to Uci.set()")
        spot, package = _spot(names), None
        with contextlib.suppress(FailureError):
            package = self._context.package(spot.package)
        if not isinstance(value, (str, tuple, list)):
            raise UciException("Unsupported value passed to uci.set()")
        with _sentences():
            _put(package, spot, value)
        self._tainted = True

    def add(self, package: str, section_type: str, /) -> str:
        """Add a section without a name to a package that is not loaded yet, save that, and tell its name."""
        with _sentences():
            section = self._context.add(_in(package), _in(section_type))
        self._tainted = True
        return _out(section.name)

    def delete(self, *path: str) -> None:
        """Delete an option or a section; nothing happens when there is none."""
        spot, package = self._lookup(path)[:2]
        with contextlib.suppress(FailureError):
            if spot.section is not None:
                package.change(Change("-", spot.section, spot.option, spot.value))
        self._tainted = True

    def rename(self, *args: str) -> None:
        """`rename(package, section[, option], name)`."""
        *names, value = args
        if len(names) not in NAMES:
            raise UciException("Invalid number of arguments passed to Uci.rename()")
        spot = _spot(names)
        with _sentences():
            package = self._context.package(spot.package)
            if spot.option is not None and package.find(spot.section) is None:
                raise UciException("Internal uci error")
            package.change(Change("@", spot.section or "", spot.option, _in(value)))
        self._tainted = True

    def reorder(self, package: str, section: str, position: int, /) -> NoReturn:  # noqa: ARG002  # its signature
        """Fails always: pyuci 0.10.3 asks for a value that it never sets."""
        with _sentences():
            self._context.package(_in(package))
        raise UciException("Internal uci error")

    def save(self, *path: str) -> None:
        """Write the changes to the save directory."""
        package = self._lookup(path)[1]
        with contextlib.suppress(FailureError):
            self._context.save(package)
        self._tainted = False

    def commit(self, *path: str) -> None:
        """Write the changes, and those of every save directory that is read, to the config file."""
        package = self._lookup(path)[1]
        with contextlib.suppress(FailureError):
            self._context.commit(package)
        self._tainted = False

    def revert(self, *path: str) -> None:
        """Forget the changes of a package, section or option that are not committed."""
        spot, package = self._lookup(path)[:2]
        with contextlib.suppress(FailureError):
            self._context.revert(package, spot.section, spot.option)
        self._tainted = False

    def load(self, package: str, /) -> NoReturn:
        """Not implemented in the real one either."""
        raise NotImplementedError

    unload = changes = load

    def _lookup(self, path: tuple[str, ...]) -> tuple[Pointer, Package, Section | None]:
        """Where `path` leads, as far as it exists; UciException when its package cannot be loaded."""
        try:
            spot = pointer(_in(path[0])) if len(path) == 1 else _spot(path)
            package = self._context.package(spot.package)
            section = indexed(package, spot.section) if spot.extended else package.find(spot.section)
        except FailureError as failure:
            raise LOOKUP_ERRORS.get(failure.code, UciException) from None
        return (spot._replace(section=section.name) if section else spot), package, section

    def _complete(self, path: tuple[str, ...]) -> Package | Section | Option:
        spot, package, section = self._lookup(path)
        if spot.section is None:
            return package
        found = section.find(spot.option) if section and spot.option is not None else section
        if found is None:
            raise UciExceptionNotFound
        return found


def _spot(names: Sequence[Any]) -> Pointer:
    """Names as they are: only a path in one string is looked at closely."""
    package, section, option = (*(_in(name) for name in names), None, None)[: max(NAMES)]
    return Pointer(package or "", section, option)


def _put(package: Package | None, spot: Pointer, value: str | tuple[str, ...] | list[str]) -> None:
    section, option = spot.section or "", spot.option
    if isinstance(value, str):
        _loaded(package).change(Change("", section, option, _in(value)))
        return
    with contextlib.suppress(FailureError):
        _loaded(package).change(Change("-", section, option))
    for item in value:
        _loaded(package).change(Change("|", section, option, _in(item)))


def _loaded(package: Package | None) -> Package:
    if package is None:
        raise FailureError(Code.INVAL)
    return package


def _in(text: Any) -> str:
    """A Python string as the bytes that C sees."""
    if not isinstance(text, str):
        raise TypeError(f"argument must be str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError("embedded null character")
    return text.encode().decode("latin-1")


def _out(text: str) -> str:
    """The bytes of C as a Python string; UnicodeDecodeError where they are not UTF-8."""
    return text.encode("latin-1").decode()


def _value(found: Package | Section | Option) -> Any:
    if isinstance(found, Package):
        return {_out(section.name): _value(section) for section in found.sections}
    if isinstance(found, Section):
        return {_out(option.name): _value(option) for option in found.options}
    return _out(found.value) if isinstance(found.value, str) else tuple(_out(item) for item in found.value)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Failures as UciException with libuci's sentence."""
    try:
        yield
    except FailureError as failure:
        raise UciException(str(failure)) from None
