"""Parse UCI files completely, for machines without libuci's Python module.

Source: libuci, file.c (uci_parse_line, next_arg, parse_str). A line is words between blanks. A quoted word may go on in
the next line. Outside of single quotes a backslash takes the next character as it is, and at the end of a line joins
the next one. `#` ends the line wherever a word could go on. `;` separates commands after a blank or a quoted word;
directly after a plain word libuci loses the rest of the line.
"""

import re
from collections import Counter
from collections.abc import Iterator

from offload.model.sections.section import Section
from offload.system.config.uci_text import made_up

_BLANKS = re.compile(r"[ \t\n\v\f\r]*")
_COMMAND = re.compile(r"[ \t]*([^ \t]+)")
_PLAIN = re.compile(r"[^ \t\n\v\f\r'\"\\#;]*")
_QUOTED = {"'": re.compile(r"[^']*"), '"': re.compile(r'[^"\\]*')}
_NAME = re.compile(r"[A-Za-z0-9_]+")
_TYPE = re.compile(r"[!-~]+")
_PACKAGE = re.compile(r"[A-Za-z0-9_-]+")
_LINE_ENDS = ("", "\n", "\r\n")


class GrammarError(ValueError):
    """The file is not valid UCI. Its text is `line N: REASON`, mostly with libuci's words for the reason."""


def parse_all(package: str, content: bytes) -> tuple[Section, ...]:
    """The sections of a package, from the bytes of its file; GrammarError with the line if these are not valid UCI.

    Bytes of a value that are not UTF-8 become U+FFFD.
    """
    reader = _Reader(content.decode("latin-1"))
    found = _Sections(package)
    while reader.next_line():
        for command in reader.commands():
            if command in {"option", "list"} and not found.begun():
                raise reader.fail("option/list command found before the first section")
            found.take(reader, command, reader.words(1 if command == "package" else 2))
    return tuple(found.sections)


class _Reader:
    # The present line has the next ones too if a quote goes on.

    def __init__(self, text: str) -> None:
        self._lines = iter(_lines(text))
        self._text, self._at, self._number = "", 0, 0

    def next_line(self) -> bool:
        line = next(self._lines, None)
        self._text, self._at = line or "", 0
        self._number += line is not None
        return line is not None

    def fail(self, reason: str) -> GrammarError:
        return GrammarError(f"line {self._number}: {reason}")

    def commands(self) -> Iterator[str]:
        # The caller must take the words of each command with `words` before it takes the next command.
        self._run(_BLANKS)
        while (found := _COMMAND.match(self._text, self._at)) and not found[1].startswith("#"):
            if found[1] not in _COMMANDS:
                raise self.fail("invalid command")
            self._at = found.end()
            yield _COMMANDS[found[1]]

    def words(self, most: int) -> list[str]:
        # As in libuci, an empty word counts: the word after it is read, and takes a `;` with it.
        if self._at == len(self._text):
            raise self.fail("a command without a name")
        self._at += 1
        words = [self._word()]
        if not words[0]:
            raise self.fail("insufficient arguments")
        words += [self._word() for _ in range(most - 1)]
        if self._word():
            raise self.fail("too many arguments")
        return words

    def _run(self, pattern: re.Pattern[str]) -> str:
        begin, found = self._at, pattern.match(self._text, self._at)
        self._at = found.end() if found else begin
        return self._text[begin : self._at]

    def _word(self) -> str:
        # empty at the end of the line, at a comment and at `;`
        self._run(_BLANKS)
        begin, taken = self._at, ""
        if self._here == ";":
            self._at += 1
            return ""
        while True:
            taken += self._run(_PLAIN)
            here = self._here
            if here in _QUOTED and here:
                taken += self._quoted(here)
            elif here == "\\":
                taken += self._escaped()
            else:
                if here == "#" or (here == ";" and self._at == begin + len(taken)):
                    self._text = self._text[: self._at]
                elif here and here != ";":
                    self._at += 1
                return taken

    @property
    def _here(self) -> str:
        return self._text[self._at : self._at + 1]

    def _quoted(self, quote: str) -> str:
        taken = ""
        self._at += 1
        while True:
            taken += self._run(_QUOTED[quote])
            if self._here == quote:
                self._at += 1
                return taken
            if self._here:
                taken += self._escaped()
            elif not self._append():
                raise self.fail(f"EOF with unterminated {quote}")

    def _escaped(self) -> str:
        self._at += 1
        if self._text[self._at : self._at + 3] in _LINE_ENDS:
            self._append()
            return ""
        self._at += 1
        return self._text[self._at - 1]

    def _append(self) -> bool:
        line = next(self._lines, None)
        self._text = self._text[: self._at] + (line or "")
        self._number += line is not None
        return line is not None


def _lines(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return [line for line in lines if line]


_COMMANDS = {
    **dict.fromkeys(("p", "package"), "package"),
    **dict.fromkeys(("c", "config"), "config"),
    **dict.fromkeys(("o", "option"), "option"),
    **dict.fromkeys(("l", "list"), "list"),
}


Options = dict[str, str | tuple[str, ...]]


class _Sections:
    # A name that occurs again continues its section.

    def __init__(self, package: str) -> None:
        self.sections: list[Section] = []
        self._package = package
        self._named: dict[str, tuple[str, Options]] = {}
        self._counts: Counter[str] = Counter()
        self._options: Options | None = None

    def take(self, reader: _Reader, command: str, words: list[str]) -> None:
        name, value = words[0], words[-1]
        if command == "config":
            self._options = self._section(reader, name, value)
        elif command == "package":
            if not _PACKAGE.fullmatch(name):
                raise reader.fail("invalid character in name field")
        elif not _NAME.fullmatch(name):
            raise reader.fail("invalid character in name field")
        elif self._options is not None:
            self._option(command, name, value)

    def begun(self) -> bool:
        return self._options is not None

    def _option(self, command: str, name: str, value: str) -> None:
        assert self._options is not None  # noqa: S101 - parse_all asks begun() first
        before = self._options.get(name, ())
        if command == "list":
            self._options[name] = (*((before,) if isinstance(before, str) else before), _shown(value))
        elif value:  # an option without a value counts as absent
            self._options[name] = _shown(value)

    def _section(self, reader: _Reader, kind: str, name: str) -> Options:
        if not _TYPE.fullmatch(kind):
            raise reader.fail("invalid character in type field")
        if name and not _NAME.fullmatch(name):
            raise reader.fail("invalid character in name field")
        if name not in self._named:
            return self._new(kind, name)
        known, options = self._named[name]
        if known != kind:
            raise reader.fail("section of different type overwrites prior section with same name")
        return options

    def _new(self, kind: str, name: str) -> Options:
        options: Options = {}
        made = name or made_up(len(self.sections) + 1, kind)
        self.sections.append(Section(self._package, kind, made, name or f"@{kind}[{self._counts[kind]}]", options))
        self._counts[kind] += 1
        if name:
            self._named[name] = kind, options
        return options


def _shown(value: str) -> str:
    return value if value.isascii() else value.encode("latin-1").decode(errors="replace")
