"""The file of totals, which outlives the service, but not a reboot. Pure.

JSON: `{"since", "whole", "pairs": [[source zone, destination zone, *numbers]], "hosts": [[address, *numbers]],
"others": numbers}`; the numbers are those of Counts. Invalid parts are ignored.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, TypeVar

from offload.config.choices.options import LONGEST_ZONE_NAME
from offload.service.counting.totals import MOST_HOSTS, MOST_PAIRS, Totals
from offload.status.counts import WIDTH, Counts

LARGEST = (1 << 63) - 1  # largest number that other programs read as a whole number
LONGEST_TIME = 40  # characters

Key = TypeVar("Key")


def written(totals: Totals) -> bytes:
    """The file's content, JSON in bytes, with at most MOST_PAIRS (4096) pairs and MOST_HOSTS (512) hosts.

    These are the ones with the most bytes.
    """
    pairs = [[*pair, *_numbers(counts)] for pair, counts in _largest(totals.pairs.items(), MOST_PAIRS)]
    hosts = [[str(ip_address(host)), *_numbers(counts)] for host, counts in _largest(totals.hosts.items(), MOST_HOSTS)]
    found = {"since": totals.since, "whole": totals.whole, "pairs": pairs, "hosts": hosts}
    return json.dumps(found | {"others": _numbers(totals.others)}).encode()


def read(content: bytes) -> Totals | None:
    """The totals in the file's content; None if it is not JSON or has no valid `since` (a time with a time zone).

    Other invalid parts are left out, and pairs after the first MOST_PAIRS (4096) and hosts after the first MOST_HOSTS
    (512). `whole` is as the file has it.
    """
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or not (since := _time(given.get("since"))):
        return None
    found = Totals(since=since, whole=given.get("whole") is True)
    found.pairs.update(_pairs(_lines(given.get("pairs"), MOST_PAIRS)))
    found.hosts.update(_hosts(_lines(given.get("hosts"), MOST_HOSTS)))
    if others := _counts(given.get("others")):
        found.others.merge(others)
    return found


def _largest(counted: Iterable[tuple[Key, Counts]], most: int) -> list[tuple[Key, Counts]]:
    return sorted(counted, key=lambda each: -sum(each[1].octets))[:most]


def _numbers(counts: Counts) -> list[int]:
    return [min(number, LARGEST) for number in counts.numbers]


def _time(value: Any) -> str:
    # one form of a time for all, so that it can be shown
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= LONGEST_TIME else None
        return time.astimezone(UTC).isoformat(timespec="seconds") if time is not None and time.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _lines(given: Any, most: int) -> Iterator[list[Any]]:
    return (each for each in (given[:most] if isinstance(given, list) else ()) if isinstance(each, list))


def _pairs(lines: Iterable[list[Any]]) -> Iterator[tuple[tuple[str, str], Counts]]:
    for line in lines:
        counts = _counts(line[2:])
        if counts and all(map(_is_zone, line[:2])):
            yield (line[0], line[1]), counts


def _hosts(lines: Iterable[list[Any]]) -> Iterator[tuple[bytes, Counts]]:
    for line in lines:
        counts = _counts(line[1:])
        if counts and isinstance(line[0], str):
            try:
                yield ip_address(line[0]).packed, counts
            except ValueError:
                continue


def _counts(given: Any) -> Counts | None:
    whole = isinstance(given, list) and len(given) == WIDTH and all(map(_is_count, given))
    return Counts.of(given) if whole else None


def _is_zone(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ZONE_NAME and value.isprintable()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST
