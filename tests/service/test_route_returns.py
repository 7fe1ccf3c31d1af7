"""When our tables are returned because routes changed: many changes at once, with pauses, at most so often."""

from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.to_return import ToReturn
from offload.service.hints.route_returns import APART, GATHER, RouteReturns, TablesReturn
from offload.service.roaming.return_budget import MOST_RETURNS, WINDOW


def test_changes_are_gathered() -> None:
    returns = TablesReturn()
    assert returns.due(0.0) is None
    returns.changed(5.0)
    returns.changed(5.1)
    assert returns.due(5.1) == 5.0 + GATHER
    returns.returned(5.2)
    assert returns.due(6.0) is None


def test_a_script_that_goes_on_waits_for_a_second_return() -> None:
    returns = TablesReturn()
    returns.changed(5.0)
    returns.returned(5.2)
    returns.changed(5.3)
    assert returns.due(5.3) == 5.2 + APART


def test_without_a_table_nothing_is_due() -> None:
    returns = TablesReturn()
    returns.changed(5.0)
    returns.forget()
    assert returns.due(6.0) is None


def test_a_script_that_still_writes_when_tables_return_for_another_reason_does_not_wait_longer() -> None:
    returns = TablesReturn()
    returns.changed(5.0)
    returns.returned(5.1)
    assert returns.due(5.1) is None
    returns.changed(5.15)
    assert returns.due(5.15) == 5.15 + GATHER


def test_a_return_counts_only_if_a_change_waited() -> None:
    returns = TablesReturn()
    returns.returned(5.0)
    assert returns.budget.left(5.0) == MOST_RETURNS
    returns.changed(5.0)
    returns.returned(5.2)
    assert returns.budget.left(5.2) == MOST_RETURNS - 1


def test_a_route_that_changes_while_tables_are_created_waits_for_another_return() -> None:
    returns = TablesReturn()
    returns.changed(5.0)
    returns.changed(5.4)
    returns.returned(5.3)
    assert returns.due(5.4) == 5.3 + APART
    returns.returned(8.0)
    assert returns.due(8.0) is None


def test_a_return_of_all_tables_answers_what_asked_for_hardware() -> None:
    returns = RouteReturns()
    returns.changed(ToReturn.NOTHING, 4.0)
    assert returns.due(4.0) is None
    returns.changed(ToReturn.HARDWARE, 5.0)
    assert (returns.due(5.0), returns.what(5.2)) == (5.2, ToReturn.HARDWARE)
    returns.changed(ToReturn.ALL, 5.1)
    assert (returns.due(5.1), returns.what(5.2)) == (5.2, ToReturn.ALL)
    returns.returned(ToReturn.ALL, 5.2)
    assert returns.due(5.2) is None
    returns.changed(ToReturn.ALL, 9.0)
    returns.returned(ToReturn.HARDWARE, 9.2)
    assert returns.due(9.2) == 9.2


def test_hosts_that_come_and_go_do_not_delay_a_failover() -> None:
    returns, now = RouteReturns(), 100.0
    for _ in range(MOST_RETURNS):
        returns.changed(ToReturn.HARDWARE, now)
        now += APART
        returns.returned(returns.what(now), now)
    returns.changed(ToReturn.HARDWARE, now)
    assert returns.due(now) == 100.0 + APART + WINDOW
    returns.changed(ToReturn.ALL, now)
    assert (returns.due(now), returns.what(now + GATHER)) == (now + GATHER, ToReturn.ALL)


def test_lost_notifications_do_not_delay_a_failover() -> None:
    returns, now = RouteReturns(), 100.0
    for _ in range(MOST_RETURNS):
        returns.changed(ToReturn.LOST, now)
        now += APART
        assert returns.what(now) is ToReturn.LOST
        returns.returned(returns.what(now), now)
    returns.changed(ToReturn.LOST, now)
    assert returns.due(now) == 100.0 + APART + WINDOW
    returns.changed(ToReturn.ALL, now)
    assert (returns.due(now), returns.what(now + GATHER)) == (now + GATHER, ToReturn.ALL)
    returns.returned(ToReturn.ALL, now + GATHER)
    assert returns.due(now + GATHER) is None, "a return of all tables answers both"


@given(st.lists(st.floats(0.01, 3.0), max_size=400))
def test_routes_that_change_again_and_again_cost_few_returns_and_none_is_forgotten(pauses: list[float]) -> None:
    returns, now, done = TablesReturn(), 100.0, []
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
