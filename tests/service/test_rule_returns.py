"""When tables are returned because rules of others changed: at once, many changes at once, with pauses, and by time."""

from offload.model.kernel.live_rule import Deciding
from offload.service.hints.rule_returns import AFTER_EDGE, GATHER, RuleReturns
from offload.service.roaming.return_budget import MOST_RETURNS, WINDOW

BANNED = frozenset({("banIP", "blocklist")})
NOON, MIDNIGHT = 12 * 3600.0, 20_000 * 86_400.0


def known(**words: object) -> RuleReturns:
    made = RuleReturns()
    made.update(Deciding(1, BANNED, **words), 0.0, MIDNIGHT)  # type: ignore[arg-type]
    return made


def test_nothing_is_due_until_something_changes() -> None:
    returns = known()
    returns.update(Deciding(1, BANNED), 5.0, MIDNIGHT)
    returns.elements([("banIP", "allowlist"), ("other", "blocklist")], 6.0)
    assert returns.due(7.0) is None
    assert RuleReturns().due(0.0) is None


def test_another_rule_and_another_element_are_due_at_once() -> None:
    returns = known()
    returns.update(Deciding(2, BANNED), 5.0, MIDNIGHT)
    assert returns.due(5.0) == 5.0 + GATHER
    returns.returned(6.0, MIDNIGHT)
    assert returns.due(6.0) is None
    returns.elements([("banIP", "blocklist")], 7.0)
    returns.elements([("banIP", "blocklist")], 7.05)
    assert returns.due(7.05) == 7.0 + GATHER
    assert returns.due(8.0) == 7.0 + GATHER, "a time that is over stays what it was, for who looks later"


def test_a_list_that_grows_every_second_costs_few_returns() -> None:
    returns, done = known(), []
    for tick in range(10 * int(WINDOW)):
        now = tick / 1.0
        returns.elements(BANNED, now)
        if (due := returns.due(now)) is not None and due <= now + GATHER:
            returns.returned(now, MIDNIGHT)
            done.append(now)
    assert len(done) <= MOST_RETURNS * 10
    assert all(len([each for each in done if start <= each < start + WINDOW]) <= MOST_RETURNS for start in done)
    assert done[-1] > 9 * WINDOW, "none is forgotten"


def test_forwarding_that_stops_does_not_wait_for_the_budget_of_bans() -> None:
    returns, now = known(), 10.0
    for _ in range(MOST_RETURNS):
        returns.elements(BANNED, now)
        returns.returned(now, MIDNIGHT)
    returns.elements(BANNED, now)
    assert returns.due(now) == now + WINDOW
    returns.stopped(now)
    returns.stopped(now + 0.05)
    returns.update(Deciding(1, BANNED, edges=frozenset({int(MIDNIGHT) + 500})), now, MIDNIGHT)
    assert returns.due(now) == now + GATHER
    returns.returned(now + GATHER, MIDNIGHT)
    assert returns.due(now) == now + GATHER + 500 + AFTER_EDGE


def test_the_edges_of_times_come_every_day() -> None:
    returns = known(edges=frozenset({int(NOON), 3600}))
    assert returns.due(0.0) == 3600 + AFTER_EDGE
    returns.returned(3602.0, MIDNIGHT + 3602)
    assert returns.due(3602.0) == NOON + AFTER_EDGE
    returns.returned(NOON + 2, MIDNIGHT + NOON + 2)
    assert returns.due(NOON + 2) == 86_400 + 3600 + AFTER_EDGE


def test_a_moment_that_is_over_is_none() -> None:
    assert known(edges=frozenset({int(MIDNIGHT) - 5})).due(0.0) is None
    assert known(edges=frozenset({int(MIDNIGHT) + 5})).due(0.0) == 5 + AFTER_EDGE


def test_a_time_that_has_begun_is_not_forgotten_for_other_times() -> None:
    """A pass that reads changed rules may come between the time and its return."""
    first = int(MIDNIGHT) + 100
    returns = known(edges=frozenset({first}))
    for later in (0.01, 2 * AFTER_EDGE):
        returns.update(Deciding(1, BANNED, edges=frozenset({first, first + 50})), 100 + later, first + later)
        assert returns.due(100 + later) == 100 + AFTER_EDGE
    returns.returned(101.0, first + 1.0)
    assert returns.due(101.0) == 150 + AFTER_EDGE


def test_what_changes_while_tables_are_created_waits_for_another_return() -> None:
    returns = known()
    returns.elements(BANNED, 5.0)
    returns.elements(BANNED, 7.0)
    returns.stopped(7.0)
    returns.returned(6.0, MIDNIGHT)
    assert returns.due(7.0) == 7.0 + GATHER
    returns.returned(7.0, MIDNIGHT)
    assert returns.due(7.0) is None
    returns.stopped(8.0)
    returns.returned(7.5, MIDNIGHT)
    assert returns.due(8.0) == 8.0 + GATHER


def test_elements_of_a_verdict_map_may_lead_to_other_rules() -> None:
    returns = known(maps=frozenset({("limits", "hosts")}))
    assert returns.leads([("limits", "hosts"), ("banIP", "blocklist")])
    assert not returns.leads([("banIP", "blocklist"), ("other", "hosts")])
    assert not RuleReturns().leads([("limits", "hosts")])
