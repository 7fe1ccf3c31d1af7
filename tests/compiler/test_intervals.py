"""The functions on boxes (an interval in each dimension) give the same as comparing every box with every other."""

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from offload.compiler.offload.exempts.intervals import Box, joined, layers, outermost
from offload.model.sections.kinds import Span
from strategies import gate

spans = st.tuples(st.integers(0, 15), st.integers(0, 15)).map(lambda ends: (min(ends), max(ends)))
some_boxes = st.integers(1, 3).flatmap(lambda size: st.sets(st.tuples(*[spans] * size), max_size=30))


def contains(outer: Box, inner: Box) -> bool:
    return all(a[0] <= b[0] and b[1] <= a[1] for a, b in zip(outer, inner, strict=True))


def overlap(one: Box, other: Box) -> bool:
    return all(a[0] <= b[1] and b[0] <= a[1] for a, b in zip(one, other, strict=True))


@gate
@given(some_boxes)
def test_the_outermost_are_those_that_no_other_contains(boxes: set[Box]) -> None:
    found = list(outermost(boxes))
    assert len(found) == len(set(found))
    assert set(found) == {box for box in boxes if not any(contains(other, box) for other in boxes - {box})}


@gate
@given(some_boxes)
def test_each_box_is_in_the_first_layer_where_nothing_overlaps_it(boxes: set[Box]) -> None:
    expected: list[list[Box]] = []
    for box in sorted(boxes):
        free = next((layer for layer in expected if not any(overlap(box, other) for other in layer)), None)
        if free is None:
            expected.append([box])
        else:
            free.append(box)
    assert layers(boxes) == expected


@gate
@given(st.lists(spans, max_size=10))
def test_joined_spans_are_the_same_numbers_and_share_none(given_spans: list[Span]) -> None:
    found = joined(given_spans)
    numbers = {number for low, high in given_spans for number in range(low, high + 1)}
    assert [number for low, high in found for number in range(low, high + 1)] == sorted(numbers)
    assert all(one[1] < other[0] for one, other in pairwise(found))


def test_two_long_lists_are_not_held_against_each_other() -> None:
    """The number of comparisons grows with the number of boxes, not with its square."""
    compared = 0

    class Number(int):
        def __ge__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return int.__ge__(self, other)  # type: ignore[operator] # numbers all of them

    def line(count: int) -> list[Span]:
        return [(Number(10 * at), Number(10 * at + 5)) for at in range(count)]

    boxes = list(product(line(60), line(60)))
    assert len(layers(boxes)) == 1 and len(list(outermost(boxes))) == 3600
    assert 0 < compared < 20 * len(boxes)
