"""A bounded memory of the places of keys: any host of a network can invent addresses."""

from collections.abc import Collection, Iterable, Iterator

from offload.nouns import dataclass, field

Key = tuple[str, str, int]


@dataclass(slots=True)
class Remembered:
    """Keys with their places, at most `most`. Where it is full, keys at preferred places stay, and new ones find none.

    Of the others the one that was seen least recently goes first.
    """

    most: int
    _preferred: dict[Key, str] = field(default_factory=dict)
    _others: dict[Key, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._preferred) + len(self._others)

    def __contains__(self, key: Key) -> bool:
        return key in self._preferred or key in self._others

    def items(self) -> Iterator[tuple[Key, str]]:
        """All keys with their places, those that go first at the end."""
        yield from self._preferred.items()
        yield from reversed(self._others.items())

    def preferred(self) -> Iterable[Key]:
        """The keys at preferred places."""
        return self._preferred

    def put(self, key: Key, value: str, *, preferred: bool) -> str | None:
        """Remember a place, if there is room; the place before, None for a new key."""
        known = key in self
        before = self._preferred.pop(key, None) if key in self._preferred else self._others.pop(key, None)
        if not known and len(self) >= self.most:
            if not self._others:
                return None
            del self._others[next(iter(self._others))]
        (self._preferred if preferred else self._others)[key] = value
        return before

    def crowded_out(self, seen: Collection[Key]) -> bool:
        """Whether some of these keys, which were put just now, found no room."""
        return len(self) >= self.most and any(key not in self for key in seen)

    def prefer_only(self, seen: Collection[Key]) -> None:
        """Where it is full, let keys at preferred places that are not there now make room for new ones."""
        if len(self) >= self.most:
            gone = [key for key in self._preferred if key not in seen]
            self._others |= {key: self._preferred.pop(key) for key in gone}
