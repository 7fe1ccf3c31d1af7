"""A dictionary with a maximum size: hosts can invent addresses, so memory of the network must be bounded."""

from collections.abc import Collection, Iterable, Iterator

from offload.nouns import dataclass, field

Key = tuple[str, str, int]


@dataclass(slots=True)
class Remembered:
    """A dictionary with at most `most` keys. When it is full, a new key replaces one that is not preferred.

    The one put least recently is replaced; if all are preferred, the new key is not stored.
    """

    most: int
    _preferred: dict[Key, str] = field(default_factory=dict)
    _others: dict[Key, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._preferred) + len(self._others)

    def __contains__(self, key: Key) -> bool:
        return key in self._preferred or key in self._others

    def items(self) -> Iterator[tuple[Key, str]]:
        """All keys with their values: first preferred ones, then the others, of which the last is replaced first."""
        yield from self._preferred.items()
        yield from reversed(self._others.items())

    def preferred(self) -> Iterable[Key]:
        """The preferred keys, which stay when there is no room for new ones."""
        return self._preferred

    def put(self, key: Key, value: str, *, preferred: bool) -> str | None:
        """Set the value of a key and whether it is preferred; gives the value before, or None for a new key.

        If the dictionary is full, a new key takes the place of the one that was put least recently and is not
        preferred; without such a key it is not stored.
        """
        known = key in self
        before = self._preferred.pop(key, None) if key in self._preferred else self._others.pop(key, None)
        if not known and len(self) >= self.most:
            if not self._others:
                return None
            del self._others[next(iter(self._others))]
        (self._preferred if preferred else self._others)[key] = value
        return before

    def crowded_out(self, seen: Collection[Key]) -> bool:
        """Whether the dictionary is full and lacks one of these keys, which were put just now."""
        return len(self) >= self.most and any(key not in self for key in seen)

    def prefer_only(self, seen: Collection[Key]) -> None:
        """If the dictionary is full, let no key outside of `seen` be preferred, for new keys to find room.

        Keys that were preferred then count as put most recently. If it is not full, nothing changes.
        """
        if len(self) >= self.most:
            gone = [key for key in self._preferred if key not in seen]
            self._others |= {key: self._preferred.pop(key) for key in gone}
