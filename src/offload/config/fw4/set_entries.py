"""Read the entries of an ipset."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from offload.config.fw4.options import fw4_values
from offload.model.sections.firewall import RouterNetwork
from offload.model.sections.match import MASKED, RANGE, Address, Item
from offload.model.text.addresses import WIDTH, address, mask, network

Element = tuple[Address | Item, ...]


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text without blanks around them, without empty lines and those that begin with `#`."""
    found = (line.strip() for line in text.splitlines())
    return tuple(line for line in found if line and not line.startswith("#"))


def element(
    line: str, match: tuple[tuple[str, str], ...], family: int, networks: Mapping[str, RouterNetwork]
) -> Element | None:
    """The values of one entry of an ipset, one for each part of the set's key; None: not valid.

    `line`: words separated by blanks, as many as the key has parts. `match`: ((direction, type), ...) of the key;
    `family`: 4 or 6, of addresses. `networks`: {name: RouterNetwork}; a name stands for the router's first address
    there, with its prefix length if the type is net. Masks with gaps and ranges of ports are not valid.
    """
    words = line.split()
    if len(words) != len(match):
        return None
    found = []
    for word, (_, kind) in zip(words, match, strict=True):
        value = _address(word, kind, family, networks) if kind in {"ip", "net"} else _item(word, kind)
        if value is None:
            return None
        found.append(value)
    return tuple(found)


def _address(word: str, kind: str, family: int, networks: Mapping[str, RouterNetwork]) -> Address | None:
    # The name of a netifd network means the router's first address there, with the network's prefix unless `kind` is
    # ip. None: not valid, of the other family, or a mask with gaps.
    found = address(word)
    if found is None:
        own = (each for each in networks.get(word, RouterNetwork()).addresses if each.family == family)
        found = next(own, None)
        if found is not None and kind == "ip":
            found = network(family, found.value, WIDTH[family])
    return found if found is not None and found.family == family and found.bits != MASKED else None


def _item(word: str, kind: str) -> Item | None:
    found = fw4_values.mac(word) if kind == "mac" else fw4_values.port(word)
    return None if found is None or found.negated or (kind == "port" and "-" in found.text) else found


# First and last of each part of an element's key, and the element's index.
class _Box(NamedTuple):
    spans: tuple[tuple[int, int], ...]
    place: int

    def meets(self, other: "_Box") -> bool:
        return all(a <= d and c <= b for (a, b), (c, d) in zip(self.spans, other.spans, strict=True))

    def excludes(self, other: "_Box") -> bool:
        # the first or last value of one lies in the other: the kernel does not take both
        return any(a.holds(corner) for a, b in ((self, other), (other, self)) for corner in zip(*b.spans, strict=True))

    def holds(self, point: tuple[int, ...]) -> bool:
        return all(a <= value <= b for (a, b), value in zip(self.spans, point, strict=True))

    def covers(self, other: "_Box") -> bool:
        return all(a <= c and d <= b for (a, b), (c, d) in zip(self.spans, other.spans, strict=True))


def apart(elements: Sequence[Element]) -> tuple[tuple[Element, ...], tuple[Element, ...]]:
    """(taken, refused): elements that the kernel takes in one set, and those that it refuses beside an earlier one.

    Both are in the order given. With more than one field in the key, elements that a taken one covers are in neither,
    and an element is refused if its first or last value lies in an earlier one, or the other way round
    (nft_set_pipapo.c, EEXIST and ENOTEMPTY). With one field, or single addresses only, all are taken.
    """
    values = [value for each in elements for value in each if isinstance(value, Address)]
    if not elements or len(elements[0]) == 1 or all(value.bits == WIDTH[value.family] for value in values):
        return tuple(elements), ()
    groups: defaultdict[tuple[str, ...], list[_Box]] = defaultdict(list)
    for place, each in enumerate(elements):
        spans = tuple(_span(value) for value in each if isinstance(value, Address))
        groups[tuple(value.text for value in each if isinstance(value, Item))].append(_Box(spans, place))
    covered, partly = set[int](), set[int]()
    for boxes in groups.values():
        _compare(boxes, covered, partly)
    gone = covered | partly
    good = tuple(each for place, each in enumerate(elements) if place not in gone)
    return good, tuple(elements[place] for place in sorted(partly))


def _span(value: Address) -> tuple[int, int]:
    if value.bits == RANGE:
        return value.value, value.last
    first = value.value & mask(value)
    return first, first | ((1 << WIDTH[value.family]) - 1) ^ mask(value)


def _compare(boxes: Iterable[_Box], covered: set[int], partly: set[int]) -> None:
    # What a refused box alone covers is not in the set, so the others are compared again without the refused ones.
    left = sorted(boxes, key=lambda each: (each.spans[0][0], -each.spans[0][1]))
    while True:
        inside, excluded = _overlapping(left)
        refused = set[int]()
        for place in sorted(excluded):
            if not refused.issuperset(excluded[place]):
                refused.add(place)
        if not refused:
            covered |= inside
            return
        partly |= refused
        left = [each for each in left if each.place not in refused]


def _overlapping(boxes: Iterable[_Box]) -> tuple[set[int], dict[int, list[int]]]:
    # Indexes of boxes that another one covers; and of each other box that earlier ones exclude, with theirs. Sorted by
    # the first part of their keys, each is compared only with those that overlap it there.
    covered, excluded = set[int](), defaultdict[int, list[int]](list)
    active: list[_Box] = []
    for box in boxes:
        first = box.spans[0][0]
        active = [each for each in active if each.spans[0][1] >= first and each.place not in covered]
        for other in filter(box.meets, active):
            if other.covers(box):
                covered.add(box.place)
                break
            if box.covers(other):
                covered.add(other.place)
            elif box.excludes(other):
                excluded[max(box.place, other.place)].append(min(box.place, other.place))
        if box.place not in covered:
            active.append(box)
    beside = {place: [each for each in others if each not in covered] for place, others in excluded.items()}
    return covered, {place: others for place, others in beside.items() if others and place not in covered}
