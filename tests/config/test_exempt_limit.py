"""All exempts together have a limit: what does not fit is named, and rules that mark get wider."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from offload.config.exempt_limit import MOST_ELEMENTS, elements, limited, widened
from offload.model.config import Exempt


def exempt(sources: int, ports: int = 0, name: str = "") -> Exempt:
    nets = tuple(ip_network((0x0A000000 + number, 32)) for number in range(sources))
    return Exempt(name, name, "lan", src_ip=nets, dest_port=tuple((number, number) for number in range(ports)))


def test_an_exempt_has_an_element_for_each_combination() -> None:
    assert [elements(each) for each in (exempt(0), exempt(3), exempt(3, 5), Exempt("", "", proto=("tcp", "udp")))] == [
        *(1, 3, 15, 2)
    ]


def test_what_does_not_fit_is_named_and_a_smaller_one_still_counts() -> None:
    sections = [exempt(100, 100, "a"), exempt(100, 100, "b"), exempt(5, name="c")]
    found, problems = limited(sections, [])
    assert [each.faulty for each in found] == [False, True, False]
    assert found[1] == Exempt("b", "b", "lan", faulty=True)
    assert [(each.section, "10000 combinations" in each.text) for each in problems] == [("b", True)]


def test_exempts_stand_behind_the_rules_that_mark() -> None:
    assert limited([exempt(100, 100)], [exempt(100, 100)])[0][0].faulty
    assert not limited([exempt(100, 100)], [exempt(100, 10)])[0][0].faulty


def test_a_rule_that_marks_and_does_not_fit_means_more() -> None:
    first, second = widened([exempt(100, 160), exempt(1000, 20)])
    assert first == exempt(100, 160)
    assert second == exempt(0, 20)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8))
def test_all_together_never_exceed_the_limit(sizes: list[tuple[int, int]]) -> None:
    marks = list(widened(exempt(*size) for size in sizes))
    found, _ = limited([exempt(*size) for size in sizes], marks)
    # one that means everything is no element, and has to stay
    whole = sum(not each.src_ip and not each.dest_port for each in marks)
    assert sum(map(elements, marks)) <= MOST_ELEMENTS + whole
    assert sum(elements(each) for each in found if not each.faulty) + sum(map(elements, marks)) <= MOST_ELEMENTS + whole
