"""Judge whether hardware forwards the flows of each pair of zones and each device. Pure."""

from collections.abc import Iterable, Mapping

from offload.model.config import Mode
from offload.model.plan import HARDWARE_TABLE, DeviceDecision, PairDecision
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import dataclass, field
from offload.status.hardware.pair_hardware import PairHardware, Verdict
from offload.status.shares import Pair

HARDWARE_FLOWTABLE = HARDWARE_TABLE[1]
# With one of these Reasons hardware is not possible at present (REQUESTED).
PASSING = {
    ReasonCode.OFFLOAD_DISABLED,
    ReasonCode.FW4_OFFLOADS,
    ReasonCode.NO_FIREWALL,
    ReasonCode.LINK_MISSING,
    ReasonCode.NETWORK_DOWN,
    ReasonCode.ZONE_WITHOUT_DEVICES,
    ReasonCode.NOT_APPLIED,
    ReasonCode.NO_FLOWTABLE,
    ReasonCode.FLOWTABLE_FULL,
}
# The kernel sees its packets at other devices, so its own driver is not needed.
ELSEWHERE = {
    ReasonCode.BRIDGE_UNDER_VLAN,
    ReasonCode.BOND_MEMBER,
    ReasonCode.DSA_CONDUIT,
    ReasonCode.NOT_FOLLOWED,
    ReasonCode.PPPOE_PARENT,
    ReasonCode.HOOKED_ABOVE,
    ReasonCode.TOO_DEEP,
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What samples of live flows showed of hardware: of pairs of zones (`cases`), and of devices (`ports`, by name).

    `cases` also has pairs that left hardware, while a driver may still forward their flows.
    """

    cases: Mapping[Pair, PairHardware] = field(default_factory=dict)
    ports: Mapping[str, PairHardware] = field(default_factory=dict)

    def of_pair(self, pair: PairDecision) -> Verdict:
        """The verdict on a pair: if it is in hardware, that of its flows (BOUND without samples), else by its Reasons.

        - NONE: hardware was not requested for it, or it is `always_slow` (PairDecision);
        - REFUSED: the service gave hardware up for it;
        - REQUESTED: it has a Reason in PASSING (a network is down, a device is missing, ...), or none;
        - IMPOSSIBLE: it has only other Reasons.
        """
        case = self.cases.get((pair.src, pair.dest))
        if pair.effective is Mode.HARDWARE:
            return case.verdict if case else Verdict.BOUND
        return _without_hardware(pair.reasons) if pair.hardware else Verdict.NONE

    def of_device(self, device: DeviceDecision) -> Verdict:
        """The verdict on a device: if a hardware flowtable lists it or devices below it, by flows, else by its Reasons.

        By flows it is the verdict in `ports` (BOUND without samples), with two exceptions. BOUND becomes PROVEN if the
        device is under no bridge and the counters of a pair of its zones are `frozen`; PROVEN becomes REFUSED if each
        pair of its zones in `cases` is REFUSED. By its Reasons it is as in `of_pair`, but NONE if hardware was not
        requested for it, or the kernel sees its packets at another device (ELSEWHERE).
        """
        codes = {reason.code for reason in device.reasons}
        if HARDWARE_FLOWTABLE not in device.flowtables and ReasonCode.HARDWARE_BENEATH not in codes:
            asked = device.hardware and not codes & ELSEWHERE
            return _without_hardware(device.reasons) if asked else Verdict.NONE
        zones = set(device.zones)
        cases = [case for pair, case in self.cases.items() if zones & set(pair)]
        own = self.ports[device.name].verdict if device.name in self.ports else Verdict.BOUND
        if own is Verdict.BOUND and any(case.frozen and device.name in case.unbridged for case in cases):
            return Verdict.PROVEN  # it receives routed packets that the processor does not count
        if own is Verdict.PROVEN and {case.verdict for case in cases} == {Verdict.REFUSED}:
            return Verdict.REFUSED  # all its pairs show that the kernel's mark is wrong
        return own


NO_VERDICTS = Verdicts()


def _without_hardware(reasons: Iterable[Reason]) -> Verdict:
    codes = {reason.code for reason in reasons}
    if ReasonCode.HARDWARE_GIVEN_UP in codes:
        return Verdict.REFUSED
    return Verdict.REQUESTED if codes & PASSING or not codes else Verdict.IMPOSSIBLE
