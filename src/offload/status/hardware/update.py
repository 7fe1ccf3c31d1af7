"""Add a sample of live flows to what was seen of a pair of zones, or a device, in hardware. Pure."""

from collections.abc import Mapping

from offload.model.flow import State
from offload.nouns import replace
from offload.status.hardware.evicted import Key
from offload.status.hardware.pair_hardware import FLOWS, PACKETS, PairHardware, Sample, family_of

LONGEST = 15.0  # seconds that count between two samples, at most
IDLE_BYTES = 100_000  # bytes that devices may receive besides the flows: broadcasts, protocols other than IP
TCP = 6


def updated(case: PairHardware, sample: Sample) -> PairHardware:
    """A copy of `case` with one more sample of the pair or device: its sums, and the verdict that follows from them.

    A flow counts with its packets since the last sample if it is on the same fast path in both; in the first sample
    none does. `strays` grows by the packets on the slow path of flows with the hardware mark. If flows of a family had
    packets in software, its `busy` grows by the time since the last sample, at most LONGEST (15) seconds. If they had
    packets only in hardware, its `stayed` and `busy` become empty. `since` becomes the time of the sample if the
    verdict changes, or if this is the first sample. `evicted` is not changed.
    """
    # `evicted` has to be compared with more flows than the sample has
    before = case.sample
    moved = _moved_packets(before, sample)
    hardware = {key: count for key, count in moved.items() if sample.flows[key].state is State.HARDWARE}
    software = moved.keys() - hardware
    taken = case.taken | {family_of(key[1]) for key in hardware}
    seconds = min(sample.at - before.at, LONGEST) if before else 0.0
    stayed, busy = dict(case.stayed), dict(case.busy)
    for family in ("ipv4", "ipv6"):
        if here := {key for key in software if family_of(key[1]) == family}:
            stayed[family] = frozenset([*stayed.get(family, ()), *here][:FLOWS])
            busy[family] = busy.get(family, 0.0) + seconds
        if any(family_of(key[1]) == family for key in hardware) and not here:
            stayed.pop(family, None)
            busy.pop(family, None)
    still = case.still + 1 if _stands_still(before, sample, hardware) else 0 if hardware else case.still
    after = replace(
        case,
        sample=sample,
        moved=case.moved + sum(map(sum, hardware.values())),
        whole=case.whole + sum(sum(count) for count in hardware.values() if all(count)),
        half=case.half + sum(sum(count) for key, count in hardware.items() if _moves_one_way(key, count)),
        strays=case.strays + (max(0, sample.strays - before.strays) if before else 0),
        stayed=stayed,
        busy=busy,
        taken=taken,
        still=still,
        moving=frozenset(hardware),
    )
    verdict = after.conclusion
    return replace(after, verdict=verdict, since=case.since if verdict is case.verdict and case.sample else sample.time)


def _moved_packets(before: Sample | None, sample: Sample) -> dict[Key, tuple[int, int]]:
    # Only flows on the same fast path in both samples; those that a driver or the kernel counted back are left out.
    found = {}
    for key, (state, packets) in sample.flows.items():
        then = before.flows.get(key) if before else None
        if packets is None or then is None or then.packets is None or then.state is not state or state is State.SLOW:
            continue
        count = packets[0] - then.packets[0], packets[1] - then.packets[1]
        if any(count) and min(count) >= 0:
            found[key] = count
    return found


def _moves_one_way(key: Key, count: tuple[int, int]) -> bool:
    # a dead connection repeats some packets in one direction, but fewer than PACKETS
    return key[0] == TCP and not all(count) and max(count) >= PACKETS


def _stands_still(before: Sample | None, sample: Sample, hardware: Mapping[Key, tuple[int, int]]) -> bool:
    # Devices received clearly more than conntrack counted, while no flow in hardware moved by its counters.
    if before is None or hardware or not sample.marked or sample.counted < before.counted:
        return False
    return sample.received - before.received > IDLE_BYTES + 2 * (sample.counted - before.counted)
