"""The device by which chain `forward` tells most slow packets from those of the map, before it looks them up."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.compiler.offload.tables.crossings import passings, told_apart
from offload.model.plan import Element, PolicyKey

DEVICES = ("br-lan", "br-guest", "br-iot", "wan", "wg0")
WAYS = st.frozensets(st.sampled_from(list(product(DEVICES, DEVICES))), max_size=8)


def element(iif: str, oif: str) -> Element:
    return Element(iif, oif, PolicyKey(0, "any"), (iif, oif))


@pytest.mark.parametrize(
    ("fast", "slow", "found"),
    [
        ([("br-lan", "wan")], [], ("", "")),
        ([("br-lan", "wan")], [("br-guest", "wan")], ("", "br-guest")),
        ([("br-lan", "wan")], [("br-guest", "wan"), ("br-lan", "br-guest")], ("", "br-guest")),
        ([("br-lan", "wan")], [("br-guest", "wan"), ("br-iot", "wan")], ("br-lan", "")),
        ([("br-lan", "wan"), ("br-iot", "wan")], [("br-guest", "wan")], ("", "br-guest")),
        ([("br-lan", "wan"), ("br-iot", "wan")], [("wan", "br-iot")], ("", "")),
        ([("br-lan", "wan"), ("br-lan", "wg0")], [("br-guest", "wan"), ("br-iot", "wg0")], ("br-lan", "")),
        ([("a", "b"), ("c", "d")], [("a", "c"), ("b", "d"), ("a", "e"), ("b", "d0"), ("c", "f")], ("", "")),
        ([], [("br-lan", "wan")], ("", "br-lan")),
    ],
)
def test_what_is_compared_first(
    fast: list[tuple[str, str]], slow: list[tuple[str, str]], found: tuple[str, str]
) -> None:
    assert told_apart([element(*way) for way in fast], {*fast, *slow}) == found


@given(WAYS, WAYS)
def test_no_packet_that_the_map_knows_passes_before_the_look_up(
    fast: frozenset[tuple[str, str]], slow: frozenset[tuple[str, str]]
) -> None:
    elements = [element(*way) for way in sorted(fast)]
    common, absent = told_apart(elements, fast | slow)
    assert not (common and absent)
    for way in passings(elements):
        assert not common or common in way
        assert absent not in way


@given(WAYS, WAYS)
def test_a_comparison_is_made_for_slow_packets_alone(
    fast: frozenset[tuple[str, str]], slow: frozenset[tuple[str, str]]
) -> None:
    elements = [element(*way) for way in sorted(fast)]
    common, absent = told_apart(elements, fast | slow)
    keys = passings(elements).keys()
    left = [way for way in slow if way not in keys and way[::-1] not in keys]
    sooner = [way for way in left if (common and common not in way) or (absent and absent in way)]
    assert bool(common or absent) == bool(sooner)
    assert not sooner or 2 * len(sooner) > len(left) - len(sooner)
