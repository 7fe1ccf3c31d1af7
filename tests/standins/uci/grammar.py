"""Parse UCI files as libuci does, rare cases included (file.c, git 66127cd).

A line is words between blanks; quotes and backslashes work as in a shell, inside quotes a line may go on; `#` ends
the line wherever a word could go on. `;` separates commands, but only after a blank or a quoted word: directly after a
plain word libuci overwrites it by the end of that word, and the rest of the line is lost.
"""

import io
import re

from uci.tree import NAME, TYPE, Code, FailureError, Package, Section

BLANKS = re.compile(r"[ \t\n\v\f\r]*")
COMMAND = re.compile(r"[ \t]*([^ \t]+)")
PLAIN = re.compile(r"[^ \t\n\v\f\r'\"\\#;]*")
IN_SINGLE = re.compile(r"[^']*")
IN_DOUBLE = re.compile(r'[^"\\]*')
LINE_ENDS = ("", "\n", "\r\n")
PACKAGE_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
SMALLEST_BUFFER = 32


class Reader:
    """A line of the file, `pos` in it, and what quotes pulled in behind it."""

    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        self.ended = False
        self.text = ""
        self.pos = 0
        self.line = 0
        self._room = SMALLEST_BUFFER

    def fetch(self, at: int) -> None:
        """Put the next line of the file in place of everything from `at` on.

        libuci reads with fgets() and measures with strlen(), so what follows a NUL byte is lost up to the end of the
        buffer, whose growth is therefore part of the grammar.
        """
        self.text = self.text[:at]
        if at >= self._room - 1:
            self._room *= 2
        while True:
            chunk = self.file.readline(self._room - len(self.text) - 1)
            self.ended = not chunk
            seen = chunk.partition(b"\0")[0].decode("latin-1")
            self.text += seen
            if not seen:
                return
            if self.text.endswith("\n"):
                self.line += 1
                return
            self._room *= 2

    def next_line(self) -> bool:
        """Begin a new line; False at the end of the file."""
        self.pos = 0
        self.fetch(0)
        return bool(self.text) or not self.ended

    def fail(self, reason: str) -> FailureError:
        return FailureError(Code.PARSE, f" ({reason}) at line {self.line}, byte {self.pos}")

    def skip_blanks(self) -> None:
        self.pos = BLANKS.match(self.text, self.pos).end()  # type: ignore[union-attr]  # matches nothing, too

    def _here(self) -> str:
        return self.text[self.pos : self.pos + 1]

    def _run(self, pattern: re.Pattern[str]) -> str:
        """Take what matches."""
        begin = self.pos
        self.pos = pattern.match(self.text, begin).end()  # type: ignore[union-attr]  # matches nothing, too
        return self.text[begin : self.pos]

    def word(self) -> str:
        """Take the next word; empty at the end of the line, at a comment and at a `;`."""
        self.skip_blanks()
        begin, taken = self.pos, ""
        if self._here() == ";":
            self.pos += 1
            return ""
        while True:
            taken += self._run(PLAIN)
            match self._here():
                case "'":
                    taken += self._single()
                case '"':
                    taken += self._double()
                case "\\":
                    taken += self._escaped()
                case "#":
                    self.text = self.text[: self.pos]
                    return taken
                case ";":
                    if self.pos == begin + len(taken):
                        self.text = self.text[: self.pos]
                    return taken
                case "":
                    return taken
                case _:
                    self.pos += 1
                    return taken

    def _single(self) -> str:
        taken = ""
        self.pos += 1
        while True:
            taken += self._run(IN_SINGLE)
            if self._here():
                self.pos += 1
                return taken
            self._more("'")

    def _double(self) -> str:
        taken = ""
        self.pos += 1
        while True:
            taken += self._run(IN_DOUBLE)
            match self._here():
                case '"':
                    self.pos += 1
                    return taken
                case "\\":
                    taken += self._escaped()
                case _:
                    self._more('"')

    def _more(self, quote: str) -> None:
        self.fetch(self.pos)
        if not self._here():
            raise self.fail(f"EOF with unterminated {quote}")

    def _escaped(self) -> str:
        """The character after a backslash as it is; a line's end after it joins the next line to this one."""
        self.pos += 1
        if self.text[self.pos : self.pos + 3] in LINE_ENDS:
            self.fetch(self.pos)
            return ""
        self.pos += 1
        return self.text[self.pos - 1]


class FileParser(Reader):
    """A file becomes the sections of `package`."""

    def __init__(self, content: bytes, package: Package) -> None:
        super().__init__(content)
        self.package = package
        self.section: Section | None = None

    def parse(self) -> None:
        while self.next_line():
            self.skip_blanks()
            while command := COMMAND.match(self.text, self.pos):
                if command[1].startswith("#"):
                    break
                self._command(command[1], command.end())

    def _command(self, word: str, end: int) -> None:
        match word:
            case "p" | "package":
                self._begin_words("package", end)
                self._package()
            case "c" | "config":
                self._begin_words("config", end)
                self._config()
            case "o" | "option" | "l" | "list":
                if self.section is None:
                    raise self.fail("option/list command found before the first section")
                self._begin_words("option", end)
                self._option(self.section, is_list=word.startswith("l"))
            case _:
                raise self.fail("invalid command")

    def _begin_words(self, command: str, end: int) -> None:
        if end == len(self.text):
            raise self.fail(f"{command} without name")
        self.pos = end + 1

    def _package(self) -> None:
        if not PACKAGE_NAME.match(self._required()):
            raise self.fail("invalid character in name field")
        self._end_words()

    def _config(self) -> None:
        kind = self._required()
        if not TYPE.match(kind):
            raise self.fail("invalid character in type field")
        name = self.word()
        if name and not NAME.match(name):
            raise self.fail("invalid character in name field")
        self._end_words()
        before = self.package.find(name) if name else None
        if not name:
            self.section = self.package.make(kind)
        elif before is None:
            self.section = self.package.make(kind, name)
        elif before.type != kind:
            raise self.fail("section of different type overwrites prior section with same name")
        else:
            self.section = before

    def _option(self, section: Section, *, is_list: bool) -> None:
        name = self._required()
        if not NAME.match(name):
            raise self.fail("invalid character in name field")
        value = self.word()
        self._end_words()
        if is_list:
            section.list_add(name, value)
        elif value:  # `option name ''` says nothing in libuci, not even that an earlier value shall go
            section.set(name, value)

    def _required(self) -> str:
        if word := self.word():
            return word
        raise self.fail("insufficient arguments")

    def _end_words(self) -> None:
        if self.word():
            raise self.fail("too many arguments")
