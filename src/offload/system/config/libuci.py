"""Read and change the bytes of a UCI package with libuci, through its Python module `uci` (pyuci).

libuci gets a copy and never opens the file in /etc/config. In the copy each byte is the character of that number,
written as UTF-8 (byte e4 as `ä`), because pyuci fails on values that are not UTF-8. The copy is loaded by its path: a
package that is loaded by its name comes with the uncommitted changes of all programs (delta.c, uci_set_savedir). And
libuci waits without end for a file's lock (file.c, uci_open_stream).
"""

import errno
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from offload.errors import FileError
from offload.model.config import UNNAMED
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Edit, Removal, Section, applied
from offload.system.files import workspace

NO_SECTION = " "  # no section can have this name, so to ask for it only loads the package
OPENING_COMMENT = re.compile(rb"(?:[ \t]*\n|[ \t]*#[^\n]*\n)*[ \t]*#[^\n]*\n")
ERROR = re.compile(r"Parse error \((?P<reason>.*)\) at line (?P<line>\d+), byte \d+")


def _carried(content: bytes) -> bytes:
    # libuci's copy has each byte as the character of that number, in UTF-8
    return content.decode("latin-1").encode()


def _restored(content: bytes) -> bytes:
    return content.decode().encode("latin-1")


def _carried_value(text: str) -> str:
    # UnicodeEncodeError for a lone surrogate, which JSON can have
    return text.encode().decode("latin-1")


def _text(found: str) -> str:
    return found if found.isascii() else found.encode("latin-1").decode(errors="replace")


def _opening_comment(content: bytes) -> bytes:
    found = OPENING_COMMENT.match(content)
    return found[0] if found else b""


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def by_libuci(content: bytes, package: str) -> tuple[Section, ...] | Problem:
    """The sections of a UCI package, from the bytes of its file; a Problem with the reason if these are not valid UCI.

    libuci parses a copy in memory (memfd_create). Without the module `uci`, `uci_grammar` parses the bytes.
    """
    if b"\0" in content:
        return ProblemCode.FILE_SYNTAX.at(package, detail=f"line {_line(content, content.index(0))}: a NUL byte")
    descriptor = os.memfd_create(package)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(_carried(content))
        return _load(Path("/proc/self/fd", str(descriptor)), package)
    finally:
        os.close(descriptor)


def edited(package: str, content: bytes, edits: Sequence[Edit | Removal]) -> bytes:
    """The bytes of a package's file after these edits; `content`: its bytes before. The file itself is not touched.

    An Edit makes its section if that is missing, and may set or remove an option in it; a Removal deletes a section. Of
    comments only those at the start of the file stay. FileError if `content` is not valid UCI, libuci is missing, or it
    refuses an edit; but a Removal of a missing section does nothing. OSError if libuci's copy, in the temporary
    directory, cannot be written as a whole.
    """
    before = by_libuci(content, package)  # not by uci_text: the comparison below needs libuci's names on both sides
    if isinstance(before, Problem):
        raise FileError(str(before))
    names = Counter(section.name for section in before)
    if twice := next((edit.section for edit in edits if names[edit.section] > 1), ""):
        raise FileError(
            f"uci does not change {package}: two sections in it are called '{twice}', because libuci makes such names "
            f"for sections without one; remove '{twice}' from its 'config' line, then ask again"
        )
    with workspace.workspace() as directory:
        copy = directory / package
        copy.write_bytes(_carried(content))
        _commit(copy, package, edits)
        copy.write_bytes(_opening_comment(_carried(content)) + copy.read_bytes())
        after = _load(copy, package)
        # libuci does not check whether a full disk took its output
        if isinstance(after, Problem) or _comparable(after) != _comparable(applied(before, edits)):
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} in {directory}")
        return _restored(copy.read_bytes())


def _load(path: Path, package: str) -> tuple[Section, ...] | Problem:
    try:
        import uci
    except ImportError:
        return _without_libuci(path.read_bytes(), package)
    context = uci.Uci(confdir=str(path.parent))
    try:
        with suppress(uci.UciExceptionNotFound):
            context.get(str(path), NO_SECTION)
        sections = context.get_all(path.name)  # libuci's name for a package that is loaded by its path
        types = {name: context.get(path.name, name) for name in sections}
        with suppress(uci.UciExceptionNotFound):
            context.get(f"{path.name}.@[{len(sections)}]")
            return _without_libuci(path.read_bytes(), package)  # two have the same name, and pyuci gives one of them
    except uci.UciException:
        return ProblemCode.FILE_SYNTAX.at(package, detail=_syntax_error(path))
    return tuple(_sections(package, sections, types))


def _without_libuci(carried: bytes, package: str) -> tuple[Section, ...] | Problem:
    from offload.system.config.uci_grammar import GrammarError, parse_all

    try:
        return parse_all(package, _restored(carried))
    except GrammarError as error:
        return ProblemCode.FILE_SYNTAX.at(package, detail=str(error))


def _commit(path: Path, package: str, edits: Sequence[Edit | Removal]) -> None:
    try:
        import uci
    except ImportError as error:
        raise FileError(f"{package} can only be read here: writing needs libuci; install python3-uci") from error
    context = uci.Uci(confdir=str(path.parent), savedir=str(path.parent / "save"))
    try:
        with suppress(uci.UciExceptionNotFound):
            context.get(str(path), NO_SECTION)  # by its path, so that uncommitted changes do not come with it
        names = set(context.get_all(package))
        for edit in edits:
            if isinstance(edit, Removal):
                context.delete(package, edit.section)
                names.discard(edit.section)
                continue
            if edit.section not in names:
                context.set(package, edit.section, edit.type)
                names.add(edit.section)
            if edit.option and edit.value:
                context.set(package, edit.section, edit.option, _carried_value(edit.value))
            elif edit.option:
                context.delete(package, edit.section, edit.option)
        context.commit(package)
    except (uci.UciException, UnicodeEncodeError) as error:
        raise FileError(
            f"uci does not change {package}: {error or 'without a word'}; nothing was changed in it"
        ) from error


def _comparable(sections: Sequence[Section]) -> list[tuple[str, str, dict[str, object]]]:
    # without the names that libuci makes for anonymous sections, because they change with the place of the section
    named = (("" if UNNAMED.fullmatch(each.name) else each.name, each) for each in sections)
    return [(name, each.type, dict(each.options)) for name, each in named]


def _syntax_error(path: Path) -> str:
    # Of pyuci's methods only those that change something report the line, so this calls one that can find no section.
    import uci

    try:
        uci.Uci(confdir=str(path.parent)).reorder(str(path), NO_SECTION, 0)
    except uci.UciException as error:
        found = ERROR.fullmatch(str(error))
        return f"line {found['line']}: {found['reason']}" if found else str(error)


def _sections(
    package: str, sections: Mapping[str, Mapping[str, str | tuple[str, ...]]], types: Mapping[str, str]
) -> list[Section]:
    seen: Counter[str] = Counter()
    made = []
    for name, options in sections.items():
        kind = types[name]
        identity = f"@{kind}[{seen[kind]}]" if UNNAMED.fullmatch(name) else name
        seen[kind] += 1
        made.append(
            Section(package, kind, name, identity, {option: _value(found) for option, found in options.items()})
        )
    return made


def _value(found: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return _text(found) if isinstance(found, str) else tuple(map(_text, found))
