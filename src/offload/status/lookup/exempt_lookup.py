"""Find the exempts (conditions for traffic that stays slow) that a connection meets, as conntrack shows it. Pure."""

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
    """An exempt, and the tests of a conntrack entry that are made of its conditions.

    A test is (function that reads a value of the entry, function that gives whether the value meets the condition).
    """

    match: ExemptMatch
    conditions: tuple[tuple[Callable[[Entry], Any], Callable[[Any], bool]], ...]

    @classmethod
    def of(cls, match: ExemptMatch) -> "ExemptTest":
        """Make the tests for the conditions of an exempt that conntrack shows: addresses, ports and protocol.

        If the exempt has `connmark`, there is one more: that the connection's mark is not 0.
        """
        conditions = match.exempt.match
        given = [(each.conntrack, each.test(conditions)) for each in IN_CONNTRACK if each.given(conditions)]
        marked = [(attrgetter("mark"), bool)] if match.connmark else []
        return cls(match, tuple((value, among) for value, among in (*given, *marked) if value))

    def means(self, entry: Entry) -> bool:
        """Whether the original direction of a connection (after DNAT) passes all tests.

        Conditions without a test (devices, MAC, DSCP, the packet's mark) count as met.
        """
        return all(among(value(entry)) for value, among in self.conditions)


class ExemptLookup:
    """Finds the exempts in a Plan's tables that a connection meets, but not those by MAC, DSCP or the packet's mark."""

    def __init__(self, plan: Plan) -> None:
        self._devices: Mapping[str, set[str]] = {zone.name: set(zone.devices) for zone in plan.zones}
        self._tests = {
            table.mode: [ExemptTest.of(match) for match in table.exempts if _shown_by_conntrack(match.exempt.match)]
            for table in plan.tables
        }

    def concerns(self, pair: PairDecision) -> bool:
        """Whether the table of the pair's effective mode has any exempt that this class finds, even for other pairs.

        False if the pair's effective mode is none.
        """
        return bool(self._tests.get(pair.effective))

    def reasons(self, entry: Entry, pair: PairDecision) -> Iterator[Reason]:
        """A Reason for each exempt that the connection meets, in the table of the pair's effective mode.

        IN_SUBNETS for an exempt that the compiler made for a zone of subnets; else EXEMPTED. A condition on devices
        counts as met if the pair's zone has one of them. Nothing if the effective mode is none.
        """
        for test in self._tests.get(pair.effective, ()):
            match = test.match
            if self._on(pair.src, match.iifs) and self._on(pair.dest, match.oifs) and test.means(entry):
                yield (
                    ReasonCode.IN_SUBNETS(zone=match.called) if match.zone else ReasonCode.EXEMPTED(exempt=match.called)
                )

    def _on(self, zone: str, devices: tuple[str, ...]) -> bool:
        return not devices or not self._devices.get(zone, set()).isdisjoint(devices)


def _shown_by_conntrack(match: Match) -> bool:
    return all(each.conntrack or not each.given(match) for each in FIELDS)
