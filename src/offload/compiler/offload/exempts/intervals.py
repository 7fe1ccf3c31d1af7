"""Boxes, a span of numbers for each field of a set's key: which others contain, and which fit into one set. Pure.

Two lists of an exempt make as many boxes as their product has. So no box is held against all others: they come sorted,
and stand in a tree with a floor for each field, in which only what can meet is looked at.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from offload.model.sections.kinds import Span

Box = tuple[Span, ...]


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same numbers in spans that share none."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def outermost(boxes: Iterable[Box]) -> Iterator[Box]:
    """The boxes that no other one contains."""
    kept = _Tree()
    # what contains a box stands before it
    for box in sorted(boxes, key=lambda box: [(low, -high) for low, high in box]):
        if not kept.reaches(box):
            kept.add(box)
            yield box


def layers(boxes: Iterable[Box]) -> list[list[Box]]:
    """Spread boxes over as few sets as a simple rule finds, so that no two of one set overlap."""
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


class _Tree:
    """Boxes added in the order of their lows: the spans of one field, and below each those of the next."""

    __slots__ = ("below", "highs", "lows", "reach")

    def __init__(self) -> None:
        self.lows: list[int] = []
        self.highs: list[int] = []
        self.reach: list[int] = []  # the highest of the highs so far
        self.below: list[_Tree] = []

    def add(self, box: Box, at: int = 0) -> None:
        """Take in a box that sorts behind those that are there."""
        low, high = box[at]
        if not self.lows or (self.lows[-1], self.highs[-1]) != (low, high):
            self.lows.append(low)
            self.highs.append(high)
            self.reach.append(max(high, self.reach[-1] if self.reach else high))
            self.below.append(_Tree())
        if at + 1 < len(box):
            self.below[-1].add(box, at + 1)

    def reaches(self, wanted: Box, at: int = 0) -> bool:
        """Whether one of the boxes begins at `wanted`'s first number or before, and ends at its second or behind."""
        begin, end = wanted[at]
        index = bisect_right(self.lows, begin)
        while index and self.reach[index - 1] >= end:
            index -= 1
            if self.highs[index] >= end and (at + 1 == len(wanted) or self.below[index].reaches(wanted, at + 1)):
                return True
        return False
