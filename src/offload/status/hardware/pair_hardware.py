"""Judge by counters of live flows whether hardware forwards the flows of a pair of zones, or of a device. Pure.

OpenWrt's kernel accepts devices that hardware cannot forward for (docs/kernel.md 5), and its mark of a flow
(IPS_HW_OFFLOAD) may be wrong (docs/kernel.md 14). `PairHardware.conclusion` has the rules by which packets decide.
"""

from collections.abc import Mapping
from enum import Enum

from offload.model.flow import Tuple
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import dataclass, field, replace
from offload.status.hardware.evicted import Evicted, Key, Seen


class Verdict(Enum):
    """Whether hardware forwards the flows of a pair of zones, or of a device, as far as it is known."""

    NONE = "none"  # not requested, or it does not matter there (`Verdicts.of_pair`, `Verdicts.of_device`)
    IMPOSSIBLE = "impossible"  # requested, but not possible with this router or configuration
    REQUESTED = "requested"  # requested, but not possible at present
    BOUND = "bound"  # the kernel accepted the devices, and live flows showed neither of the next two
    PROVEN = "proven"  # live flows showed that it does
    REFUSED = "refused"  # live flows showed that it does not


PACKETS = 20  # of flows in hardware, for a verdict
STRAYING = 20  # one slow packet in so many is normal: large ones, and those with IP options, take the slow path
FLOWS, SECONDS = 100, 60.0  # flows, and seconds, in software although hardware was requested
SAMPLES_FROZEN = 2
IPV4 = 4  # bytes of a packed address
NONE_EVICTED = Evicted()


@dataclass(frozen=True, slots=True)
class Sample:
    """Flows and counters of a pair of zones, or of one device, at one moment."""

    at: float  # seconds of a clock that never jumps
    time: str  # ISO 8601
    # By (protocol, original direction): flows in hardware, and those in software for which hardware is requested; also
    # slow ones that left hardware and had no packet since. Of a pair with many flows it is only a part of them.
    flows: Mapping[Key, Seen]
    marked: int = 0  # flows with the hardware mark
    strays: int = 0  # packets so far on the slow path of flows with the hardware mark
    received: int = 0  # bytes so far that came in on the devices of `unbridged`
    counted: int = 0  # bytes so far that conntrack counted, of all connections that exist now, on every path


@dataclass(frozen=True, slots=True)
class PairHardware:
    """What samples of live flows showed of a pair of zones, which is or was in hardware, or of a device."""

    devices: tuple[str, ...]  # that the hardware flowtable lists for the pair; of a device only itself
    tagged: tuple[str, ...] = ()  # those of the pair's layer 3 devices whose packets carry VLAN tags or PPPoE headers
    unbridged: tuple[str, ...] = ()  # of `devices`, those under no bridge: all that they receive is routed
    since: str = ""  # ISO 8601; the sample by which `verdict` became what it is; empty: none
    verdict: Verdict = Verdict.BOUND  # after the last sample
    sample: Sample | None = None  # the last one
    # `moved`, `whole`, `half`, `strays`: added up since the pair came into hardware, or its devices changed
    moved: int = 0  # packets between two samples, of flows that both have with the hardware mark; no others count
    whole: int = 0  # of `moved`, those of flows that moved in both directions
    # of `moved`, those of TCP flows that moved in one direction only, by at least PACKETS between two samples. TCP has
    # packets in both directions (UDP need not), so one may be in software, under the same mark: the kernel asks a
    # driver for counters only of flows that the processor has not seen for a tenth of their timeout
    # (nf_flow_offload_stats(), net/netfilter/nf_flow_table_offload.c), so only the direction in software moves.
    half: int = 0
    strays: int = 0  # packets on the slow path of flows with the hardware mark
    # by family, at most FLOWS flows that moved in software; empty again after a sample in which flows of the family
    # moved in hardware, and none in software
    stayed: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    busy: Mapping[str, float] = field(default_factory=dict)  # by family, seconds in which some of `stayed` moved
    taken: frozenset[str] = frozenset()  # families of which flows ever moved in hardware
    # samples in which no counter of a flow in hardware moved although the devices of `unbridged` received clearly more
    # bytes than conntrack counted; 0 again as soon as one moves
    still: int = 0
    moving: frozenset[Key] = frozenset()  # flows in hardware that moved between the last two samples
    evicted: Evicted = NONE_EVICTED  # flows that moved in hardware when they were taken out of it

    @property
    def in_hardware(self) -> int:
        """How many flows of the last sample have the kernel's hardware mark (IPS_HW_OFFLOAD); 0 without a sample."""
        return self.sample.marked if self.sample else 0

    @property
    def frozen(self) -> bool:
        """Whether the counters of flows in hardware stand still although the devices of `unbridged` receive packets.

        It is true after SAMPLES_FROZEN (2) samples in which these devices received clearly more bytes than conntrack
        counted, and until the counters of a flow in hardware move.
        """
        return self.still >= SAMPLES_FROZEN

    @property
    def settled(self) -> bool:
        """Whether samples may be taken less often, because the next will hardly change anything.

        It is true if the verdict is PROVEN or REFUSED, and `evicted` has no flows or its `unseen` is at least UNSEEN
        (20) seconds.
        """
        return self.verdict in {Verdict.PROVEN, Verdict.REFUSED} and bool(
            self.evicted.unaccounted or not self.evicted.flows
        )

    @property
    def conclusion(self) -> Verdict:
        """The verdict by the counters: REFUSED if one of the first three conditions holds, else PROVEN or BOUND.

        - REFUSED: `strays` is at least PACKETS (20), and more than a twentieth of `moved`;
        - REFUSED: no flow moved in hardware, and of a family FLOWS (100) flows stayed in software, or some for SECONDS
          (60);
        - REFUSED: `half` is at least PACKETS, and larger than `whole`;
        - PROVEN: `whole` is at least PACKETS, or the counters are `frozen` and flows have the mark;
        - BOUND: none of these.
        """
        if self._straying or (self._refused and not self.taken) or (self._halved and self.half > self.whole):
            return Verdict.REFUSED
        # Counters that stand still prove hardware too: packets to devices under no bridge are routed, and if
        # the processor had seen them, a flow's counter would have moved. A bridge port receives other packets too.
        proven = self.whole >= PACKETS or (self.frozen and self.in_hardware > 0)
        return Verdict.PROVEN if proven else Verdict.BOUND

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The Reasons that tell what the samples show; empty if there is nothing to tell.

        They are about packets of flows with the hardware mark that took the slow path or moved in one direction only,
        flows that stayed in software, counters that stand still, and flows that were removed from hardware and may
        still be in it.
        """
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
        """The Reason HARDWARE_KEPT, with the number of flows in `evicted.unaccounted`, which may be 0."""
        return ReasonCode.HARDWARE_KEPT(count=len(self.evicted.unaccounted), devices=", ".join(self.devices))

    def in_software(self, family: str) -> Reason:
        """Why a flow of this family (`ipv4`, `ipv6`) is in software, by what the samples show of the pair's flows.

        - HARDWARE_FULL: hardware took flows of the family, but 100 or more stayed in software;
        - HARDWARE_FAMILY, HARDWARE_ENCAPSULATED or HARDWARE_DRIVER: it took none of the family, and 100 or more stayed
          in software, or some for 60 s. The first if it took flows of the other family, else the second if packets
          carry VLAN tags or PPPoE headers, else the third;
        - HARDWARE_AWAITED: none of these; hardware may still take it.
        """
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
        # families of which too many flows, or flows for too long, stayed in software
        return {
            family
            for family, flows in self.stayed.items()
            if len(flows) >= FLOWS or (family not in self.taken and self.busy.get(family, 0.0) >= SECONDS)
        }


def with_evicted(case: PairHardware, at: float) -> PairHardware:
    """A copy of `case` after all flows of the pair were removed from hardware, at `at` (monotonic seconds).

    The flows in `moving` are moved to `evicted`. The other fields do not change.
    """
    return replace(case, moving=frozenset(), evicted=case.evicted.joined(case.moving, at))


def without_family(case: PairHardware, family: str) -> PairHardware:
    """A copy of `case` whose `stayed` and `busy` have nothing of this family (`ipv4`, `ipv6`)."""
    stayed = {name: flows for name, flows in case.stayed.items() if name != family}
    return replace(case, stayed=stayed, busy={name: busy for name, busy in case.busy.items() if name != family})


def family_of(ends: Tuple) -> str:
    """`ipv4` or `ipv6`, by the length of the source address."""
    return "ipv4" if len(ends.src) == IPV4 else "ipv6"
