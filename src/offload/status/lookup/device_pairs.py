"""Find why a connection gets a slower mode on its own devices than its pair of zones has. Pure.

Also: after how many packets it is offloaded.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from offload.model.config import Family, Mode
from offload.model.flow import Entry
from offload.model.network import Snapshot
from offload.model.plan import PairDecision, Plan, PolicyKey
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import family_of
from offload.status.lookup.zone_lookup import Endpoint

# Reasons why a pair is slower on some of its devices
LEFT_OUT = {ReasonCode.EXCLUDED_BY_USER, ReasonCode.HOOKED_ABOVE}
OF_A_PART = LEFT_OUT | {ReasonCode.SHARED_DEVICES, ReasonCode.SHARED_FAMILY}


class DevicePairs:
    """Finds what the tables of a Plan have for the devices of a connection: elements (iif, oif) -> policy."""

    def __init__(self, plan: Plan, snapshot: Snapshot) -> None:
        # two tables may have the same devices, each for one family
        self._policies = defaultdict[tuple[str, str], list[tuple[Mode, PolicyKey]]](list)
        for table in plan.tables:
            for element in table.elements:
                if element.opened:
                    self._policies[element.iif, element.oif].append((table.mode, element.policy))
        vrfs = {link.name for link in snapshot.links if link.kind == "vrf"}
        # what comes in by a member of a VRF has the VRF's name in an element
        self._came_in = {link.name: link.master for link in snapshot.links if link.master in vrfs}

    def slower(
        self, entry: Entry, src: Endpoint, dest: Endpoint, pair: PairDecision, mode: Mode = Mode.HARDWARE
    ) -> Iterator[Reason]:
        """Yield the pair's Reasons why a connection between these ends gets less than `mode` on its devices.

        It yields nothing if a table of `mode` or of a faster one has an element for its devices and address family. If
        the tables have its devices only for the other family, it yields the pair's SHARED_FAMILY, or its SHARED_DEVICES
        if the pair has no SHARED_FAMILY; else all Reasons of the pair with a code in OF_A_PART.
        """
        family = Family(family_of(entry.original))
        found = self._found(src, dest)
        modes = [had for had, policy in found if Family(policy.family) in {Family.ANY, family}]
        if max(modes, default=Mode.NONE) < mode:
            reasons = [reason for reason in pair.reasons if reason.code in OF_A_PART]
            if found and not modes:
                shared = [reason for reason in reasons if reason.code not in LEFT_OUT]
                reasons = [each for each in shared if each.code is ReasonCode.SHARED_FAMILY] or shared
            yield from reasons

    def after(self, src: Endpoint, dest: Endpoint, pair: PairDecision) -> int:
        """How many packets of the original direction must pass before a connection between these ends is offloaded.

        It is the smallest number of the elements for its devices; without an element, the pair's number.
        """
        # the smallest: no flow that could be offloaded is reported as waiting
        waits = [policy.after_packets for _, policy in self._found(src, dest)]
        return min(waits, default=pair.after_packets)

    def _found(self, src: Endpoint, dest: Endpoint) -> list[tuple[Mode, PolicyKey]]:
        ways = product((self._came_in.get(each, each) for each in src.devices), dest.devices)
        return [found for way in ways for found in self._policies.get(way, ())]
