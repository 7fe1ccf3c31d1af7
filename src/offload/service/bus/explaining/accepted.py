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
    """Finds for connections of one list whether a reply was accepted. The kernel is read when one needs it.

    It is read for the first FEW of them one by one, then once for all others.
    """

    def __init__(self, nft: Nft, plan: Plan) -> None:
        self._nft, self._tables = nft, [table.name for table in plan.tables]
        self._asked = 0

    def __call__(self, values: Values) -> bool | None:
        """Whether a reply was accepted in the last minute. `values`: `Entry.values` of the connection.

        None: its id is not known, the kernel refuses to say what our sets have, or we have no table.
        """
        if not values[-1] or not self._tables:
            return None
        ipv6, key = len(values[1]) != IPV4, values[1] + values[2] + values[-1]
        if self._asked == FEW:
            known = self._listed[ipv6]
            return None if known is None else key in known
        self._asked += 1
        found = {self._nft.remembers(table, REPLIED[ipv6].name, key) for table in self._tables}
        return True if True in found else None if None in found else False

    @cached_property
    def _listed(self) -> tuple[frozenset[bytes] | None, ...]:
        """The keys in all our tables, IPv4 first, then IPv6; None for a family of which a set cannot be listed."""
        found = []
        for each in REPLIED:
            sets = [self._nft.keys(table, each.name) for table in self._tables]
            found.append(None if None in sets else frozenset[bytes]().union(*(one for one in sets if one is not None)))
        return tuple(found)


def explainer_of(engine: Engine, read: Read) -> Explainer:
    """The Explainer that finds why connections of this dump are slow."""
    accepted = AcceptedReplies(engine.doors.nft, read.plan).__call__  # a bound method is called faster
    return Explainer(read.count.ways, read.snapshot, read.plan, engine.hardware_monitor.known, accepted)
