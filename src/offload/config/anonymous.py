"""Anonymize sections for a bug report: a number replaces each free text, and `section_NUMBER` some names.

The names are those of rules, redirects, forwardings, exempts and pairs. Names of zones, networks, devices and ipsets
stay.
"""

from collections.abc import Iterable, Sequence

from offload.config.choices.offload_tables import PACKAGES, without_unknown_options
from offload.config.choices.options import FALSE, TRUE
from offload.model.sections.section import Section
from offload.nouns import replace

# No other section refers to their names, which are text that a person chose.
NAMED_FOR_PEOPLE = frozenset({"rule", "redirect", "forwarding", "exempt", "pair"})


def known(sections: Iterable[Section]) -> list[Section]:
    """The sections of types that a bug report has (PACKAGES), in order, without options that their type lacks."""
    return [kept for section in sections if (kept := without_unknown_options(section))]


def anonymous(sections: Sequence[Section]) -> list[Section]:
    """The sections with a number in place of each free text (of a list: of each word); equal texts get equal numbers.

    Words for yes and no (`1`, `off`) stay. A named section of a type in NAMED_FOR_PEOPLE is renamed `section_NUMBER`.
    `sections`: as `known` gives them; KeyError for a type or option that `known` removes.
    """
    numbers = _Numbers({section.name for section in sections})
    return [_anonymous(section, numbers) for section in sections]


# Counts texts from 1; leaves out a number where a section already has the name `section_NUMBER`.
class _Numbers:
    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._known: dict[str, int] = {}
        self._last = 0

    def of(self, text: str) -> int:
        if text not in self._known:
            self._last += 1
            while section_name(self._last) in self._taken:
                self._last += 1
            self._known[text] = self._last
        return self._known[text]


def section_name(number: int) -> str:
    """The name that replaces a section's own name in a bug report: `section_NUMBER`."""
    return f"section_{number}"


def _anonymous(section: Section, numbers: _Numbers) -> Section:
    table = PACKAGES[section.package][section.type]
    options = {
        option: _replaced(value, numbers) if table[option].free_text else value
        for option, value in section.options.items()
    }
    if section.type not in NAMED_FOR_PEOPLE or section.id.startswith("@"):
        return replace(section, options=options)
    name = section_name(numbers.of(section.name))
    return replace(section, options=options, name=name, id=name)


def _replaced(value: str | tuple[str, ...], numbers: _Numbers) -> str | tuple[str, ...]:
    # Words for yes and no stay: option `log` has one of them or text.
    if isinstance(value, tuple):
        return tuple(word if word in TRUE | FALSE else str(numbers.of(word)) for word in value)
    return value if value in TRUE | FALSE else str(numbers.of(value))
