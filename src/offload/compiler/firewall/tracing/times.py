"""Whether the times (dates, hours, weekdays) of a rule hold, and when that changes next. Pure.

nft and the kernel compare them so (nft_meta.c): hours and dates by the local time that nft had when the rule was
loaded, or by UTC; days of the week by the kernel's time zone, which is the router's. A time holds until its last second
is over; hours that end before they begin continue on the next day. Hours that do so in UTC hold without their first and
last second, because nft sends them as a negated range.
"""

import time
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator

from offload.model.sections.match import Times

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = (0, 0, 0)
DAY = 86_400  # seconds
AHEAD = 8  # days in which every begin and end of hours and days of the week occurs once


def holds(times: Times, moment: float) -> bool:
    """Whether the times (dates, hours, weekdays) of a rule hold at this moment, in seconds since 1970."""
    local = time.localtime(moment)
    now = time.gmtime(moment) if times.utc else local
    return (
        _within(times.start_date, times.stop_date, tuple(now[:6]))
        and _of_day(times, tuple(now[3:6]), 0 if times.utc else local.tm_gmtoff)
        and (not times.weekdays or (DAYS[local.tm_wday] in times.weekdays) is not times.other_weekdays)
    )


def next_edge(every: Iterable[Times], moment: float) -> float | None:
    """The first moment after `moment` at which one of these times may begin or end; None: there is none.

    Both are in seconds since 1970. Each midnight counts where hours or days of the week are compared, even if nothing
    changes then.
    """
    found = (edge for times in every for edge in _edges(times, moment) if edge > moment)
    return min(found, default=None)


def _within(start: tuple[int, ...], stop: tuple[int, ...], now: tuple[int, ...]) -> bool:
    return (not start or start <= now) and (not stop or now <= stop)


# `now`: (hour, minute, second) of a clock that is `offset` seconds ahead of UTC
def _of_day(times: Times, now: tuple[int, ...], offset: int) -> bool:
    if not times.start_time or not times.stop_time:
        return _within(times.start_time, times.stop_time, now)
    start, stop, second = (_second(each, offset) for each in (times.start_time, times.stop_time, now))
    return start <= second <= stop if start <= stop else second > start or second < stop


# of the day in UTC
def _second(clock: tuple[int, ...], offset: int) -> int:
    hour, minute, second = clock
    return (hour * 3600 + minute * 60 + second - offset) % DAY


# of daily ones those from the day before `moment` to a week after
def _edges(times: Times, moment: float) -> Iterator[float]:
    seconds: Callable[[tuple[int, ...]], float] = _utc if times.utc else _local
    if times.start_date:
        yield seconds(times.start_date)
    if times.stop_date:
        yield seconds(times.stop_date) + 1
    for begin in _daily(times.start_time, seconds, moment):
        yield begin + _over_midnight(times, begin)
    for end in _daily(times.stop_time, seconds, moment):
        yield end + (not _over_midnight(times, end))
    if times.weekdays or times.start_time or times.stop_time:
        yield from _daily(MIDNIGHT, _local if times.weekdays else seconds, moment)


# in UTC; `moment` chooses between summer and winter time
def _over_midnight(times: Times, moment: float) -> bool:
    offset = 0 if times.utc else time.localtime(moment).tm_gmtoff
    both = times.start_time and times.stop_time
    return bool(both) and _second(times.start_time, offset) > _second(times.stop_time, offset)


# When it is `clock` (hour, minute, second) on the day before `moment`, on that day and a week on. `seconds`: (year,
# month, day, hour, minute, second) -> seconds since 1970.
def _daily(clock: tuple[int, ...], seconds: Callable[[tuple[int, ...]], float], moment: float) -> Iterator[float]:
    today = time.localtime(moment)
    for day in range(-1, AHEAD if clock else -1):
        yield seconds((today.tm_year, today.tm_mon, today.tm_mday + day, *clock))


def _local(at: tuple[int, ...]) -> float:
    return time.mktime(time.struct_time((*at, 0, 0, -1)))  # -1: whether it is summer time follows from the date


def _utc(at: tuple[int, ...]) -> float:
    return timegm((*at, 0, 0, 0))
