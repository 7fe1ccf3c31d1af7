"""Whether the times of a rule hold, and when that changes next. Pure.

nft and the kernel compare them so (nft_meta.c): hours and dates by the local time that nft had when the rule was
loaded, or by UTC; days of the week by the kernel's time zone, which is the router's. A time holds until its last second
is over; hours that end before they begin continue on the next day.
"""

import time
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator

from offload.model.sections.match import Times

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = (0, 0, 0)
AHEAD = 8  # days in which every begin and end of hours and days of the week occurs once


def holds(times: Times, moment: float) -> bool:
    """Whether the times hold at this moment, in seconds since 1970."""
    local = time.localtime(moment)
    now = time.gmtime(moment) if times.utc else local
    return (
        _within(times.start_date, times.stop_date, tuple(now[:6]))
        and _of_day(times.start_time, times.stop_time, tuple(now[3:6]))
        and (not times.weekdays or (DAYS[local.tm_wday] in times.weekdays) is not times.other_weekdays)
    )


def next_edge(every: Iterable[Times], moment: float) -> float | None:
    """The first second after `moment` at which one of the times begins or ends; None: none does."""
    found = (edge for times in every for edge in _edges(times, moment) if edge > moment)
    return min(found, default=None)


def _within(start: tuple[int, ...], stop: tuple[int, ...], now: tuple[int, ...]) -> bool:
    return (not start or start <= now) and (not stop or now <= stop)


def _of_day(start: tuple[int, ...], stop: tuple[int, ...], now: tuple[int, ...]) -> bool:
    if start and stop and stop < start:
        return now >= start or now <= stop
    return _within(start, stop, now)


def _edges(times: Times, moment: float) -> Iterator[float]:
    """All begins and ends; daily ones for the next days."""
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
    return time.mktime(time.struct_time((*at, 0, 0, -1)))  # -1: whether it is summer time follows from the date


def _utc(at: tuple[int, ...]) -> float:
    return timegm((*at, 0, 0, 0))
