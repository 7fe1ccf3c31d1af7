"""When times hold, and when that changes: by the second, in a time zone with summer time and in UTC."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.compiler.firewall.tracing.times import DAYS, holds, next_edge
from offload.model.sections.match import Times

NOON = 1_767_268_800.0  # Thursday, 1 January 2026, 12:00 UTC
HOUR, DAY = 3600, 86_400
CLOCKS = st.one_of(st.just(()), st.tuples(st.integers(0, 23), st.integers(0, 59), st.sampled_from((0, 59))))
DATES = st.one_of(
    st.just(()),
    st.tuples(st.just(2026), st.sampled_from((1, 3, 10)), st.integers(1, 28), st.just(2), st.just(30), st.just(0)),
)
TIMES = st.builds(
    Times,
    start_date=DATES,
    stop_date=DATES,
    start_time=CLOCKS,
    stop_time=CLOCKS,
    weekdays=st.lists(st.sampled_from(DAYS), unique=True, max_size=3).map(tuple),
    other_weekdays=st.booleans(),
    utc=st.booleans(),
)


@pytest.fixture(autouse=True, scope="module")
def _zone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        (Times(), {0, 12, 23}),
        (Times(start_time=(12, 0, 0), stop_time=(14, 0, 0)), {11, 12}),  # hours of UTC: noon is 13:00 here
        (Times(start_time=(12, 0, 0), stop_time=(14, 0, 0), utc=True), {12, 13}),
        (Times(start_time=(22, 0, 0), stop_time=(2, 30, 0)), {21, 22, 23, 0, 1}),
        (Times(weekdays=("Thursday",)), set(range(23))),
        (Times(weekdays=("Thursday",), other_weekdays=True), {23}),
        (Times(start_date=(2026, 1, 1, 20, 0, 0)), {19, 20, 21, 22, 23}),
    ],
)
def test_when_they_hold(times: Times, hours: set[int]) -> None:
    midnight = NOON - 12 * HOUR
    found = {hour for hour in range(24) if holds(times, midnight + hour * HOUR + 1)}
    assert found >= hours if times == Times() else found == hours


def test_the_last_second_belongs_to_them() -> None:
    times = Times(stop_time=(13, 0, 0))
    assert holds(times, NOON + 0.9) and not holds(times, NOON + 1)
    assert next_edge([times], NOON) == NOON + 1


@pytest.mark.parametrize("utc", [False, True])
def test_hours_over_midnight_leave_their_ends_out(utc: bool) -> None:
    """For nft 22:00-2:30 is `hour != 2:30-22:00`."""
    times = Times(start_time=(22, 0, 0), stop_time=(2, 30, 0), utc=utc)
    begin = NOON + 10 * HOUR - (0 if utc else HOUR)
    end = begin + 4.5 * HOUR
    assert not holds(times, begin + 0.9) and holds(times, begin + 1)
    assert holds(times, end - 0.1) and not holds(times, end)
    assert next_edge([times], begin) == begin + 1


def test_what_counts_is_midnight_in_utc() -> None:
    times = Times(start_time=(0, 30, 0), stop_time=(2, 0, 0))  # 23:30 to 1:00 in UTC
    begin = NOON + 11.5 * HOUR
    assert not holds(times, begin) and holds(times, begin + 1)


@given(st.lists(TIMES, min_size=1, max_size=3), st.integers(0, 365 * DAY), st.lists(st.floats(0, 1), max_size=5))
def test_nothing_changes_before_the_next_edge(every: list[Times], second: int, parts: list[float]) -> None:
    moment = NOON + second
    edge = next_edge(every, moment)
    assert edge is None or edge > moment
    end = moment + DAY if edge is None else edge - 0.001
    for part in (*parts, 1.0):
        then = moment + part * (end - moment)
        assert [holds(times, then) for times in every] == [holds(times, moment) for times in every]


def test_without_times_there_is_no_edge() -> None:
    assert next_edge([Times()], NOON) is None
