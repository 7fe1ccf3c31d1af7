"""When our tables are returned because routes changed: many changes at once, with pauses, at most so often."""

from hypothesis import given
from hypothesis import strategies as st

from offload.service.hints.route_returns import APART, GATHER, RouteReturns
from offload.service.roaming.return_budget import MOST_RETURNS, WINDOW


def test_changes_are_gathered() -> None:
    returns = RouteReturns()
    assert returns.due(0.0) is None
    returns.changed(5.0)
    returns.changed(5.1)
    assert returns.due(5.1) == 5.0 + GATHER
    returns.returned(5.2)
    assert returns.due(6.0) is None


def test_a_script_that_goes_on_waits_for_a_second_return() -> None:
    returns = RouteReturns()
    returns.changed(5.0)
    returns.returned(5.2)
    returns.changed(5.3)
    assert returns.due(5.3) == 5.2 + APART


def test_without_a_table_nothing_is_due() -> None:
    returns = RouteReturns()
    returns.changed(5.0)
    returns.forget()
    assert returns.due(6.0) is None


@given(st.lists(st.floats(0.01, 3.0), max_size=400))
def test_routes_that_change_again_and_again_cost_few_returns_and_none_is_forgotten(pauses: list[float]) -> None:
    returns, now, done = RouteReturns(), 100.0, []
    for pause in pauses:
        now += pause
        if (due := returns.due(now)) is not None and due <= now:
            returns.returned(now)
            done.append(now)
        returns.changed(now)
    assert all(len([each for each in done if start <= each < start + WINDOW]) <= MOST_RETURNS for start in done)
    if pauses:
        due = returns.due(now)
        assert due is not None and due <= now + WINDOW
