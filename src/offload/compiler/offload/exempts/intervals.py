"""Boxes, elements of sets as numbers: find those that others contain, and those that overlap. Pure.

A box has one span of numbers for each part of a set's key. Two lists of an exempt make as many boxes as their product,
so boxes are not compared one by one: they are sorted, and put into a tree with a level for each part of the key.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from offload.model.sections.kinds import Span

Box = tuple[Span, ...]


def joined(spans: Iterable[Span]) -> list[Span]:
    """The ranges (first, last), sorted. Ranges with a number in common become one; adjacent ones stay two."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def outermost(boxes: Iterable[Box]) -> Iterator[Box]:
    """The boxes that no other box contains, each once. A box is a range of numbers for each part of a set's key."""
    kept = _Tree()
    # sorted so, a box comes after those that contain it
    for box in sorted(boxes, key=lambda box: [(low, -high) for low, high in box]):
        if not kept.reaches(box):
            kept.add(box)
            yield box


def layers(boxes: Iterable[Box]) -> list[list[Box]]:
    """The boxes in lists, of which each has no two boxes that overlap: the kernel refuses a set with overlapping ones.

    A box is a range of numbers for each part of a set's key. Boxes are taken in sorted order, and each goes to the
    first list that has room.
    """
    found: list[list[Box]] = []
    trees: list[_Tree] = []
    for box in sorted(boxes):
        point = tuple((high, low) for low, high in box)
        free = next((i for i, tree in enumerate(trees) if not tree.reaches(point)), len(found))
        if free == len(found):
            found.append([])
            trees.append(_Tree())
        found[free].append(box)
        trees[free].add(box)
    return found


# a level has the spans of one part of the key, and below each span the next part
class _Tree:
    __slots__ = ("below", "highs", "lows", "reach")

    def __init__(self) -> None:
        self.lows: list[int] = []
        self.highs: list[int] = []
        self.reach: list[int] = []  # the largest last number so far
        self.below: list[_Tree] = []

    # Boxes come in sorted order. `at`: index of the part of the key that this level has.
    def add(self, box: Box, at: int = 0) -> None:
        low, high = box[at]
        if not self.lows or (self.lows[-1], self.highs[-1]) != (low, high):
            self.lows.append(low)
            self.highs.append(high)
            self.reach.append(max(high, self.reach[-1] if self.reach else high))
            self.below.append(_Tree())
        if at + 1 < len(box):
            self.below[-1].add(box, at + 1)

    # Whether a box contains `wanted`; with spans (last, first), whether one overlaps it.
    def reaches(self, wanted: Box, at: int = 0) -> bool:
        begin, end = wanted[at]
        index = bisect_right(self.lows, begin)
        while index and self.reach[index - 1] >= end:
            index -= 1
            if self.highs[index] >= end and (at + 1 == len(wanted) or self.below[index].reaches(wanted, at + 1)):
                return True
        return False
