"""Pairs (zone > zone) and devices that hardware is no longer requested for, because it took none of their flows.

Pure, time is input. Each flow costs a call into the driver, and a driver that takes only one direction makes a flow
only half as fast. Nothing is written to flash: hardware is requested again after a restart, a reload, and the hours of
`hardware_retry`.
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
    """Pairs and devices that hardware is not requested for, for a time, because it took none of their flows.

    Of some pairs it is only one family. A pass, which plans the kernel's tables anew, asks `given_up`.
    """

    changed: bool = False  # since the last `news`
    _until: dict[GivenUp, float] = field(default_factory=dict)  # by pair or device, in monotonic seconds

    @property
    def given_up(self) -> tuple[GivenUp, ...]:
        """The pairs, one family of pairs, and devices for which hardware is not requested now, oldest first."""
        return tuple(self._until)

    @property
    def due(self) -> float | None:
        """When hardware is requested for the first of them again, in monotonic seconds; None: nothing is given up."""
        return min(self._until.values(), default=None)

    def judge(
        self, pairs: Mapping[Pair, PairHardware], ports: Mapping[str, PairHardware], now: float, retry: float
    ) -> tuple[GivenUp, ...]:
        """Give up hardware for the pairs and devices of whose flows it took none, for `retry` seconds; gives new ones.

        `pairs`, `ports`: what live flows showed of each pair and device. One that is given up already keeps its time.
        If hardware takes one family (IPv4, IPv6) of a pair, only the other is given up. Against a device count only
        families that hardware takes of some pair; if it takes none at all, no device is given up, as devices are not
        the cause. `now`: monotonic seconds.
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
        """Remove and return those whose time is over at `now` (monotonic): the next pass requests hardware for them."""
        over = tuple(each for each, until in self._until.items() if until <= now)
        for each in over:
            del self._until[each]
        self.changed |= bool(over)
        return over

    def news(self) -> bool:
        """Whether `judge` or `ended` gave something since the last call of this: then a pass has to follow."""
        changed, self.changed = self.changed, False
        return changed

    def follow(self, pairs: Collection[Pair], links: Collection[str]) -> None:
        """Forget pairs that are not in `pairs` (which request hardware), and devices not in `links` (which exist).

        A pair whose family is given up is forgotten in the same way. `news` does not tell of it.
        """
        self._until = {each: until for each, until in self._until.items() if each.pair in pairs or each.device in links}

    def forget(self) -> None:
        """Forget all that is given up: the next pass requests hardware for it again. `news` does not tell of it."""
        self._until.clear()


def hopeless(case: PairHardware, families: Collection[str] = FAMILIES) -> bool:
    """Whether hardware never took a flow, while FLOWS (20) or more of these families moved in software for a minute.

    `case`: what live flows showed of a pair or device. Moved: packets of theirs were counted. The minute is the sum
    over the families.
    """
    if case.taken or case.in_hardware:
        return False
    return _asked(case, families) >= FLOWS and sum(case.busy.get(each, 0.0) for each in families) >= SECONDS


def hopeless_families(case: PairHardware) -> list[str]:
    """The families (ipv4, ipv6) of which FLOWS or more moved in software, for SECONDS in all, and none in hardware.

    Only if hardware took the other family: otherwise the whole pair is judged, by `hopeless`. Empty: there is none.
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
