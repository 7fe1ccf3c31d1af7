"""Flows that were taken out of hardware, and may be there still. Pure.

Kernels since January 2025 destroy no rule of a flowtable that goes: they unbind its devices first, and leave it to the
drivers to forget (nf_tables_commit(), net/netfilter/nf_tables_api.c). A driver that does not goes on forwarding what it
took, whatever is chosen meanwhile, and no packet of that is counted again. Flows may rest as well; but where one of
them comes back, the driver has forgotten them all.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from offload.model.flow import State, Tuple
from offload.nouns import dataclass, field

SETTLING = 5.0  # seconds until the kernel, and every flow that moves, shows that flows were taken out
UNSEEN = 20.0  # seconds without a packet of any of them since then
BACK = 20  # packets: fewer may be the end of a connection, which drivers leave to the processor

Key = tuple[int, Tuple]  # protocol, original direction


class Seen(NamedTuple):
    """A flow at one look; packets as (original, reply), None where the kernel does not count."""

    state: State
    packets: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Evicted:
    """Flows that moved in hardware when they were taken out of it.

    `flows` with the packets they had at the first look after that (None: there was none yet), and have still, `unseen`
    seconds after `noted`.
    """

    flows: Mapping[Key, int | None] = field(default_factory=dict)
    noted: float = 0.0
    unseen: float = 0.0

    @property
    def unaccounted(self) -> Collection[Key]:
        """Those that a driver may keep."""
        return self.flows.keys() if self.unseen >= UNSEEN else ()

    def joined(self, moving: Iterable[Key], at: float) -> "Evicted":
        """These, and more that are taken out now."""
        return Evicted({**dict.fromkeys(moving), **self.flows}, at)

    def compared(self, seen: Mapping[Key, Seen], at: float) -> "Evicted":
        """Those of them that a look has not seen move either; it saw these flows."""
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
