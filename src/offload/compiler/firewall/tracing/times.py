"""When the times of a rule hold, and when that changes next. Pure.

As nft and the kernel compare them (nft_meta.c): an hour and a date by the local time that nft had when the rule was
loaded, or by UTC; a day of the week by the time zone that the kernel was given, which is the router's. A span holds
until its last second is over; one of hours that ends before it begins goes on until the next day.
"""

import time
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator

from offload.model.sections.match import Times

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = (0, 0, 0)
AHEAD = 8  # days in which every edge of hours and days of the week has come once


def holds(times: Times, moment: float) -> bool:
    """Whether a packet at this moment, in seconds since 1970, meets them."""
    local = time.localtime(moment)
    now = time.gmtime(moment) if times.utc else local
    return (
        _within(times.start_date, times.stop_date, tuple(now[:6]))
        and _of_day(times.start_time, times.stop_time, tuple(now[3:6]))
        and (not times.weekdays or (DAYS[local.tm_wday] in times.weekdays) is not times.other_weekdays)
    )


def next_edge(every: Iterable[Times], moment: float) -> float | None:
    """The first second after `moment` at which one of them begins or ends to hold; None: none ever does."""
    found = (edge for times in every for edge in _edges(times, moment) if edge > moment)
    return min(found, default=None)


def _within(start: tuple[int, ...], stop: tuple[int, ...], now: tuple[int, ...]) -> bool:
    return (not start or start <= now) and (not stop or now <= stop)


def _of_day(start: tuple[int, ...], stop: tuple[int, ...], now: tuple[int, ...]) -> bool:
    if start and stop and stop < start:
        return now >= start or now <= stop
    return _within(start, stop, now)


def _edges(times: Times, moment: float) -> Iterator[float]:
    """Begins and ends; of those that come every day the ones of the next days."""
    seconds: Callable[[tuple[int, ...]], float] = _utc if times.utc else _local
    if times.start_date:
        yield seconds(times.start_date)
    if times.stop_date:
        yield seconds(times.stop_date) + 1
    hours = [(times.start_time, 0), (times.stop_time, 1)]
    if times.weekdays or times.start_time or times.stop_time:
        yield from _daily([(each, later) for each, later in hours if each], seconds, moment)
        yield from _daily([(MIDNIGHT, 0)], _local if times.weekdays else seconds, moment)


def _daily(
    hours: Iterable[tuple[tuple[int, ...], int]], seconds: Callable[[tuple[int, ...]], float], moment: float
) -> Iterator[float]:
    today = time.localtime(moment)
    for hour, later in hours:
        for day in range(-1, AHEAD):
            yield seconds((today.tm_year, today.tm_mon, today.tm_mday + day, *hour)) + later


def _local(at: tuple[int, ...]) -> float:
    return time.mktime(time.struct_time((*at, 0, 0, -1)))  # -1: summer time as the day has it


def _utc(at: tuple[int, ...]) -> float:
    return timegm((*at, 0, 0, 0))
