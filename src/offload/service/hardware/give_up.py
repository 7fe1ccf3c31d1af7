"""Pairs (zone > zone) and devices that hardware is no longer requested for, because it took none of their flows.

Pure; the caller gives the time. Nothing is stored: hardware is requested again after the hours of `hardware_retry`, a
reload, or a restart of the service.
"""

from collections.abc import Collection, Mapping

from offload.model.network import GivenUp
from offload.nouns import dataclass, field
from offload.status.hardware.pair_hardware import PairHardware

FLOWS = 20  # flows that hardware was requested for and did not take
FAMILIES = ("ipv4", "ipv6")
SECONDS = 60.0  # for which such flows moved
Pair = tuple[str, str]


@dataclass(slots=True)
class GiveUp:
    """Pairs, families (ipv4, ipv6) of a pair, and devices that hardware is not requested for, for a time."""

    changed: bool = False  # since the last `news`
    _until: dict[GivenUp, float] = field(default_factory=dict)  # by pair or device, in monotonic seconds

    @property
    def given_up(self) -> tuple[GivenUp, ...]:
        """The pairs, families of a pair, and devices for which hardware is not requested now, oldest first."""
        return tuple(self._until)

    @property
    def due(self) -> float | None:
        """When hardware is requested for the first of them again, in monotonic seconds; None: nothing is given up."""
        return min(self._until.values(), default=None)

    def judge(
        self, pairs: Mapping[Pair, PairHardware], ports: Mapping[str, PairHardware], now: float, retry: float
    ) -> tuple[GivenUp, ...]:
        """Give up hardware for `retry` seconds where it took none of the flows; gives what is given up by this call.

        `pairs`, `ports`: what live flows showed of each pair and device. What is given up already keeps its time. If
        hardware takes one family (IPv4, IPv6) of a pair, the other one may be given up. A device is judged by the
        families that hardware takes of some pair; if there is none, no device is given up. `now`: monotonic seconds.
        """
        found = [GivenUp(_asked(case), pair=pair) for pair, case in pairs.items() if hopeless(case)]
        found += [
            GivenUp(len(case.stayed[family]), pair=pair, family=family)
            for pair, case in pairs.items()
            for family in hopeless_families(case)
        ]
        taken = frozenset(family for case in pairs.values() for family in case.taken)
        found += [
            GivenUp(_asked(case, taken), device=name) for name, case in ports.items() if taken and hopeless(case, taken)
        ]
        known = {each.name for each in self._until}
        fresh = tuple(each for each in found if each.name not in known)
        self._until |= dict.fromkeys(fresh, now + retry)
        self.changed |= bool(fresh)
        return fresh

    def ended(self, now: float) -> tuple[GivenUp, ...]:
        """Remove and return what has been given up until `now` (monotonic): the next pass requests hardware for it."""
        over = tuple(each for each, until in self._until.items() if until <= now)
        for each in over:
            del self._until[each]
        self.changed |= bool(over)
        return over

    def news(self) -> bool:
        """Whether `judge` or `ended` changed what is given up since the last call; then a pass has to follow."""
        changed, self.changed = self.changed, False
        return changed

    def follow(self, pairs: Collection[Pair], links: Collection[str]) -> None:
        """Forget pairs not in `pairs` (those with mode hardware), and devices not in `links` (those that exist).

        A family of a pair is forgotten with its pair. `news` does not tell of it.
        """
        self._until = {each: until for each, until in self._until.items() if each.pair in pairs or each.device in links}

    def forget(self) -> None:
        """Forget all that is given up: the next pass requests hardware for it again. `news` does not tell of it."""
        self._until.clear()


def hopeless(case: PairHardware, families: Collection[str] = FAMILIES) -> bool:
    """Whether hardware took no flow of any family, while FLOWS (20) or more of `families` moved in software.

    `case`: what live flows showed of a pair or device. Moved: their packet counters grew. The seconds in which some of
    them moved, added up over `families`, must be SECONDS (60) or more.
    """
    if case.taken or case.in_hardware:
        return False
    return _asked(case, families) >= FLOWS and sum(case.busy.get(each, 0.0) for each in families) >= SECONDS


def hopeless_families(case: PairHardware) -> list[str]:
    """The families (ipv4, ipv6) of which hardware took no flow, while it took flows of the other family.

    Of each of them FLOWS (20) or more flows moved in software, and the seconds in which some of these moved are SECONDS
    (60) or more. If hardware took neither family, `hopeless` judges the whole pair.
    """
    return [
        family
        for family, flows in case.stayed.items()
        if case.taken - {family}
        and family not in case.taken
        and len(flows) >= FLOWS
        and case.busy.get(family, 0.0) >= SECONDS
    ]


def _asked(case: PairHardware, families: Collection[str] = FAMILIES) -> int:
    return sum(len(case.stayed.get(each, ())) for each in families)
