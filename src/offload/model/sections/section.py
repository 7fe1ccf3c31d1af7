"""Sections of a UCI package, and changes of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from offload.model.text.shown import shown
from offload.nouns import dataclass, field, replace

LONGEST_NAME = 60  # characters of a section's name in a sentence


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a UCI package. Option values are text, or tuples of text for lists."""

    package: str  # name of the file in /etc/config
    type: str  # as in `config TYPE`
    name: str  # libuci's name; of a section without one a made-up one
    id: str  # as uci and fw4 name it: its name, or `@type[index]` for a section without one
    options: Mapping[str, str | tuple[str, ...]]  # by name
    line: int = field(default=0, compare=False)  # where it begins in its file; 0: not known

    @property
    def known_as(self) -> str:
        """Its name for a sentence, in quotes: `'PlayStation'`.

        A pair or forwarding with src and dest and without option `name` has `lan > wan`. Empty: it has no name, or its
        type is `globals`. Names are cut after 60 characters.
        """
        words = {option: word for option, word in self.options.items() if isinstance(word, str)}
        if "name" not in words and {"src", "dest"} <= words.keys() and self.type in {"pair", "forwarding"}:
            return f"{shown(words['src'], LONGEST_NAME)} > {shown(words['dest'], LONGEST_NAME)}"
        name = words.get("name") or ("" if self.id.startswith("@") else self.id)
        return f"'{shown(name, LONGEST_NAME)}'" if name and self.type != "globals" else ""

    @property
    def title(self) -> str:
        """Type and name for a sentence: `exempt 'PlayStation'`.

        Without a name: `exempt (line 12)`, or if the line is not known `exempt @exempt[0]`. A `globals` section with a
        name has the type alone.
        """
        name = self.known_as or (self._unnamed and (f"(line {self.line})" if self.line else self._unnamed))
        return f"{self.type} {name}".rstrip()

    @property
    def place(self) -> str:
        """File, line if known, type and name for a sentence: `/etc/config/offload line 12, exempt 'PlayStation'`.

        A section without a name has its id in place of the name; a `globals` section with a name has the type alone.
        """
        line = f" line {self.line}" if self.line else ""
        return f"/etc/config/{self.package}{line}, {self.type} {self.known_as or self._unnamed}".rstrip()

    @property
    def _unnamed(self) -> str:
        return self.id if self.id.startswith("@") else ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a UCI package: `option` of the section with the name `section` gets this value.

    A section that does not exist is made, of type `type`. Value None or '': the option is deleted, as UCI has no empty
    values. Empty `option`: only the section is made, if it does not exist.
    """

    section: str
    type: str
    option: str = ""
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """One change of a UCI package: the section with the name `section` is deleted."""

    section: str


def applied(sections: Sequence[Section], edits: Sequence[Edit | Removal]) -> tuple[Section, ...]:
    """The sections after the edits, with new ones at the end; no file is written.

    Sections that an Edit names have no `line`. A new one has the package of the first section, or '' if there are no
    sections. Indexes in ids (`@type[index]`) are counted again. A Removal of a section that does not exist does
    nothing. Of sections with the same name the first is changed, as by libuci.
    """
    found: dict[str, Section] = {}
    for number, section in enumerate(sections):
        found[f"{number} {section.name}" if section.name in found else section.name] = section
    for edit in edits:
        if isinstance(edit, Removal):
            found.pop(edit.section, None)
            continue
        section = found.get(edit.section) or Section(
            sections[0].package if sections else "", edit.type, edit.section, edit.section, {}
        )
        kept = {name: value for name, value in section.options.items() if name != edit.option}
        given = {edit.option: edit.value} if edit.option and edit.value else {}
        found[edit.section] = Section(section.package, section.type, section.name, section.id, {**kept, **given})
    return tuple(_counted(found.values()))


def _counted(sections: Iterable[Section]) -> Iterator[Section]:
    # those without a name get the id of their place now: `@type[index]`, counted among all of a type
    seen: Counter[str] = Counter()
    for section in sections:
        here = f"@{section.type}[{seen[section.type]}]"
        seen[section.type] += 1
        yield replace(section, id=here) if section.id.startswith("@") and section.id != here else section
