"""Exempts (traffic kept slow) given at run time, until they end. Pure; the caller gives the time.

The kernel ends each by its own timeout. This list serves to fill the sets again when their table is created again.
"""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from offload.model.plan import Plan, TimedExempt
from offload.model.sections.exempts import Exempt, match_json
from offload.nouns import dataclass, field

MOST = 1000
# The kernel may remove the element at any moment; to send it again would create its table again for nothing.
LAST_SECONDS = 2.0


@dataclass(slots=True)
class TimedExempts:
    """The exempts given at run time, each with its number and end; ended ones stay until `ended` is called.

    `now` is in monotonic seconds.
    """

    _ends: dict[int, tuple[TimedExempt, float]] = field(default_factory=dict)
    _last: int = 0  # a number is never given twice: elements of sets are distinguished by it

    def adopt(self, timed_exempts: Iterable[TimedExempt], now: float) -> None:
        """Add exempts that kernel or file already have, with their numbers; each ends `expires` seconds after `now`.

        One with the same number is replaced. Later numbers are above all of these. The limit MOST (1000) is not
        applied.
        """
        for timed_exempt in timed_exempts:
            self._ends[timed_exempt.id] = timed_exempt, now + timed_exempt.expires
            self._last = max(self._last, timed_exempt.id)

    def add(self, exempt: Exempt, timeout: int, now: float) -> int:
        """Add an exempt that ends `timeout` seconds after `now`; gives its new number. The kernel is not changed.

        An earlier one for the same traffic (zones and match) is removed. The limit MOST (1000) is not applied: the
        caller asks `full` first.
        """
        same = _traffic(exempt)
        self._ends = {key: each for key, each in self._ends.items() if _traffic(each[0].exempt) != same}
        self._last += 1
        self._ends[self._last] = TimedExempt(self._last, exempt, timeout, timeout), now + timeout
        return self._last

    @property
    def ends(self) -> Mapping[int, tuple[TimedExempt, float]]:
        """The exempts by number, each with its end in monotonic seconds, perhaps in the past; a copy, for `restore`."""
        return dict(self._ends)

    def restore(self, before: Mapping[int, tuple[TimedExempt, float]]) -> None:
        """Go back to the exempts of `before`, a copy from `ends`; numbers given since are not used again."""
        self._ends = dict(before)

    def delete(self, number: int) -> bool:
        """Remove the exempt with this number from this list, not from the kernel; gives whether it was there."""
        return self._ends.pop(number, None) is not None

    def living(self, now: float) -> tuple[TimedExempt, ...]:
        """The exempts with at least LAST_SECONDS (2) to go at `now`; the others stay in the list.

        Their `expires` are the seconds left, rounded up.
        """
        return tuple(
            TimedExempt(number, timed_exempt.exempt, timed_exempt.timeout, ceil(end - now))
            for number, (timed_exempt, end) in self._ends.items()
            if end - now >= LAST_SECONDS
        )

    def ended(self, now: float) -> bool:
        """Remove the exempts that have ended at `now` from this list; gives whether there was one.

        Then the caller requests a pass, which removes their empty nft sets.
        """
        left = {number: each for number, each in self._ends.items() if each[1] > now}
        news, self._ends = len(left) < len(self._ends), left
        return news

    def next_end(self) -> float | None:
        """When the next exempt ends, in monotonic seconds; None: there is none."""
        return min((end for _, end in self._ends.values()), default=None)

    def full(self, exempt: Exempt) -> bool:
        """Whether the list would have more exempts than are allowed (MOST, 1000) with this one.

        One for the same traffic, which it would replace, does not count; ended ones count until `ended` is called.
        """
        same = _traffic(exempt)
        return sum(_traffic(each.exempt) != same for each, _ in self._ends.values()) >= MOST


def _traffic(exempt: Exempt) -> tuple[object, ...]:
    # zones and match, without the name
    return tuple(getattr(exempt, name) for name in Exempt.__slots__ if name not in {"name", "section"})


def with_timed_exempts(plan: Plan) -> set[int]:
    """The numbers of all exempts given at run time that are in a table of the Plan; empty: none."""
    return {match.timed_exempt.id for table in plan.tables for match in table.exempts if match.timed_exempt}


def timed_exempt_json(timed_exempt: TimedExempt) -> dict[str, Any]:
    """An exempt given at run time as JSON: `id`, `match` (options of `config exempt`), `timeout` and `expires`.

    `timeout`: seconds in all. `expires`: seconds left when `timed_exempt` was made.
    """
    return {
        "id": timed_exempt.id,
        "match": match_json(timed_exempt.exempt),
        "timeout": timed_exempt.timeout,
        "expires": timed_exempt.expires,
    }
