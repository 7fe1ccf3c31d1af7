"""Flows that were removed from hardware, and may still be in it. Pure.

Since January 2025 a kernel that deletes a flowtable relies on drivers to forget its flows (nf_tables_commit(),
net/netfilter/nf_tables_api.c). Conntrack does not count what a driver goes on forwarding. A flow without packets may
also be idle, so the flows of a pair are judged together: if one is seen again, its driver is taken to have forgotten
all.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from offload.model.flow import State, Tuple
from offload.nouns import dataclass, field

SETTLING = 5.0  # seconds until the removal shows in the kernel, and in every flow that moves
UNSEEN = 20.0  # seconds without a packet of any of these flows
BACK = 20  # packets; fewer may be a connection's end, which drivers leave to the processor

Key = tuple[int, Tuple]  # protocol, original direction


class Seen(NamedTuple):
    """A flow in one sample."""

    state: State  # its path
    packets: tuple[int, int] | None  # so far, in (original, reply) direction; None: the kernel has not counted them


@dataclass(frozen=True, slots=True)
class Evicted:
    """Flows that had packets in hardware until they were removed from it, without those that `compared` has dropped."""

    # by flow, its packets (both directions) in the first sample after the removal; None: there was no sample yet
    flows: Mapping[Key, int | None] = field(default_factory=dict)
    # monotonic seconds: when flows were removed last; as soon as all have a sample after that, the time of the sample
    noted: float = 0.0
    unseen: float = 0.0  # seconds from `noted` to the last sample

    @property
    def unaccounted(self) -> Collection[Key]:
        """The flows that a driver may still forward: all of `flows`, or none before `unseen` is UNSEEN (20) seconds."""
        return self.flows.keys() if self.unseen >= UNSEEN else ()

    def joined(self, moving: Iterable[Key], at: float) -> "Evicted":
        """A copy with the flows of `moving` added, which were removed from hardware at `at` (monotonic seconds).

        A flow that it has already keeps its packet count. `unseen` (seconds up to the last sample) becomes 0.
        """
        return Evicted({**dict.fromkeys(moving), **self.flows}, at)

    def compared(self, seen: Mapping[Key, Seen], at: float) -> "Evicted":
        """A copy without the flows that, by a new sample, have ended or had packets. `at`: its monotonic seconds.

        `seen`: the flows of the sample; one that it lacks, or has without a packet count, has ended. Until SETTLING (5)
        seconds after flows were added the result is this object. Later the copy has no flows at all if one of them is
        in a flowtable again, or had at least BACK (20) packets since the first sample after its removal.
        """
        new = None in self.flows.values()
        if not self.flows or (new and at - self.noted < SETTLING):
            return self
        flows: dict[Key, int | None] = {}
        for key, had in self.flows.items():
            state, packets = seen.get(key, (None, None))
            if packets is None:
                continue  # it has ended
            if state is not State.SLOW or (had is not None and sum(packets) - had >= BACK):
                return Evicted()
            if had in {None, sum(packets)}:
                flows[key] = sum(packets)
        noted = at if new else self.noted
        return Evicted(flows, noted, at - noted)
