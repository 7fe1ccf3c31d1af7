"""Totals of connections that ended, by pair, and the file of them. Pure.

Conntrack forgets a connection's counters when it ends, so only a service that listens to its events can add them up.
The totals have no path: the kernel clears the offload bit before a connection ends.

The file outlives the service, but not a reboot. It is JSON: `since`, `whole`, and `pairs`, each a list of source zone,
destination zone, connections and bytes. Invalid parts are ignored, although only root can write it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from offload.config.choices.options import LONGEST_ZONE_NAME
from offload.model.flow import Entry
from offload.nouns import dataclass, field
from offload.status.lookup.zone_lookup import ZoneLookup
from offload.status.shares import Pair

MOST_PAIRS = 4096  # of 64 zones
LARGEST = (1 << 63) - 1  # largest number of connections or bytes that other programs read as a whole number
LONGEST_TIME = 40  # characters
WORDS = 4  # of a pair in the file


@dataclass(slots=True)
class Totals:
    """How many connections ended, and their bytes, by pair of zones."""

    since: str = ""  # when counting began, ISO 8601
    whole: bool = True  # no ended connection was missed; a flood of events or a restart can lose some
    unsaved: bool = False  # the file lacks the last changes
    next: float = 0.0  # when the file may be written again, in seconds of the clock
    error: str = ""  # why the file could not be written last time
    # pair -> [connections, bytes in both directions]
    _counted: dict[Pair, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, ended: Iterable[Entry], zones: ZoneLookup) -> None:
        """Count ended connections; those with an end whose zone is not known are left out."""
        for entry in ended:
            src, dest = zones.ends(entry)
            if src.zone is not None and dest.zone is not None:
                count = self._counted[src.zone, dest.zone]
                count[0] += 1
                count[1] += sum(entry.bytes or ())
                self.unsaved = True

    def of(self, pair: Pair) -> tuple[int, int]:
        """How many connections of a pair ended, and their bytes in both directions."""
        flows, octets = self._counted.get(pair, (0, 0))
        return flows, octets

    def written(self) -> bytes:
        """The file's content; of more than MOST_PAIRS pairs those with the most bytes."""
        most_bytes = sorted(self._counted.items(), key=lambda item: -item[1][1])[:MOST_PAIRS]
        pairs = [[*pair, *(min(count, LARGEST) for count in counts)] for pair, counts in most_bytes]
        return json.dumps({"since": self.since, "whole": self.whole, "pairs": pairs}).encode()


def read(content: bytes) -> Totals | None:
    """The totals in the file's content; None if it is not JSON or has no valid `since`."""
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or not (since := _time(given.get("since"))):
        return None
    pairs = given.get("pairs")
    found = Totals(since=since, whole=given.get("whole") is True)
    found._counted.update(_pairs(pairs[:MOST_PAIRS] if isinstance(pairs, list) else []))  # noqa: SLF001 - its own kind
    return found


def _time(value: Any) -> str:
    """`since` of the file as ISO 8601 in UTC; empty if it is not a time with its zone."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= LONGEST_TIME else None
        return time.astimezone(UTC).isoformat(timespec="seconds") if time is not None and time.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _pairs(given: list[Any]) -> Iterator[tuple[Pair, list[int]]]:
    for each in given:
        if not isinstance(each, list) or len(each) != WORDS:
            continue
        src, dest, flows, octets = each
        if _is_zone(src) and _is_zone(dest) and _is_count(flows) and _is_count(octets):
            yield (src, dest), [flows, octets]


def _is_zone(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_ZONE_NAME and value.isprintable()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST
