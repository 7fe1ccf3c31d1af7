"""Which elements of the Plan's tables a connection may use: a pair need not be offloaded on all its devices. Pure."""

from collections.abc import Iterator
from itertools import product

from offload.model.config import Family, Mode
from offload.model.flow import Entry
from offload.model.plan import PairDecision, Plan, PolicyKey
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import family_of
from offload.status.lookup.zone_lookup import Endpoint

# Reasons why a pair is slower on some of its devices
OF_A_PART = {ReasonCode.EXCLUDED_BY_USER, ReasonCode.SHARED_DEVICES, ReasonCode.SHARED_FAMILY}


class DevicePairs:
    """Finds the elements of a Plan's maps, each for a pair of devices, that a connection may use."""

    def __init__(self, plan: Plan) -> None:
        self._policies = {
            (element.iif, element.oif): (table.mode, element.policy)
            for table in plan.tables
            for element in table.elements
        }

    def slower(
        self, entry: Entry, src: Endpoint, dest: Endpoint, pair: PairDecision, mode: Mode = Mode.HARDWARE
    ) -> Iterator[Reason]:
        """Those Reasons of the pair why a connection on these devices is slower than `mode`; none if it is not.

        It is not slower if a table with this mode or a faster one has an element for its devices and its family. If
        elements for its devices are all for the other family, the only Reason is SHARED_FAMILY; without any element,
        or if its devices are not known, all of the pair's Reasons in OF_A_PART are given.
        """
        family = Family(family_of(entry.original))
        found = self._found(src, dest)
        modes = [had for had, policy in found if Family(policy.family) in {Family.ANY, family}]
        if max(modes, default=Mode.NONE) < mode:
            codes = {ReasonCode.SHARED_FAMILY} if found and not modes else OF_A_PART
            yield from (reason for reason in pair.reasons if reason.code in codes)

    def after(self, src: Endpoint, dest: Endpoint, pair: PairDecision) -> int:
        """The packets that the opener of a connection must send before it is offloaded.

        Of several elements that it may use the smallest number counts, so that no flow is reported as waiting that
        could be offloaded. If there is no element for its devices, or they are not known, it is the pair's number.
        """
        waits = [policy.after_packets for _, policy in self._found(src, dest)]
        return min(waits, default=pair.after_packets)

    def _found(self, src: Endpoint, dest: Endpoint) -> list[tuple[Mode, PolicyKey]]:
        ways = product(src.devices, dest.devices)
        return [self._policies[way] for way in ways if way in self._policies]
