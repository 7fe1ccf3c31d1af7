"""A section of a UCI package."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a UCI package as uci hands it over: strings, and tuples of strings for lists.

    `id` is how uci and fw4 name the section to people: its name, or `@type[index]` for a section without one.
    """

    package: str
    type: str
    name: str
    id: str
    options: Mapping[str, str | tuple[str, ...]]
