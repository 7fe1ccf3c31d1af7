"""The dataclasses of offload.nouns behave as those of the standard library, in all that the product uses."""

import copy
import dataclasses
import operator
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload import nouns

if TYPE_CHECKING:
    from collections.abc import Callable


def pair(make: Any, field: Any) -> Any:
    """The same two classes, by one library."""

    class Point:
        """A place."""

        x: int
        y: int = 0
        names: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False)

        def total(self) -> int:
            return self.x + self.y

    class Ordered:
        number: int
        word: str = ""

    return make(slots=True)(Point), make(frozen=True, slots=True, order=True)(Ordered)


Point, Ordered = pair(nouns.dataclass, nouns.field)
Theirs, TheirsOrdered = pair(dataclasses.dataclass, dataclasses.field)
Ordered.__qualname__ = "Ordered"
VALUES = st.tuples(st.integers(-3, 3), st.sampled_from(["", "a", "b"]))


def test_arguments_defaults_and_methods() -> None:
    assert Point(1).total() == 1
    assert (Point(1, 2, ["a"], note="n").names, Point(1).names, Point(1).note) == (["a"], [], "")
    assert Point(1).names is not Point(1).names
    assert Point.__doc__ == "A place."
    with pytest.raises(TypeError, match="x"):
        Point()
    with pytest.raises(TypeError, match="z"):
        Point(1, z=2)


@given(VALUES, VALUES)
def test_equality_order_and_hash(one: tuple[int, str], other: tuple[int, str]) -> None:
    ours, theirs = [Ordered(*one), Ordered(*other)], [TheirsOrdered(*one), TheirsOrdered(*other)]
    for compare in (operator.eq, operator.lt, operator.le, operator.gt, operator.ge):
        assert compare(*ours) == compare(*theirs)
    assert hash(ours[0]) == hash(Ordered(*one))
    assert ours[0] != theirs[0]


def test_what_does_not_compare() -> None:
    assert Point(1, note="a") == Point(1, note="b")
    assert Point.__hash__ is None
    with pytest.raises(TypeError):
        assert Ordered(1) < 2


def test_the_text_is_the_same() -> None:
    assert repr(Point(1, names=["a"])) == repr(Theirs(1, names=["a"]))


def test_a_frozen_one_does_not_change() -> None:
    noun = Ordered(1)
    changes: list[Callable[[], None]] = [lambda: setattr(noun, "number", 2), lambda: delattr(noun, "number")]
    for change in changes:
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    with pytest.raises(AttributeError):
        Point(1).z = 2
    assert not hasattr(noun, "__dict__")


def test_replace_and_asdict() -> None:
    assert nouns.replace(Ordered(1, "a"), word="b") == dataclasses.replace(Ordered(1, "a"), word="b") == Ordered(1, "b")
    with pytest.raises(TypeError):
        nouns.replace(Ordered(1), length=2)
    nested = Point(1, Ordered(2), [(Ordered(3),), {"k": Ordered(4)}])
    assert nouns.asdict(nested) == dataclasses.asdict(nested)
    assert nouns.asdict(nested)["names"] == [({"number": 3, "word": ""},), {"k": {"number": 4, "word": ""}}]


class Place(NamedTuple):
    """A tuple with names, in a dataclass."""

    row: int
    what: Any


def test_asdict_keeps_named_tuples() -> None:
    found = nouns.asdict(Point(Place(1, Ordered(2))))
    assert found == dataclasses.asdict(Point(Place(1, Ordered(2))))
    assert found["x"] == Place(1, {"number": 2, "word": ""})
    assert type(found["x"]) is Place


def test_the_standard_library_takes_it_for_one_of_its_own() -> None:
    assert dataclasses.is_dataclass(Ordered)
    assert [(each.name, each.compare) for each in dataclasses.fields(Point)] == [
        *(("x", True), ("y", True), ("names", True), ("note", False))
    ]

    @dataclasses.dataclass
    class Longer(Point):  # type: ignore[misc,valid-type]
        z: int = 3

    assert (Longer(1).z, Longer(1).names) == (3, [])


def test_copies_and_pickles() -> None:
    for noun in (Ordered(1, "a"), Point(1, names=["a"])):
        assert copy.copy(noun) == copy.deepcopy(noun) == noun
    assert pickle.loads(pickle.dumps(Ordered(1, "a"))) == Ordered(1, "a")  # noqa: S301 - made one line above


def test_patterns() -> None:
    match Ordered(1, "a"):
        case Ordered(number, word):
            assert (number, word) == (1, "a")


def test_fields_cannot_be_inherited() -> None:
    with pytest.raises(TypeError, match="inherits fields"):

        @nouns.dataclass(slots=True)
        class Longer(Point):  # type: ignore[misc,valid-type]
            z: int = 3
