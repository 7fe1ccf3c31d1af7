"""What live flows show about a pair in hardware. Pure: each sample updates it.

That the kernel accepted the devices proves nothing on OpenWrt, and its hardware mark is wrong if the device of one
direction is missing (docs/kernel.md 14). So hardware is proven by flows that have the mark, move in both directions,
and send almost nothing over the slow path. It is refused if flows keep moving without the mark, or take the slow path
with it.

One direction may be in hardware and the other in software, under the same mark. The kernel asks a driver for counters
only of flows that the processor has not seen for a tenth of their timeout (nf_flow_offload_stats(),
net/netfilter/nf_flow_table_offload.c). Then only the direction in software moves, and the other stands still. TCP
always has packets in both directions; UDP need not.
"""

from collections.abc import Mapping
from enum import Enum

from offload.model.flow import State, Tuple
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import dataclass, field, replace
from offload.status.hardware.evicted import Evicted, Key, Seen


class Verdict(Enum):
    """What is known of hardware for a pair or device: NONE if not requested; PROVEN and REFUSED by live flows."""

    NONE = "none"  # not asked for
    IMPOSSIBLE = "impossible"  # requested, but this router cannot have it
    REQUESTED = "requested"  # requested, but not available now
    BOUND = "bound"  # the kernel accepted the devices
    PROVEN = "proven"
    REFUSED = "refused"


PACKETS = 20  # of flows in hardware, for a verdict
STRAYING = 20  # one slow packet in so many is normal: large ones, and those with IP options, take the slow path
FLOWS, SECONDS = 100, 60.0  # flows, and seconds, in software although hardware was requested
LONGEST = 15.0  # seconds that count between two samples, at most
IDLE_BYTES = 100_000  # bytes that devices may receive besides the flows: broadcasts, protocols other than IP
SAMPLES_FROZEN = 2
IPV4 = 4  # bytes of a packed address
TCP = 6
NONE_EVICTED = Evicted()


@dataclass(frozen=True, slots=True)
class Sample:
    """Flows and counters of a pair, or of a device, at one moment."""

    at: float  # seconds of a clock that never jumps
    time: str  # ISO 8601
    # offloaded ones but those in software that did not request it, slow ones taken out of it; of a large pair some
    flows: Mapping[Key, Seen]
    marked: int = 0  # flows with the hardware mark
    strays: int = 0  # packets so far on the slow path of flows with the hardware mark
    received: int = 0  # bytes so far that came in on the devices of `unbridged`
    counted: int = 0  # bytes so far that conntrack counted, of all the router's connections, on every path


@dataclass(frozen=True, slots=True)
class PairHardware:
    """What the samples so far show of a pair in hardware, or of a device. `updated` makes a new one for each sample."""

    devices: tuple[str, ...]  # that the hardware flowtable lists for the pair; of a device only itself
    tagged: tuple[str, ...] = ()  # those of the pair's layer 3 devices whose packets carry VLAN tags or PPPoE headers
    unbridged: tuple[str, ...] = ()  # of `devices`, those under no bridge: all that they receive is routed
    since: str = ""  # ISO 8601; when `verdict` became what it is
    verdict: Verdict = Verdict.BOUND  # after the last sample
    sample: Sample | None = None  # the last one
    # `moved`, `whole`, `half`, `strays`: over all samples since the pair came into hardware, or its devices changed
    moved: int = 0  # packets of flows with the hardware mark
    whole: int = 0  # of `moved`, those of flows that moved in both directions
    half: int = 0  # of `moved`, those of TCP flows that moved in one direction
    strays: int = 0  # packets on the slow path of flows with the hardware mark
    # by family, at most FLOWS flows that moved in software; forgotten by a sample in which only flows in hardware moved
    stayed: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    busy: Mapping[str, float] = field(default_factory=dict)  # by family, seconds in which some of `stayed` moved
    taken: frozenset[str] = frozenset()  # families of which flows ever moved in hardware
    # samples since a flow in hardware last moved by its counters, in which `unbridged` received more than was counted
    still: int = 0
    moving: frozenset[Key] = frozenset()  # flows in hardware that moved between the last two samples
    evicted: Evicted = NONE_EVICTED  # flows that moved in hardware when they were taken out of it

    @property
    def in_hardware(self) -> int:
        """How many flows of the last sample had the hardware mark; 0 without a sample."""
        return self.sample.marked if self.sample else 0

    @property
    def frozen(self) -> bool:
        """Whether the counters of its hardware flows stood still in SAMPLES_FROZEN samples although packets arrived."""
        return self.still >= SAMPLES_FROZEN

    @property
    def settled(self) -> bool:
        """Whether hardware is proven or refused, and no flow removed from it is awaited: samples may be rarer."""
        return self.verdict in {Verdict.PROVEN, Verdict.REFUSED} and bool(
            self.evicted.unaccounted or not self.evicted.flows
        )

    @property
    def conclusion(self) -> Verdict:
        """REFUSED (flows stray, stay in software, or move one way only), PROVEN (both ways), or BOUND (neither)."""
        if self._straying or (self._refused and not self.taken) or (self._halved and self.half > self.whole):
            return Verdict.REFUSED
        # Counters that stand still prove hardware too: packets to devices under no bridge are routed, and if
        # the processor had seen them, a flow's counter would have moved. A bridge port receives other packets too.
        proven = self.whole >= PACKETS or (self.frozen and self.in_hardware > 0)
        return Verdict.PROVEN if proven else Verdict.BOUND

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The faults that the figures show, each with its likely cause; empty: none."""
        devices = ", ".join(self.devices)
        found = [ReasonCode.HARDWARE_STRAYS(count=self.strays)] if self._straying else []
        if self._halved:
            found.append(ReasonCode.HARDWARE_HALF(count=self.half, devices=devices))
        found += [self._refusal(family) for family in sorted(self._refused)]
        if self.frozen:
            found.append(ReasonCode.HARDWARE_FROZEN(devices=", ".join(self.unbridged)))
        if self.evicted.unaccounted:
            found.append(self.unaccounted_reason)
        return tuple(dict.fromkeys(found))

    @property
    def unaccounted_reason(self) -> Reason:
        """The Reason of a flow removed from hardware without a packet since: hardware may still forward it.

        It has the number of such flows; the caller has to check first that `evicted.unaccounted` is not empty.
        """
        return ReasonCode.HARDWARE_KEPT(count=len(self.evicted.unaccounted), devices=", ".join(self.devices))

    def in_software(self, family: str) -> Reason:
        """Why a flow of this family (ipv4, ipv6) is in software; HARDWARE_AWAITED if samples do not show it yet."""
        return self._refusal(family) if family in self._refused else ReasonCode.HARDWARE_AWAITED()

    def _refusal(self, family: str) -> Reason:
        count, devices = len(self.stayed[family]), ", ".join(self.devices)
        if family in self.taken:
            return ReasonCode.HARDWARE_FULL(count=count)
        if self.taken:
            return ReasonCode.HARDWARE_FAMILY(count=count, family=family, devices=devices)
        if self.tagged:
            return ReasonCode.HARDWARE_ENCAPSULATED(count=count, devices=", ".join(self.tagged))
        return ReasonCode.HARDWARE_DRIVER(count=count, devices=devices)

    @property
    def _straying(self) -> bool:
        return self.strays >= PACKETS and self.strays * STRAYING > self.moved

    @property
    def _halved(self) -> bool:
        return self.half >= PACKETS and self.half * STRAYING > self.whole

    @property
    def _refused(self) -> set[str]:
        """The families of which too many flows, or flows for too long, stayed in software."""
        return {
            family
            for family, flows in self.stayed.items()
            if len(flows) >= FLOWS or (family not in self.taken and self.busy.get(family, 0.0) >= SECONDS)
        }


def updated(case: PairHardware, sample: Sample) -> PairHardware:
    """What is known of the pair or device after one more sample, with a new verdict; `case` stays as it is.

    Counters are compared with the sample before. `since` stays while the verdict does.
    """
    before = case.sample
    moved = _moved(before, sample)
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
        half=case.half + sum(sum(count) for key, count in hardware.items() if _halved(key, count)),
        strays=case.strays + (max(0, sample.strays - before.strays) if before else 0),
        stayed=stayed,
        busy=busy,
        taken=taken,
        still=still,
        moving=frozenset(hardware),
        evicted=case.evicted.compared(sample.flows, sample.at),
    )
    verdict = after.conclusion
    return replace(after, verdict=verdict, since=case.since if verdict is case.verdict and case.sample else sample.time)


def with_evicted(case: PairHardware, at: float) -> PairHardware:
    """What is known of the pair after all flows left hardware at `at` (monotonic seconds).

    Those that moved in the last sample are awaited on another path.
    """
    return replace(case, moving=frozenset(), evicted=case.evicted.joined(case.moving, at))


def without_family(case: PairHardware, family: str) -> PairHardware:
    """What is known of the pair, but without its flows of this family (ipv4, ipv6) that stayed in software."""
    stayed = {name: flows for name, flows in case.stayed.items() if name != family}
    return replace(case, stayed=stayed, busy={name: busy for name, busy in case.busy.items() if name != family})


def family_of(ends: Tuple) -> str:
    """The UCI word for the address family, ipv4 or ipv6, by the length of the source address."""
    return "ipv4" if len(ends.src) == IPV4 else "ipv6"


def _moved(before: Sample | None, sample: Sample) -> dict[Key, tuple[int, int]]:
    """By flow, the packets of each direction since the sample before; only flows that moved and kept a fast path.

    Empty without a sample before.
    """
    found = {}
    for key, (state, packets) in sample.flows.items():
        then = before.flows.get(key) if before else None
        if packets is None or then is None or then.packets is None or then.state is not state or state is State.SLOW:
            continue
        count = packets[0] - then.packets[0], packets[1] - then.packets[1]
        if any(count) and min(count) >= 0:
            found[key] = count
    return found


def _halved(key: Key, count: tuple[int, int]) -> bool:
    """Whether TCP packets moved in one direction only, and more of them than a dead connection repeats."""
    return key[0] == TCP and not all(count) and max(count) >= PACKETS


def _stands_still(before: Sample | None, sample: Sample, hardware: Mapping[Key, tuple[int, int]]) -> bool:
    """Whether devices received clearly more than conntrack counted, while no flow in hardware moved by its counters.

    `hardware`: packets of the flows in hardware that moved. False without a sample before.
    """
    if before is None or hardware or not sample.marked or sample.counted < before.counted:
        return False
    return sample.received - before.received > IDLE_BYTES + 2 * (sample.counted - before.counted)
