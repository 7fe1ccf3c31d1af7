"""Parse UCI files in their plain form, much faster than libuci.

The plain form has one command in a line, values in quotes or as one word, and comments; most files have it. For other
files (such as with escapes, joined quotes, `package`, two commands in a line, or faults) `parse` returns None.
"""

import re
from collections import Counter
from functools import cache

from offload.model.sections.section import Section
from offload.nouns import replace

# option|list|config, a name, a value in quotes or bare; or else a comment; or else a strange line
_LINE = re.compile(
    r"""^[ \t]*(?:(option|list|config)[ \t]+([\w-]+|'[\w-]+'|"[\w-]+")"""
    r"""(?:[ \t]+('[^'\n]*'|"[^"\\\n]*"|[^\s'"\\#;]+))?[ \t\r]*(?:[#].*)?"""
    r"""|(?:[#].*)?|(.+))[ \t\r]*$""",
    re.MULTILINE | re.ASCII,
)
_QUOTES = ("'", '"')
_UNKNOWN_BLANKS = "\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029\0"  # Python or libuci, but not both, take these for blanks


def parse(package: str, text: str) -> tuple[Section, ...] | None:
    """The sections of a package, from the text of its file; None if it is not in the plain form, or not valid UCI.

    Plain: one `config`, `option` or `list` in a line, its value in the same line, in quotes or as one word; no escapes,
    and no section name twice.
    """
    if any(blank in text for blank in _UNKNOWN_BLANKS):
        return None
    sections: list[Section] = []
    names: set[str] = set()
    used: set[str] = set()  # names of options
    counts: Counter[str] = Counter()
    options: dict[str, str | tuple[str, ...]] | None = None
    for number, (word, name, given, strange) in enumerate(_LINE.findall(text), 1):  # each match is a line
        value = given[1:-1] if given[:1] in _QUOTES else given
        if word == "option" and options is not None:
            used.add(name)
            if value:
                options[name] = value
        elif word == "list" and options is not None:
            used.add(name)
            options[name] = _longer(options.get(name, ()), value)
        elif word == "config":
            kind = name.strip("'\"")
            if value in names or (value and not value.replace("_", "x").isalnum()) or not value.isascii():
                return None
            names.add(value)
            names.discard("")
            options = {}
            made = value or made_up(len(sections) + 1, kind)
            sections.append(Section(package, kind, made, value or f"@{kind}[{counts[kind]}]", options, number))
            counts[kind] += 1
        elif strange or word:
            return None
    return tuple(sections) if all(name.replace("_", "x").isalnum() for name in used) else None


def _longer(before: str | tuple[str, ...], value: str) -> tuple[str, ...]:
    return (*((before,) if isinstance(before, str) else before), value)


def made_up(number: int, kind: str) -> str:
    """The name that libuci gives to an anonymous section, such as `cfg02a3b4`.

    `number`: of the section in its file, from 1; `kind`: its type.
    """
    return f"cfg{number:02x}{_hash(kind)}"


@cache
def _hash(kind: str) -> str:
    # D. J. Bernstein's hash, lower 16 bits
    value = 5381
    for char in kind.encode():
        value = value * 33 + char
    return f"{value & 0xFFFF:04x}"


_CONFIG = re.compile(
    r"""[ \t]*(?:config|c)[ \t]+(['"]?)([!-~]+?)\1(?:[ \t]+(['"]?)(\w*)\3)?[ \t\r]*(?:[#;].*)?""", re.ASCII
)


def with_lines(sections: tuple[Section, ...], text: str) -> tuple[Section, ...]:
    """Copies of the sections, each with the number of the line where it begins in `text`, the text of their file.

    Of several `config` lines with the same name the first is taken. If the `config` lines do not have the types of the
    sections, in the same order, the sections are returned unchanged.
    """
    begins: list[tuple[int, str]] = []
    names: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        found = _CONFIG.fullmatch(line)
        if found and found[4] not in names:
            begins.append((number, found[2]))
            names |= {found[4]} if found[4] else set()
    if [kind for _, kind in begins] != [each.type for each in sections]:
        return sections
    return tuple(replace(each, line=number) for each, (number, _) in zip(sections, begins, strict=True))
