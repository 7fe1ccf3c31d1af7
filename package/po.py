"""Collect the strings of luci-app-offload: `python -m package.po` writes its template and updates its translations.

The strings and the form are those of LuCI's i18n-scan.pl and msgmerge, which are not needed. A translation whose string
is gone is removed; a new string gets an empty one, with which tests/package/test_po.py fails.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

APP = Path(__file__).resolve().parents[1] / "luci-app-offload"
TEMPLATE = APP / "po" / "templates" / "offload.pot"
TEMPLATE_HEADER = "Content-Type: text/plain; charset=UTF-8"

STRING = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
# The calls, and what may hold something that looks like one: comments, other strings, regular expressions.
CALL = re.compile(
    rf"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?<![\w.$])_\(\s*(?:(?P<one>{STRING})\s*\)|(?P<no_one>))
    |(?<![\w.$])N_\(\s*(?:[\w.]+\s*,\s*(?P<first>{STRING})\s*,\s*(?P<many>{STRING})\s*\)|(?P<no_many>))
    |{STRING}
    |(?<=[(,=:\[!&|?])\s*/(?![*/])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/""",
    re.DOTALL | re.VERBOSE,
)
TITLE = re.compile(r'"(?:title|description)"\s*:\s*("(?:[^"\\]|\\.)*")')
ENTRY = re.compile(r"^msgid (.*?)^msgstr(?:\[0\])? (.*?)(?=^#|^msgid|\Z)", re.DOTALL | re.MULTILINE)


class ScanError(Exception):
    """A call of `_()` or `N_()` whose argument is not a plain string."""


@dataclass(slots=True)
class Message:
    """A string, its plural if it has one, and the files that have it."""

    text: str
    plural: str | None = None
    places: list[str] = field(default_factory=list)


def messages() -> dict[str, Message]:
    """The strings of the app, sorted."""
    found: dict[str, Message] = {}
    for file in sources():
        source, name = file.read_text(), str(file.relative_to(APP))
        for _, text, plural in scan(source) if file.suffix == ".js" else titles(source):
            message = found.setdefault(text, Message(text, plural))
            if name not in message.places:  # without the line, which every edit above it would change
                message.places.append(name)
    return dict(sorted(found.items()))


def sources() -> list[Path]:
    """The files that LuCI's i18n-scan.pl reads."""
    return sorted([*APP.glob("htdocs/**/*.js"), *APP.glob("root/**/menu.d/*.json"), *APP.glob("root/**/acl.d/*.json")])


def scan(source: str) -> Iterator[tuple[int, str, str | None]]:
    """Offset, string and plural of every `_()` and `N_()`; ScanError for one that has no plain string."""
    for call in CALL.finditer(source):
        if call["no_one"] is not None or call["no_many"] is not None:
            line = source.count("\n", 0, call.start()) + 1
            raise ScanError(f"line {line}: a translated string must be written out: {source[call.start() :][:60]}")
        if call["one"]:
            yield call.start(), plain(call["one"]), None
        if call["first"]:
            yield call.start(), plain(call["first"]), plain(call["many"])


def titles(source: str) -> Iterator[tuple[int, str, None]]:
    """Offset and string of every title and description in JSON."""
    for title in TITLE.finditer(source):
        yield title.start(), json.loads(title[1]), None


def plain(literal: str) -> str:
    """The text of a string literal of JavaScript; as in LuCI, white space in a row becomes one space."""
    return re.sub(r"\s+", " ", re.sub(r"\\(.)", lambda each: {"n": " ", "t": " "}.get(each[1], each[1]), literal[1:-1]))


def template(messages_by_text: Mapping[str, Message]) -> str:
    """The text of the .pot."""
    return written(TEMPLATE_HEADER, messages_by_text, {})


def written(header: str, messages_by_text: Mapping[str, Message], translated: Mapping[str, str]) -> str:
    """The text of a .pot or .po: the header, and the messages with their translations, as `read` gives them."""
    lines = ['msgid ""', "msgstr " + quoted(header)]
    for message in messages_by_text.values():
        lines += ["", *(f"#: {place}" for place in message.places), f"msgid {quoted(message.text)}"]
        if message.plural is None:
            lines.append(f"msgstr {quoted(translated.get(message.text, ''))}")
            continue
        forms = translated.get(message.text, "\0").split("\0")
        lines.append(f"msgid_plural {quoted(message.plural)}")
        lines += [f"msgstr[{number}] {quoted(form)}" for number, form in enumerate(forms)]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A string in the quotes of a .po; one with several lines begins with an empty string, as gettext writes it."""
    lines = text.splitlines(keepends=True)
    if len(lines) > 1:
        return '""\n' + "\n".join(quoted(line) for line in lines)
    return json.dumps(text, ensure_ascii=False)


def entries(po: str) -> Iterator[tuple[Message, list[str]]]:
    """The messages of a .po, each with its translation, or the forms of a plural; the empty one has the header."""
    for original, translated in ENTRY.findall(po):
        forms = re.split(r"^msgstr\[\d+\] ", translated, flags=re.MULTILINE)
        one, _, many = original.partition("\nmsgid_plural ")
        yield Message(unquoted(one), unquoted(many) if many else None), [unquoted(form) for form in forms]


def read(po: str) -> dict[str, str]:
    """The translations of a .po, by string. Plural forms are joined by a null byte."""
    return {message.text: "\0".join(forms) for message, forms in entries(po)}


def unquoted(literals: str) -> str:
    """The text of adjacent quoted strings of a .po."""
    return "".join(json.loads(literal) for literal in re.findall(r'^"(?:[^"\\]|\\.)*"', literals, re.MULTILINE))


def main() -> None:
    """Write the template, update every translation, and print what is not translated."""
    found = messages()
    TEMPLATE.write_text(template(found))
    for file in (APP / "po").glob("*/*.po"):
        translated = read(file.read_text())
        file.write_text(written(translated.pop("", ""), found, translated))
        missing = [f"  {text}\n" for text in found if not translated.get(text)]
        sys.stdout.write(
            f"{file.relative_to(APP)}: {len(found)} strings, {len(missing)} not translated\n" + "".join(missing)
        )


if __name__ == "__main__":
    main()
