"""When passes begin, given hints and a clock."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.cause import Cause
from offload.service.hints.debounce import APART, FIGHTING, GATHER, RETRY_LAST, Debouncer


def test_nothing_hinted_nothing_due() -> None:
    assert Debouncer().due() is None


def test_the_first_hint_waits_for_others_and_no_longer() -> None:
    watch = Debouncer()
    watch.hint(Cause.LINK, 10.0)
    watch.hint(Cause.ADDRESS, 10.04)
    assert watch.due() == 10.0 + GATHER
    assert watch.cause is Cause.ADDRESS


def test_what_comes_while_a_pass_works_waits_for_the_next() -> None:
    watch = Debouncer()
    watch.hint(Cause.LINK, 10.0)
    watch.begin()
    assert watch.due() is None
    watch.hint(Cause.LINK, 10.1)
    watch.done(10.3)
    assert watch.due() == 10.3 + APART
    watch.begin()
    watch.done(10.9)
    assert watch.due() is None


def test_a_hint_long_after_the_last_pass_waits_only_to_gather() -> None:
    watch = Debouncer()
    watch.hint(Cause.LINK, 10.0)
    watch.begin()
    watch.done(10.1)
    watch.hint(Cause.LINK, 60.0)
    assert watch.due() == 60.0 + GATHER


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.floats(0.001, 0.4))
def test_a_storm_is_few_passes_and_its_last_hint_is_seen(moments: list[float], work: float) -> None:
    watch, passes, busy = Debouncer(), list[float](), 0.0
    for moment in sorted(moments):
        while (due := watch.due()) is not None and max(due, busy) <= moment:
            busy = _pass(watch, passes, max(due, busy), work)
        watch.hint(Cause.LINK, moment)
    while (due := watch.due()) is not None:
        busy = _pass(watch, passes, max(due, busy), work)
    assert len(passes) <= 3
    assert passes[-1] >= max(moments)


def _pass(watch: Debouncer, passes: list[float], begin: float, work: float) -> float:
    passes.append(begin)
    watch.begin()
    watch.done(begin + work)
    return begin + work


def test_a_failure_is_tried_again_later_and_later_until_it_works() -> None:
    watch, now, waits = Debouncer(), 0.0, list[float]()
    watch.hint(Cause.LINK, now)
    for _ in range(10):
        watch.begin()
        watch.done(now, failed=True)
        due = watch.due()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits[:4] == [1, 2, 4, 8] and waits[-1] == RETRY_LAST
    watch.begin()
    watch.done(now)
    assert watch.due() is None


def test_a_hint_does_not_wait_for_the_retry() -> None:
    watch = Debouncer()
    watch.begin()
    watch.done(10.0, failed=True)
    watch.hint(Cause.LINK, 10.6)
    assert watch.due() == 10.6 + GATHER


@pytest.mark.parametrize("fights", [1, 3, 50])
def test_who_undoes_us_every_time_makes_us_slower_but_not_slow(fights: int) -> None:
    watch = Debouncer()
    for _ in range(fights):
        watch.begin()
        watch.done(10.0, mended=True)
    watch.hint(Cause.LINK, 10.0)
    due = watch.due()
    assert due is not None and APART < due - 10.0 <= FIGHTING


def test_a_pass_gets_the_causes_of_all_its_hints() -> None:
    watch = Debouncer()
    watch.hint(Cause.TABLES, 10.0)
    watch.hint(Cause.LINK, 10.01)
    assert watch.begin() == {Cause.TABLES, Cause.LINK}
    assert (watch.begin(), watch.cause) == (frozenset(), Cause.LINK)


def test_who_undoes_us_while_links_flap_is_met_no_faster() -> None:
    """Other hints make passes between two attacks, which have nothing to restore."""
    watch, restored, attacked = Debouncer(), list[float](), False
    for tick in range(400):
        now = tick / 10
        attacked |= tick % 15 == 0
        watch.hint(Cause.LINK, now)
        if (due := watch.due()) is not None and due <= now:
            watch.begin()
            watch.done(now, mended=attacked)
            restored += [now] * attacked
            attacked = False
    assert all(later - one >= FIGHTING for one, later in pairwise(restored[3:]))
    assert len(restored) > len(range(0, 40, 5))


@pytest.mark.parametrize(("after", "pause"), [(FIGHTING / 2, 2 * APART), (FIGHTING, APART)])
def test_a_fight_is_over_when_nothing_was_restored_for_a_while(after: float, pause: float) -> None:
    """A pass of a call meanwhile does not end it."""
    watch = Debouncer()
    watch.done(10.0, mended=True)
    watch.done(10.0 + after)
    watch.hint(Cause.LINK, 10.0 + after)
    assert watch.due() == 10.0 + after + pause


def test_a_call_that_makes_a_good_pass_leaves_no_failed_one_to_repeat() -> None:
    watch = Debouncer()
    watch.hint(Cause.LINK, 10.0)
    watch.begin()
    watch.done(10.1, failed=True)
    assert watch.due() is not None
    watch.done(10.4)
    assert watch.due() is None
