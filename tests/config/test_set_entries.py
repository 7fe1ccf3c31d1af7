"""Elements of sets of several fields that nft takes together."""

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


@given(LINES)
def test_no_two_overlap_and_what_is_lost_is_reported(lines: list[str]) -> None:
    elements = [read(line) for line in lines]
    good, partly = apart(elements)
    once = tuple(dict.fromkeys(good))  # nft text has the same element once
    for number, each in enumerate(once):
        assert not any(points(each) & points(other) for other in once[number + 1 :])
    everything: set[tuple[int, int, str]] = set().union(*map(points, elements))
    assert everything == set().union(*map(points, (*good, *partly)))


def test_single_addresses_and_sets_of_one_field_stay_as_they_are() -> None:
    twice = [read("10.0.0.1 10.0.0.2 80")] * 2
    assert apart(twice) == (tuple(twice), ())
    nets = [element(line, (("src", "net"),), 4, {}) or () for line in ("10.0.0.0/8", "10.0.0.1")]
    assert apart(nets) == (tuple(nets), ())


def test_ten_thousand_networks_are_compared_at_once() -> None:
    elements = [read(f"10.{n >> 8}.{n & 255}.0/24 10.0.0.0/8 80") for n in range(10_000)]
    assert apart(elements) == (tuple(elements), ())
