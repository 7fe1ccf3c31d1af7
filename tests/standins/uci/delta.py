"""Changes that wait in a save directory: one file per package, one line per change (libuci's delta.c, git 66127cd)."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from uci.grammar import Reader
from uci.tree import NAME, PACKAGE, Change, Code, FailureError, Package, quoted

TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*\Z")
MOST_PARTS = 3


class Pointer(NamedTuple):
    """`package.section.option=value` taken apart; `extended`: the section is `@type[index]`, or no name at all."""

    package: str
    section: str | None = None
    option: str | None = None
    value: str | None = None
    extended: bool = False


def pointer(text: str) -> Pointer:
    """Take `package[.section[.option]][=value]` apart; raises PARSE."""
    place, equals, rest = text.partition("=")
    value = rest if equals else None
    parts = place.split(".")
    package, section, option = (*parts, None, None)[:MOST_PARTS]
    if (
        len(parts) > MOST_PARTS
        or not PACKAGE.match(package or "")
        or (option is not None and not NAME.match(option))
        or (value is not None and not TEXT.match(value))
    ):
        raise FailureError(Code.PARSE)
    return Pointer(package or "", section, option, value, section is not None and not NAME.match(section))


def _lines(content: bytes, package: str) -> Iterator[Change | None]:
    """The lines of a delta file; None stands for one that libuci does not understand."""
    reader = Reader(content)
    while reader.next_line():
        if reader.text:
            try:
                yield _change(reader, package)
            except FailureError:
                yield None


def _change(reader: Reader, package: str) -> Change | None:
    word = reader.word()
    if reader.text[reader.pos :]:
        return None
    command = word[:1] if word[:1] in set("+-@^|~") else ""
    spot = pointer(word[len(command) :])
    wrong = (
        spot.package != package
        or spot.section is None
        or spot.extended
        or (command != "-" and spot.value is None)
        or (command == "^" and spot.option is not None)
        or (command == "@" and not NAME.match(spot.value or ""))
        or (command in {"|", "~"} and spot.option is None)
    )
    return None if wrong else Change(command, spot.section or "", spot.option, spot.value)


def line(package: str, change: Change) -> str:
    """A change as it stands in a delta file."""
    option = "" if change.option is None else f".{change.option}"
    value = "" if change.command == "-" and change.value is None else f"='{quoted(change.value or '')}'"
    return f"{change.command}{package}.{change.section}{option}{value}\n"


def replay(content: bytes, package: Package) -> int:
    """Make the changes of a delta file, as far as they can be understood and made; returns how many."""
    made = 0
    for change in _lines(content, package.name):
        with contextlib.suppress(FailureError):
            if change:
                package.change(change, record=False)
                made += 1
    return made


def append(directory: Path, package: Package) -> None:
    """Save the package's own changes and forget them."""
    if package.delta:
        directory.mkdir(exist_ok=True)
        with (directory / package.name).open("a", encoding="latin-1", newline="") as file:
            file.writelines(line(package.name, change) for change in package.delta)
        package.delta.clear()


def without(content: bytes, package: str, section: str | None, option: str | None) -> str:
    """A delta file without what was changed in `section` and `option` (None: anything); FailureError on a bad line."""
    kept = []
    for change in _lines(content, package):
        if change is None:
            raise FailureError(Code.INVAL)
        if (section is not None and change.section != section) or (option is not None and change.option != option):
            kept.append(line(package, change))
    return "".join(kept)
