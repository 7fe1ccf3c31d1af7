"""All exempts together have a limit: what does not fit is named, and rules that mark get wider."""

from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from exempts import conditions, exempt_of
from offload.config.choices.exempt_limit import MOST_ELEMENTS, limited, widened
from offload.model.config import MarkRule
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import combinations


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
    assert [(each.section, "10100 combinations" in each.text) for each in problems] == [("b", True)]


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
