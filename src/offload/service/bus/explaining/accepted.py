"""Whether the firewall accepted a reply of slow connections, by the sets in our tables (compiler's `guard.py`)."""

from functools import cached_property

from offload.compiler.offload.tables.guard import REPLIED
from offload.model.flow import Values
from offload.model.plan import Plan
from offload.service.doors import Nft
from offload.service.engine import Engine
from offload.service.memory.connections import Read
from offload.status.listing import Explainer

IPV4 = 4  # bytes of an address
FEW = 50  # questions for one key each; for more the sets are listed once


class AcceptedReplies:
    """Answers for the connections of one list; the kernel is asked when the first of them needs it."""

    def __init__(self, nft: Nft, plan: Plan) -> None:
        self._nft, self._tables = nft, [table.name for table in plan.tables]
        self._asked = 0

    def __call__(self, values: Values) -> bool | None:
        """Whether a reply was accepted lately; None if the connection's id is not known, or the kernel does not say."""
        ct_id, src = values[-1], values[1]
        if not ct_id or not self._tables:
            return None
        ipv6, key = len(src) != IPV4, ct_id + src + values[2]
        if self._asked < FEW:
            self._asked += 1
            return any(self._nft.remembers(table, REPLIED[ipv6].name, key) for table in self._tables)
        known = self._listed[ipv6]
        return None if known is None else key in known

    @cached_property
    def _listed(self) -> tuple[frozenset[bytes] | None, ...]:
        """The keys by family; None where a set cannot be listed."""
        found = []
        for each in REPLIED:
            sets = [self._nft.keys(table, each.name) for table in self._tables]
            found.append(None if None in sets else frozenset[bytes]().union(*(one for one in sets if one is not None)))
        return tuple(found)


def explainer_of(engine: Engine, read: Read) -> Explainer:
    """Finds why the connections of this dump are slow."""
    accepted = AcceptedReplies(engine.doors.nft, read.plan)
    return Explainer(read.count.ways, read.snapshot, read.plan, engine.hardware_monitor.known, accepted)
