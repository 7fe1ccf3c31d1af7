"""All exempts together have a limit: what does not fit is named, and rules that mark get wider."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any, NamedTuple
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from exempts import conditions, exempt_of
from nft_text import refused
from offload.config.choices import exempt_limit
from offload.config.choices.exempt_limit import MOST_ELEMENTS, limited, widened
from offload.model.config import MarkRule
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import IN_CONNTRACK, combinations
from strategies import gate


def exempt(sources: int, ports: int = 0, name: str = "") -> Exempt:
    nets = tuple(ip_network((0x0A000000 + number, 32)) for number in range(sources))
    return exempt_of(name, name, "lan", src_ip=nets, dest_port=tuple((number, number) for number in range(ports)))


def marks(*exempts: Exempt) -> MarkRule:
    return MarkRule("rule", "@rule[0]", exempts)


def test_an_exempt_has_an_element_for_each_combination() -> None:
    assert [
        combinations(each.match)
        for each in (exempt(0), exempt(3), exempt(3, 5), exempt_of("", "", proto=("tcp", "udp")))
    ] == [*(1, 3, 15, 2)]


def test_one_that_does_not_fit_is_named_loses_its_longest_list_and_a_smaller_one_still_counts() -> None:
    found, problems = limited([exempt(100, 100, "a"), exempt(100, 101, "b"), exempt(5, name="c")], [])
    assert found == (exempt(100, 100, "a"), exempt(100, 0, "b"), exempt(5, name="c"))
    assert [(each.section, "combinations of its lists (10100)" in each.text) for each in problems] == [("b", True)]


def test_without_an_address_that_remains_the_pair_stays_slow_or_the_exempt_has_no_effect() -> None:
    whole, of_a_pair = exempt(0, 9000, "a"), replace(exempt(0, 9000, "b"), dest="wan")
    found, problems = limited([whole, of_a_pair, exempt(0, 9000, "c")], [])
    assert found == (whole, exempt_of("b", "b", "lan", "wan", faulty=True))
    assert [each.section for each in problems] == ["b", "c"]
    assert "from lan to wan stays slow" in problems[0].text
    assert "no effect" in problems[1].text


def test_exempts_get_the_room_that_rules_with_marks_leave() -> None:
    assert limited([exempt(100, 101)], [marks(exempt(100, 100))])[0] == (exempt(100),)
    assert limited([exempt(100, 100)], [marks(exempt(100, 10))])[0] == (exempt(100, 100),)


def test_a_rule_that_marks_and_does_not_fit_means_more() -> None:
    first, second = widened([marks(exempt(100, 160)), marks(exempt(1000, 20), exempt(3))])
    assert first == marks(exempt(100, 160))
    assert second == marks(exempt(0, 20), exempt(3))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8))
def test_all_together_never_exceed_the_limit(sizes: list[tuple[int, int]]) -> None:
    mark_rules = list(widened(marks(exempt(*size)) for size in sizes))
    marked = [each for mark_rule in mark_rules for each in mark_rule.exempts]
    found, _ = limited([exempt(*size) for size in sizes], mark_rules)
    # one that means everything is no element of a set, and has to stay
    whole = sum(not conditions(each) for each in marked)
    assert sum(combinations(each.match) for each in marked) <= MOST_ELEMENTS + whole
    of_sections = sum(combinations(each.match) for each in found if not each.faulty)
    assert of_sections + sum(combinations(each.match) for each in marked) <= MOST_ELEMENTS + whole


def test_ports_stay_only_with_their_protocols() -> None:
    """Nft reads a port only after tcp or udp."""
    both = exempt_of("", "", proto=("tcp", "udp"), dest_port=((443, 443),), src_ip=(ip_network("10.0.0.1"),))
    _, second = widened([marks(exempt(128, 128)), marks(both)])
    assert conditions(second.exempts[0]) == {"src_ip": (ip_network("10.0.0.1"),)}
    (first,), _ = limited([both], [marks(exempt(128, 127), exempt(127))])
    assert conditions(first) == {"src_ip": (ip_network("10.0.0.1"),)}


class End(NamedTuple):
    """An end of a connection, as conntrack has it."""

    src: bytes
    sport: int


class Connection(NamedTuple):
    """A connection as conntrack has it."""

    proto: int
    original: End
    reply: End


ADDRESSES = ("10.0.0.1", "10.0.0.2", "2001:db8::1")
PORTS = (1, 2, 3)
CONNECTIONS = [
    Connection(proto, End(ip_address(src).packed, sport), End(ip_address(dest).packed, dport))
    for proto, (src, dest), (sport, dport) in product((6, 17), product(ADDRESSES, repeat=2), product(PORTS, repeat=2))
]
hosts = st.sampled_from([*map(ip_network, ADDRESSES), ip_network("10.0.0.0/24"), "!10.0.0.2"])
ports = st.sampled_from([(1, 1), (3, 3), (2, 3), "!2"])
protocols = st.sampled_from([("tcp",), ("udp",), ("tcp", "udp")])


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=3, unique=True).map(tuple)


# as sections and rules give them: those with ports name their protocols
some_exempts = st.lists(
    st.builds(
        lambda name, dest, **words: exempt_of("", name, "lan", dest, **words),
        st.sampled_from("ab"),
        st.sampled_from(["wan", "*"]),
        src_ip=several(hosts),
        dest_ip=several(hosts),
        src_port=several(ports),
        dest_port=several(ports),
        proto=protocols,
    ),
    max_size=4,
)


def slow(exempt: Exempt) -> set[Connection]:
    """The connections that an exempt keeps slow; all of its zones, if it is faulty."""
    given = () if exempt.faulty else [each for each in IN_CONNTRACK if each.given(exempt.match)]
    tests = [(each.conntrack, each.test(exempt.match)) for each in given]
    return {each for each in CONNECTIONS if all(read is not None and test(read(each)) for read, test in tests)}


@gate
@given(some_exempts, some_exempts, st.integers(1, 40))
def test_a_reduced_exempt_keeps_its_traffic_slow_and_nft_accepts_it(
    of_rules: list[Exempt], of_sections: list[Exempt], most: int
) -> None:
    with mock.patch.object(exempt_limit, "MOST_ELEMENTS", most):
        (rule,) = widened([marks(*of_rules)])
        found = [limited([each], [rule]) for each in of_sections]
    kept = [exempt for exempts, _ in found for exempt in exempts]
    for exempt, wide in zip(of_rules, rule.exempts, strict=True):
        assert slow(exempt) <= slow(wide)
    for exempt, (exempts, problems) in zip(of_sections, found, strict=True):
        assert all(slow(exempt) <= slow(wide) for wide in exempts)
        assert exempts or "no effect" in problems[0].text
    assert not refused(each for each in (*rule.exempts, *kept) if not each.faulty)
