"""Which pairs and devices hardware is no longer asked for, because it took none of their flows. Pure, time is input.

Asking a driver costs a call into it for every flow, and a driver that takes one direction only makes a flow half fast.
Nothing is written to flash: another kernel or firmware comes with a restart, which asks anew, and so does a reload.
"""

from collections.abc import Collection, Mapping

from offload.model.network import GivenUp
from offload.nouns import dataclass, field
from offload.status.hardware.pair_hardware import PairHardware

FLOWS = 20  # that were asked for, none of which was taken
FAMILIES = ("ipv4", "ipv6")
SECONDS = 60.0  # for which such flows moved
Pair = tuple[str, str]


@dataclass(slots=True)
class GiveUp:
    """The verdicts that stand, each with the time at which hardware is asked again."""

    changed: bool = False  # since the last `news`
    _until: dict[GivenUp, float] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[GivenUp, ...]:
        """The devices that hardware is not requested for now, in the order of the verdicts."""
        return tuple(self._until)

    @property
    def due(self) -> float | None:
        """When hardware is asked again for the first of them; None: nothing was given up."""
        return min(self._until.values(), default=None)

    def judge(
        self, pairs: Mapping[Pair, PairHardware], ports: Mapping[str, PairHardware], now: float, retry: float
    ) -> tuple[GivenUp, ...]:
        """Give up the devices whose flows hardware does not take, for `retry` seconds; returns the new ones.

        Of a pair one family is given up where the other is in hardware. A device is given up where other devices of its
        pairs take flows of the same family: else it is not the device.
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
        """Those for which hardware is to be asked again; they are forgotten."""
        over = tuple(each for each, until in self._until.items() if until <= now)
        for each in over:
            del self._until[each]
        self.changed |= bool(over)
        return over

    def news(self) -> bool:
        """Whether a pass has to follow: something else is asked for since this was called last."""
        changed, self.changed = self.changed, False
        return changed

    def follow(self, pairs: Collection[Pair], links: Collection[str]) -> None:
        """Forget pairs that ask for hardware no more, and devices that went away: another driver may come with them."""
        self._until = {each: until for each, until in self._until.items() if each.pair in pairs or each.device in links}

    def forget(self) -> None:
        """Ask hardware for everything again."""
        self._until.clear()


def hopeless(case: PairHardware, families: Collection[str] = FAMILIES) -> bool:
    """Whether enough flows of these families were asked for, long enough, and hardware takes none, then or now."""
    if case.taken or case.in_hardware:
        return False
    return _asked(case, families) >= FLOWS and sum(case.busy.get(each, 0.0) for each in families) >= SECONDS


def hopeless_families(case: PairHardware) -> list[str]:
    """The families of which enough flows were asked for and none was taken, while hardware takes the other one."""
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
