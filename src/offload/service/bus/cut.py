"""The ubus method `cut`: delete conntrack entries. The next packet of such a connection meets the firewall again.

A masqueraded download does not survive that (docs/kernel.md 12): to make an allowed connection slow, use `flush`.
"""

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import Flow, Tuple
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.nouns import dataclass
from offload.service.bus import arguments
from offload.service.bus.arguments import ArgumentError
from offload.service.bus.methods import Given, Json, last_decision
from offload.service.doors import Conntrack
from offload.service.engine import Engine
from offload.status.flows import flows
from offload.status.query import Query
from offload.status.why.reasons import protocol


@dataclass(frozen=True, slots=True)
class Selection:
    """Which connections to delete: those that meet the conditions that are not None. With no condition, `cut` refuses.

    `query`: only its zone, host and state count. `tuples`: one of them is the connection's original direction
    (addresses and ports). `proto`: the name of its protocol.
    """

    query: Query | None = None
    tuples: frozenset[Tuple] | None = None  # original tuples
    proto: str | None = None  # as `flows` names it

    @property
    def unconditional(self) -> bool:
        """Whether it has no condition, and so admits all connections."""
        query = self.query or Query()
        return all(each is None for each in (self.tuples, self.proto, query.zone, query.host, query.state))

    def admits(self, flow: Flow) -> bool:
        """Whether the connection meets all conditions; without any, True."""
        return (
            (self.query is None or self.query.admits(flow))
            and (self.tuples is None or flow.entry.original in self.tuples)
            and (self.proto is None or protocol(flow.entry.proto) == self.proto)
        )


def cut(selection: Selection, snapshot: Snapshot, plan: Plan, conntrack: Conntrack) -> Cut:
    """Delete the conntrack entries of the forwarded connections that the selection admits; gives the result.

    If the selection has no condition, or connections cannot be read, nothing is deleted, and the result has an error.
    No KernelError is raised.
    """
    if selection.unconditional:
        return Cut(error="nothing was named to be cut")
    try:
        entries = conntrack.entries()
    except KernelError as refusal:
        return Cut(error=str(refusal))
    meant = [flow.entry for flow in flows(entries, snapshot, plan) if selection.admits(flow)]
    return conntrack.delete(meant) if meant else Cut()


def end(engine: Engine, given: Given) -> Json:
    """The method `cut`: delete the conntrack entries of the forwarded connections that `query` of `given` selects.

    `query` has one or more of zone, host, state and flow (an object that names one connection); a connection must meet
    all that are there. The reply: `flows` (number of selected entries), `ended` (number of deleted ones), and `error`
    if one could not be deleted, or connections could not be read. UsageError for a bad query; another OffloadError if
    something else cannot be read.
    """
    decided = last_decision(engine)
    words = dict(arguments.table("query", given.get("query")))
    one = arguments.connection(words.pop("flow")) if "flow" in words else None
    query = arguments.chosen({"query": words}, decided.plan)
    if query == Query() and one is None:
        raise ArgumentError("query: name whose connections are to end: zone, host, state or flow")
    proto, ends = one or (None, None)
    selection = Selection(query=query, tuples=frozenset({ends}) if ends else None, proto=proto)
    done = cut(selection, engine.with_routes(decided), decided.plan, engine.doors.conntrack)
    engine.connections.forget()
    reply: Json = {"ok": not done.error, "flows": done.asked, "ended": done.ended}
    return reply | ({"error": done.error} if done.error else {})
