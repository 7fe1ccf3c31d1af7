"""The file of exempts (traffic kept slow) given at run time, from which the next service takes them. Pure.

JSON: `[{"id": number, "match": {options of config exempt}, "timeout": seconds, "ends": seconds since boot}]`.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from math import ceil
from typing import Any

from offload.errors import OffloadError
from offload.model.plan import TimedExempt
from offload.nouns import replace
from offload.service.bus import arguments
from offload.service.memory.timed_exempts import LAST_SECONDS, MOST, timed_exempt_json

LARGEST_NUMBER = 999_999_999


def written(ends: Mapping[int, tuple[TimedExempt, float]]) -> bytes:
    """The file's content, JSON. `ends`: by number, each exempt with its end in seconds since boot (monotonic)."""
    entries = [{**timed_exempt_json(exempt), "ends": end} for exempt, end in ends.values()]
    return json.dumps([{word: each[word] for word in ("id", "match", "timeout", "ends")} for each in entries]).encode()


def read(content: bytes, zones: Collection[str], now: float) -> tuple[TimedExempt, ...]:
    """The exempts in the file's `content` that end at least LAST_SECONDS (2) after `now` (seconds since boot).

    `expires` of each is the time left, rounded up to seconds. Left out are entries that are not valid, those that name
    a zone not in `zones`, and those after the first MOST (1000). Content that is not JSON gives none.
    """
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError):
        return ()
    found = (_entry(entry, zones, now) for entry in (entries if isinstance(entries, list) else ())[:MOST])
    return tuple({exempt.id: exempt for exempt in found if exempt is not None}.values())


def _entry(entry: object, zones: Collection[str], now: float) -> TimedExempt | None:
    try:
        given = arguments.table("entry", entry)
        number = arguments.number("id", given.get("id"), 1, LARGEST_NUMBER)
        low, high = arguments.SHORTEST_TIMEOUT, arguments.LONGEST_TIMEOUT
        timeout = arguments.number("timeout", given.get("timeout"), low, high)
        exempt = arguments.exempt(arguments.table("match", given.get("match")), zones)
    except OffloadError:
        return None
    left = _seconds(given.get("ends")) - now
    if not LAST_SECONDS <= left <= timeout:
        return None
    return TimedExempt(number, replace(exempt, name=f"run-time {number}", section=""), timeout, ceil(left))


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1 << 53 else float("-inf")


def missing(saved: Iterable[TimedExempt], held: Collection[int]) -> tuple[TimedExempt, ...]:
    """Those of the saved exempts whose numbers are not in `held`, the numbers of those that the kernel still has."""
    return tuple(exempt for exempt in saved if exempt.id not in held)
