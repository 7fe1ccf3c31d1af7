"""Parse numbers, rates and times as fw4 does: a string to a value; None if it is not valid.

Source: openwrt/firewall4, fw4.uc, parse_*.
"""

import re

from offload.config.fw4.options.fw4_words import enum, negation
from offload.model.sections.match import Limit

LONGEST_TIMEOUT = 99_999_999  # seconds, three years: nft takes no more digits (time_parse(), nftables src/datatype.c)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = ("second", "minute", "hour", "day")
_LIMIT = r"([0-9]{1,9})(?:/([a-z]+))?"
_NUMBER = r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}"
_DATE = r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:T([0-9:]+))?)?)?"
_TIME = r"([0-9]{1,2})(?::([0-9]{1,2})(?::([0-9]{1,2}))?)?"


def limit(value: str) -> Limit | None:
    """A rate `n[/unit]` above 0; `!` before it means above the rate. None: not valid. The burst is 0, nft's default.

    Units are second (if none is given), minute, hour and day; the first letters are enough.
    """
    name, negated = negation(value)
    found = re.fullmatch(_LIMIT, name)
    unit = enum(*_UNITS)(found[2] or "second") if found else None
    return Limit(int(found[1]), unit, negated) if found and unit and int(found[1]) else None


def number(value: str) -> int | None:
    """A whole number from 0: at most 10 decimal digits, or 0x and at most 8 hexadecimal ones; None for other text."""
    found = re.fullmatch(_NUMBER, value)
    return int(value, 16 if value[:2] in {"0x", "0X"} else 10) if found else None


def timeout(value: str) -> int | None:
    """A number of seconds (LONGEST_TIMEOUT for a larger one), or -1, which means no timeout; None: not valid."""
    seconds = -1 if value == "-1" else number(value)
    return None if seconds is None else min(seconds, LONGEST_TIMEOUT)


def date(value: str) -> tuple[int, ...] | None:
    """`YYYY[-MM[-DD[Thh[:mm[:ss]]]]]` from 1970 to 2038 as (year, month, day, hour, minute, second); None: not valid.

    Absent parts are the lowest: 1 for month and day, otherwise 0.
    """
    found = re.fullmatch(_DATE, value)
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    clock = time(found[4] or "0")
    inside = 1970 <= year <= 2038 and 1 <= month <= 12 and 1 <= day <= _days(year, month)  # noqa: PLR2004 - a calendar
    return (year, month, day, *clock) if clock and inside else None


def _days(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def time(value: str) -> tuple[int, ...] | None:
    """`hh[:mm[:ss]]` as (hour, minute, second); absent parts are 0. None: not valid."""
    found = re.fullmatch(_TIME, value)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    return (hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None  # noqa: PLR2004 - a clock


def weekdays(value: str) -> tuple[tuple[str, ...], bool] | None:
    """Days of the week as (names in the order from Monday, whether `!` is before the first); None: not valid.

    Words are separated by blanks; each means the first day that begins with it, in any case (`t`: Tuesday).
    """
    names, negated = negation(value)
    found = [enum(*_DAYS)(name) for name in names.split()]
    if not found or None in found:
        return None
    return tuple(day for day in _DAYS if day in found), negated
