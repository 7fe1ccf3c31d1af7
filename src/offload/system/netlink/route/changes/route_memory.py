"""The routes that were notified, found by their key, their device, their nexthop object and their source. Pure.

There may be thousands of each, which come and go together, so nothing here looks at all routes for one of them.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

from offload.nouns import dataclass, field

UNTOLD = 0  # in place of a device's index
Key = tuple[bytes, ...]  # what identifies a route; several may have the same, if they were appended


class Hop(NamedTuple):
    """A next hop of a route."""

    device: int  # its index; UNTOLD if the message names a nexthop object alone
    gateway: bytes  # value of RTA_GATEWAY or RTA_VIA; empty: none
    nexthop: bytes  # number of the nexthop object of the route; empty: none
    source: bytes  # the router's own address that the route prefers (`src`), of IPv4 only; empty: none


class Way(NamedTuple):
    """Where the routes with one key lead."""

    # of the latest message: its type, empty if the kernel may have deleted the route, and the attributes WAY
    parts: tuple[bytes, ...]
    hops: frozenset[Hop]  # of all the routes; empty: they refuse packets
    several: bool = False  # whether they are several, as after `ip route append`


G = TypeVar("G", bound=Hashable)
M = TypeVar("M", bound=Hashable)


class Groups(Generic[G, M]):
    """Sets of members by group; a group without members takes no memory."""

    def __init__(self) -> None:
        self._members: dict[G, set[M]] = {}

    def add(self, group: G, member: M) -> None:
        """Add a member to a group; it may be there already."""
        self._members.setdefault(group, set()).add(member)

    def discard(self, group: G, member: M) -> None:
        """Remove a member from a group, if it is there."""
        members = self._members.get(group)
        if members is not None:
            members.discard(member)
            if not members:
                del self._members[group]

    def of(self, group: G) -> list[M]:
        """The members of a group, in any order."""
        return list(self._members.get(group, ()))

    def clear(self) -> None:
        """Remove all groups."""
        self._members.clear()


@dataclass(slots=True)
class RouteMemory:
    """Routes by key. A method takes time for the routes that it is asked for, not for all."""

    _ways: dict[Key, Way] = field(default_factory=dict)
    _by_device: Groups[int, Key] = field(default_factory=Groups)
    _by_nexthop: Groups[bytes, Key] = field(default_factory=Groups)
    _by_source: Groups[bytes, Key] = field(default_factory=Groups)

    def __len__(self) -> int:
        """The number of keys."""
        return len(self._ways)

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys."""
        return iter(self._ways)

    def put(self, key: Key, way: Way) -> None:
        """Remember where the routes with this key, which is not remembered, lead."""
        self._ways[key] = way
        for each in way.hops:
            self._by_device.add(each.device, key)
            if each.nexthop:
                self._by_nexthop.add(each.nexthop, key)
            if each.source:
                self._by_source.add(each.source, key)

    def take(self, key: Key) -> Way | None:
        """Forget the routes with this key, and give what was remembered; None: nothing."""
        way = self._ways.pop(key, None)
        for each in way.hops if way else ():
            self._by_device.discard(each.device, key)
            self._by_nexthop.discard(each.nexthop, key)
            self._by_source.discard(each.source, key)
        return way

    def without(self, key: Key, hops: frozenset[Hop]) -> None:
        """Note that routes with these next hops were deleted: those of this key that have others are doubted."""
        way = self.take(key)
        if way and way.hops - hops:
            self.put(key, Way(doubted(way.parts), way.hops - hops, way.several))

    def doubt(self, key: Key) -> None:
        """Note that the kernel may have deleted routes with this key, which is remembered."""
        way = self._ways[key]
        self._ways[key] = way._replace(parts=doubted(way.parts))

    def devices(self, key: Key) -> set[int]:
        """The indexes of the devices of the routes with this key, which is remembered."""
        return {each.device for each in self._ways[key].hops}

    def by_device(self, device: int) -> list[Key]:
        """The keys of routes that lead by the device with this index."""
        return self._by_device.of(device)

    def by_source(self, address: bytes) -> list[Key]:
        """The keys of routes that prefer this source address."""
        return self._by_source.of(address)

    def untold(self) -> list[Key]:
        """The keys of routes that lead by UNTOLD; `untold` gives those again only after they are put again."""
        found = self._by_device.of(UNTOLD)
        for each in found:
            self._by_device.discard(UNTOLD, each)
        return found

    def by_nexthop(self, name: bytes) -> list[tuple[Key, frozenset[Hop]]]:
        """The keys of routes that lead by the nexthop object with this number, each with its next hops by it."""
        found: Iterable[Key] = self._by_nexthop.of(name)
        return [(key, frozenset(each for each in self._ways[key].hops if each.nexthop == name)) for key in found]

    def clear(self) -> None:
        """Forget all."""
        self._ways.clear()
        self._by_device.clear()
        self._by_nexthop.clear()
        self._by_source.clear()


def doubted(parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The `parts` of a Way whose routes the kernel may have deleted: those of no message equal them."""
    return (b"", *parts[1:])
