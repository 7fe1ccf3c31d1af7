"""Entries of sets whose key has several parts: no overlap that nft refuses."""

from hypothesis import given
from hypothesis import strategies as st

from offload.config.fw4.set_entries import Element, apart, element

MATCH = (("src", "ip"), ("dst", "ip"), ("dst", "port"))
ADDRESSES = st.sampled_from(
    ["10.0.0.0/30", "10.0.0.1", "10.0.0.2", "10.0.0.0/31", "10.0.0.2-10.0.0.5", "10.0.0.5", "0.0.0.0/0"]
)
LINES = st.lists(st.tuples(ADDRESSES, ADDRESSES, st.sampled_from(["80", "443"])).map(" ".join), max_size=9)
PLACES = range(0x0A000000, 0x0A000008)


def read(line: str) -> Element:
    found = element(line, MATCH, 4, {})
    assert found is not None
    return found


def points(each: Element) -> set[tuple[int, int, str]]:
    """The packets that an element matches, as far as they matter."""
    first, second, port = (value.text for value in each)
    inside = [{place for place in PLACES if _in(text, place)} for text in (first, second)]
    return {(a, b, port) for a in inside[0] for b in inside[1]}


def _in(text: str, place: int) -> bool:
    low, _, high = text.partition("-")
    base, _, bits = low.partition("/")
    start = int.from_bytes(bytes(map(int, base.split("."))), "big")
    if high:
        return start <= place <= int.from_bytes(bytes(map(int, high.split("."))), "big")
    return start >> (32 - int(bits or 32)) == place >> (32 - int(bits or 32))


def corners(each: Element) -> list[tuple[int, int]]:
    """The first and the last value of an element's addresses."""
    bounds = [_bounds(value.text) for value in each[:2]]
    return [(bounds[0][end], bounds[1][end]) for end in (0, 1)]


def _bounds(text: str) -> tuple[int, int]:
    inside = [place for place in PLACES if _in(text, place)]
    return (0, 0xFFFFFFFF) if text.startswith("0.0.0.0/0") else (inside[0], inside[-1])


def refused_beside(each: Element, other: Element) -> bool:
    """Whether the kernel refuses an element that comes after the other."""
    where = zip(*map(_bounds, (other[0].text, other[1].text)), strict=True)
    (low_a, low_b), (high_a, high_b) = where
    same_port = each[2].text == other[2].text
    return same_port and any(low_a <= a <= high_a and low_b <= b <= high_b for a, b in corners(each))


@given(LINES)
def test_the_kernel_takes_every_element_and_what_is_lost_is_reported(lines: list[str]) -> None:
    elements = [read(line) for line in lines]
    good, partly = apart(elements)
    once = tuple(dict.fromkeys(good))  # nft text has the same element once
    assert not [(each, other) for each in once for other in once if each is not other and refused_beside(each, other)]
    everything: set[tuple[int, int, str]] = set().union(*map(points, elements))
    assert everything == set().union(*map(points, (*good, *partly)))
    held: set[tuple[int, int, str]] = set().union(*map(points, good))
    assert all(points(each) <= held for each in elements if each not in partly)


def test_what_only_a_refused_element_covers_is_taken() -> None:
    lines = ("10.0.0.0-10.0.0.3 10.0.0.0/30 80", "10.0.0.5 10.0.0.5 80", "10.0.0.2-10.0.0.5 10.0.0.0/29 80")
    first, inner, refused = map(read, lines)
    assert apart((first, inner, refused)) == ((first, inner), (refused,))


def test_networks_that_cross_each_other_both_count() -> None:
    crossing = (read("10.0.0.1 10.0.0.0/30 80"), read("10.0.0.0/30 10.0.0.1 80"))
    assert apart(crossing) == (crossing, ())


def test_single_addresses_and_sets_of_one_field_stay_as_they_are() -> None:
    twice = [read("10.0.0.1 10.0.0.2 80")] * 2
    assert apart(twice) == (tuple(twice), ())
    nets = [element(line, (("src", "net"),), 4, {}) or () for line in ("10.0.0.0/8", "10.0.0.1")]
    assert apart(nets) == (tuple(nets), ())


def test_ten_thousand_networks_are_compared_at_once() -> None:
    elements = [read(f"10.{n >> 8}.{n & 255}.0/24 10.0.0.0/8 80") for n in range(10_000)]
    assert apart(elements) == (tuple(elements), ())
