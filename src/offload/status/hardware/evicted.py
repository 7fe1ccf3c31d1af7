"""Flows that were removed from hardware, and may still be in it. Pure.

Since January 2025 kernels destroy no rule of a flowtable that is deleted: they unbind its devices first, and leave it
to drivers to forget the flows (nf_tables_commit(), net/netfilter/nf_tables_api.c). A driver that does not forget them
goes on forwarding, whatever is chosen later, and no counter sees these packets. A flow without packets may also be
idle; but if one of the flows is seen again, the driver has forgotten them all.
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
    """A flow in one sample: its path, and its packets so far in (original, reply) direction.

    `packets` is None if the kernel has not counted them.
    """

    state: State
    packets: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Evicted:
    """Flows that had packets in hardware until they were removed from it, and no packet counted later.

    Later: after the first sample that follows the removal.
    """

    # by flow, its packets (both directions) in the first sample after the removal; None: there was no sample yet
    flows: Mapping[Key, int | None] = field(default_factory=dict)
    # monotonic seconds: when flows were removed last; as soon as all have a sample after that, the time of the sample
    noted: float = 0.0
    unseen: float = 0.0  # seconds from `noted` to the last sample

    @property
    def unaccounted(self) -> Collection[Key]:
        """The flows that a driver may still forward: all of `flows` after UNSEEN seconds without packets, else none."""
        return self.flows.keys() if self.unseen >= UNSEEN else ()

    def joined(self, moving: Iterable[Key], at: float) -> "Evicted":
        """A copy with the flows of `moving` added, which were removed from hardware at `at` (monotonic seconds).

        A flow that was in it already keeps its packet count. The time without packets begins again for all of them.
        """
        return Evicted({**dict.fromkeys(moving), **self.flows}, at)

    def compared(self, seen: Mapping[Key, Seen], at: float) -> "Evicted":
        """A copy with only the flows whose packet count is the same in this sample, at `at` (monotonic seconds).

        `seen`: the flows of the sample; one that is not in it, or has no counters, is left out. The copy is empty if
        one flow is in a flowtable again, or has at least BACK more packets: then the driver has forgotten them all. A
        flow without a sample since its removal takes its packet count from `seen`. While there is such a flow, the
        first SETTLING seconds after the removal change nothing: the result is this object.
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
