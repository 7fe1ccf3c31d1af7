"""What libuci keeps in memory: packages, their sections and options, and the changes that can be made to them.

Text is held as latin-1: one character is one byte of the file, as in C; the face (`__init__`) speaks UTF-8.
Facts are those of libuci's list.c and file.c (git 66127cd).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z0-9_]+\Z")
PACKAGE = TYPE = re.compile(r"[!-~]+\Z")


class Code(Enum):
    """libuci's error numbers, by the sentence it has for each."""

    INVAL = "Invalid argument"
    NOTFOUND = "Entry not found"
    IO = "I/O error"
    PARSE = "Parse error"
    DUPLICATE = "Duplicate entry"


class FailureError(Exception):
    """What a longjmp is in libuci: `code`, and for a parse error the place in the file."""

    def __init__(self, code: Code, place: str = "") -> None:
        super().__init__(code.value + place)
        self.code = code


class Change(NamedTuple):
    """One line of a delta file; `command` is libuci's prefix (`` is set, + add, - delete, @ rename, ...)."""

    command: str
    section: str
    option: str | None = None
    value: str | None = None


@dataclass(slots=True)
class Option:
    name: str
    value: str | list[str]


@dataclass(slots=True)
class Section:
    type: str
    name: str
    anonymous: bool = False
    options: list[Option] = field(default_factory=list)

    def find(self, name: str | None) -> Option | None:
        for option in self.options:
            if option.name == name:
                return option
        return None

    def set(self, name: str, value: str) -> bool:
        """Give an option one value; no value takes the option away. False: nothing changed."""
        option = self.find(name)
        if option is None:
            if value:
                self.options.append(Option(name, value))
            return bool(value)
        if not value:
            self.options.remove(option)
            return True
        changed = option.value != value
        option.value = value
        return changed

    def list_add(self, name: str, value: str) -> None:
        """Add a value to a list; what was one value becomes the first of two."""
        option = self.find(name)
        if option is None:
            self.options.append(Option(name, [value]))
        elif isinstance(option.value, str):
            option.value = [option.value, value]
        else:
            option.value.append(value)


@dataclass
class Package:
    """`has_delta`: it was found in the config directory, so changes go through the save directory."""

    name: str
    path: Path
    has_delta: bool
    sections: list[Section] = field(default_factory=list)
    delta: list[Change] = field(default_factory=list)
    count: int = 0  # sections ever made: the number in the name of the next one without a name

    _first: dict[str, Section] = field(default_factory=dict)

    def find(self, name: str | None) -> Section | None:
        return None if name is None else self._first.get(name)

    def index(self) -> None:
        """Note anew which section is the first of its name."""
        self._first = {section.name: section for section in reversed(self.sections)}

    def make(self, kind: str, name: str = "") -> Section:
        """Add a section; without `name` it gets libuci's: cfg, its number, a hash of its type."""
        self.count += 1
        section = Section(kind, name or f"cfg{self.count:02x}{djb_hash(kind):04x}", anonymous=not name)
        self.sections.append(section)
        self._first.setdefault(section.name, section)
        return section

    def change(self, change: Change, *, record: bool = True) -> None:
        """Make a change, and remember it for the save directory unless it came from a file."""
        changed = VERBS[change.command](self, change)
        self.index()
        if changed and record and self.has_delta:
            emptied = change.command == "" and not change.value
            self.delta.append(Change("-", change.section, change.option) if emptied else change)

    def text(self) -> Iterator[str]:
        """The package as `uci commit` writes it."""
        for section in self.sections:
            name = "" if section.anonymous else f" '{quoted(section.name)}'"
            yield f"\nconfig {quoted(section.type)}{name}\n"
            for option in section.options:
                word, values = ("option", [option.value]) if isinstance(option.value, str) else ("list", option.value)
                yield from (f"\t{word} {quoted(option.name)} '{quoted(value)}'\n" for value in values)
        yield "\n"


def quoted(text: str) -> str:
    """Text as it stands between single quotes."""
    return text.replace("'", "'\\''")


def djb_hash(text: str) -> int:
    """D. J. Bernstein's hash in 16 bits; a char is signed, as on every machine libuci was built for here."""
    value = 5381
    for char in text:
        value = value * 33 + (ord(char) ^ 0x80) - 0x80
    return value & 0xFFFF


def _section(package: Package, change: Change) -> Section:
    section = package.find(change.section)
    if section is None:
        raise FailureError(Code.INVAL)
    return section


def _set(package: Package, change: Change) -> bool:
    if change.option is not None:
        return _section(package, change).set(change.option, change.value or "")
    kind, section = change.value or "", package.find(change.section)
    if kind and not TYPE.match(kind):
        raise FailureError(Code.INVAL)
    if section is None:
        if kind:
            package.make(kind, change.section)
        return bool(kind)
    if not kind:
        package.sections.remove(section)
        return True
    if section.type == kind:
        return False
    # libuci writes a type of the same length in place and otherwise makes a new section, which has a name
    section.anonymous = section.anonymous and len(section.type) == len(kind)
    section.type = kind
    return True


def _add(package: Package, change: Change) -> bool:
    _set(package, change)
    if change.option is None and (section := package.find(change.section)):
        section.anonymous = True
    return True


def _list_add(package: Package, change: Change) -> bool:
    section = _section(package, change)
    if change.option is None:
        raise FailureError(Code.INVAL)
    section.list_add(change.option, change.value or "")
    return True


def _list_del(package: Package, change: Change) -> bool:
    option = _section(package, change).find(change.option)
    if option is None or isinstance(option.value, str):
        return False
    option.value = [value for value in option.value if value != change.value]
    return True


def _target(package: Package, change: Change) -> tuple[Section, Option | None]:
    section = package.find(change.section)
    option = section.find(change.option) if section else None
    if section is None or (change.option is not None and option is None):
        raise FailureError(Code.NOTFOUND)
    return section, option


def _delete(package: Package, change: Change) -> bool:
    section, option = _target(package, change)
    if option is None:
        package.sections.remove(section)
    elif change.value and isinstance(option.value, list):
        index = _number(change.value)
        del option.value[index : index + 1]
    else:
        section.options.remove(option)
    return True


def _rename(package: Package, change: Change) -> bool:
    section, option = _target(package, change)
    if option is None:
        section.name, section.anonymous = change.value or "", False
    else:
        option.name = change.value or ""
    return True


def _reorder(package: Package, change: Change) -> bool:
    section, _ = _target(package, change)
    package.sections.remove(section)
    package.sections.insert(_number(change.value or ""), section)
    return True


def _number(text: str) -> int:
    """The number a text begins with, as strtoul() reads it."""
    digits = re.match(r"\d*", text)
    return int(digits[0] or 0) if digits else 0


VERBS = {
    "": _set,
    "+": _add,
    "-": _delete,
    "@": _rename,
    "^": _reorder,
    "|": _list_add,
    "~": _list_del,
}
