"""Find the exempts that keep a connection slow, as far as conntrack shows their conditions. Pure."""

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from offload.model.flow import Entry
from offload.model.plan import ExemptMatch, PairDecision, Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.sections.fields import FIELDS, IN_CONNTRACK
from offload.model.sections.match import Match
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class ExemptTest:
    """An exempt as tests of a conntrack entry, one for each of its conditions."""

    match: ExemptMatch
    conditions: tuple[tuple[Callable[[Entry], Any], Callable[[Any], bool]], ...]

    @classmethod
    def of(cls, match: ExemptMatch) -> "ExemptTest":
        """The tests of those conditions that conntrack shows."""
        conditions = match.exempt.match
        given = [(each.conntrack, each.test(conditions)) for each in IN_CONNTRACK if each.given(conditions)]
        marked = [(attrgetter("mark"), bool)] if match.connmark else []
        return cls(match, tuple((value, among) for value, among in (*given, *marked) if value))

    def means(self, entry: Entry) -> bool:
        """Whether the connection meets the exempt's conditions: addresses, ports (after DNAT), protocol, connmark.

        Only its original direction counts. Devices, MAC, DSCP and packet mark are not compared: they count as met.
        """
        return all(among(value(entry)) for value, among in self.conditions)


class ExemptLookup:
    """Finds the exempts in a Plan's tables that match a connection."""

    def __init__(self, plan: Plan) -> None:
        self._devices: Mapping[str, set[str]] = {zone.name: set(zone.devices) for zone in plan.zones}
        self._tests = {
            table.mode: [ExemptTest.of(match) for match in table.exempts if _in_conntrack(match.exempt.match)]
            for table in plan.tables
        }

    def concerns(self, pair: PairDecision) -> bool:
        """Whether the table of the pair's effective mode has any exempt all of whose conditions conntrack shows.

        It need not be one for this pair. False if the pair's mode is none.
        """
        return bool(self._tests.get(pair.effective))

    def reasons(self, entry: Entry, pair: PairDecision) -> Iterator[Reason]:
        """A Reason for each exempt that matches the connection, in the table of the pair's effective mode.

        The devices of an exempt match if the pair's zone has one of them. Exempts by MAC, DSCP or packet mark are left
        out, because conntrack does not show these. Empty if the pair's mode is none.
        """
        for test in self._tests.get(pair.effective, ()):
            match = test.match
            if self._on(pair.src, match.iifs) and self._on(pair.dest, match.oifs) and test.means(entry):
                yield ReasonCode.EXEMPTED(exempt=match.called)

    def _on(self, zone: str, devices: tuple[str, ...]) -> bool:
        return not devices or not self._devices.get(zone, set()).isdisjoint(devices)


def _in_conntrack(match: Match) -> bool:
    """Whether conntrack shows all conditions of the exempt: it has no MAC, DSCP or packet mark."""
    return all(each.conntrack or not each.given(match) for each in FIELDS)
