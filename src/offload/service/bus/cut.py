"""Cut: end connections, of a pair, a zone, a host, or a single one, so that their next packet asks the firewall anew.

Only for connections that are no longer allowed: a masqueraded download does not survive it (docs/kernel.md 12). An
allowed one that shall be slow is returned with its table instead.
"""

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import Flow, Tuple
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.nouns import dataclass
from offload.service.doors import Conntrack
from offload.status.flows import flows
from offload.status.query import Query
from offload.status.why.reasons import protocol


@dataclass(frozen=True, slots=True)
class Selection:
    """Which connections: those that meet every condition given. `query` knows zone, host and state."""

    pair: tuple[str, str] | None = None
    query: Query | None = None
    tuples: frozenset[Tuple] | None = None  # original tuples
    proto: str | None = None  # as `flows` names it

    def admits(self, flow: Flow) -> bool:
        """Whether the flow is one of those meant."""
        return (
            (self.pair is None or (flow.src_zone, flow.dest_zone) == self.pair)
            and (self.query is None or self.query.admits(flow))
            and (self.tuples is None or flow.entry.original in self.tuples)
            and (self.proto is None or protocol(flow.entry.proto) == self.proto)
        )


def cut(selection: Selection, snapshot: Snapshot, plan: Plan, conntrack: Conntrack) -> Cut:
    """End the forwarded connections that are meant. A selection of nothing in particular ends nothing."""
    if selection == Selection():
        return Cut(error="nothing was named to be cut")
    try:
        entries = conntrack.entries()
    except KernelError as refusal:
        return Cut(error=str(refusal))
    meant = [flow.entry for flow in flows(entries, snapshot, plan) if selection.admits(flow)]
    return conntrack.delete(meant) if meant else Cut()
