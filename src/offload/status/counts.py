"""Count connections, their packets and bytes by path: slow, software or hardware flowtable, or not seen. Pure."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from offload.model.flow import State
from offload.nouns import dataclass, field

Json = dict[str, Any]
Path = State | None  # None: the connection ended before its path was seen

UNSEEN = "unseen"
PATHS = (*(state.value for state in State), UNSEEN)
PLACES: dict[Path, int] = {**{state: place for place, state in enumerate(State)}, None: len(State)}
WIDTH = 3 * len(PATHS)  # numbers of one Counts


def _none() -> list[int]:
    return [0] * len(PATHS)


@dataclass(slots=True)
class Counts:
    """Numbers of connections (`flows`), and of their packets and bytes (`octets`) in both directions, by path.

    Each of the three lists has one number for each path, in the order of PATHS: slow, software, hardware, unseen.
    """

    flows: list[int] = field(default_factory=_none)
    packets: list[int] = field(default_factory=_none)
    octets: list[int] = field(default_factory=_none)

    def add(self, path: Path, packets: int, octets: int) -> None:
        """Count one connection with its packets and bytes; `path` is None if it ended before its path was seen."""
        place = PLACES[path]
        self.flows[place] += 1
        self.packets[place] += packets
        self.octets[place] += octets

    def merge(self, other: "Counts") -> None:
        """Add the numbers of `other` to these, path by path; `other` does not change."""
        for own, more in zip(self.lists, other.lists, strict=True):
            own[:] = [one + two for one, two in zip(own, more, strict=True)]

    @property
    def lists(self) -> tuple[list[int], list[int], list[int]]:
        """The lists `flows`, `packets` and `octets` themselves, not copies."""
        return self.flows, self.packets, self.octets

    @property
    def numbers(self) -> list[int]:
        """All numbers as one flat list: flows, then packets, then bytes, each in the order of PATHS."""
        return list(chain(*self.lists))

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "Counts":
        """Make a Counts from a flat list of WIDTH (12) numbers, as the property `numbers` gives it."""
        every, size = list(numbers), len(PATHS)
        return cls(every[:size], every[size : 2 * size], every[2 * size :])


def counts_json(counts: Counts) -> Json:
    """The counts as JSON: `{"flows": {PATH: number}, "packets": {PATH: number}, "bytes": {PATH: number}}`.

    Each PATH (slow, software, hardware, unseen) is there.
    """
    return {
        what: dict(zip(PATHS, numbers, strict=True))
        for what, numbers in zip(("flows", "packets", "bytes"), counts.lists, strict=True)
    }
