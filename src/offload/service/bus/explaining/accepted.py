"""Whether the firewall accepted a reply packet of a slow connection, which sets of our nft tables note.

A connection is not offloaded before that (compiler/offload/tables/guard.py).
"""

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
    """Finds for slow connections whether the firewall accepted a reply packet of them.

    FEW (50) connections are looked up in the kernel's sets one by one; then the whole sets are listed once, for the
    others.
    """

    def __init__(self, nft: Nft, plan: Plan) -> None:
        self._nft, self._tables = nft, [table.name for table in plan.tables]
        self._asked = 0
        # IPv4, then IPv6, once they are listed; None in place of a set: it cannot be read
        self._listed: list[frozenset[bytes] | None] | None = None if self._tables else [None, None]

    def __call__(self, values: Values) -> bool | None:
        """Whether the firewall accepted a reply of this connection in the last minute, by a set of one of our tables.

        `values`: of its conntrack entry, as `Entry.values` has them. None: not known, as they have no conntrack id,
        there is no table of ours, or a set cannot be read.
        """
        src, number = values[1], values[-1]
        if not number:
            return None
        ipv6, key, listed = len(src) != IPV4, src + values[2] + number, self._listed
        if listed is None:
            if self._asked < FEW:
                return self._ask(key, ipv6=ipv6)
            listed = self._listed = [self._elements(each.name) for each in REPLIED]
        known = listed[ipv6]
        return None if known is None else key in known

    def _ask(self, key: bytes, *, ipv6: bool) -> bool | None:
        self._asked += 1
        found = {self._nft.remembers(table, REPLIED[ipv6].name, key) for table in self._tables}
        return True if True in found else None if None in found else False

    def _elements(self, name: str) -> frozenset[bytes] | None:
        sets = [self._nft.keys(table, name) for table in self._tables]
        return None if None in sets else frozenset[bytes]().union(*(one for one in sets if one is not None))


def explainer_of(engine: Engine, read: Read) -> Explainer:
    """An Explainer for the connections of this conntrack dump: it finds why one is slow, or only in software.

    Of a slow connection that waits only for a packet, it asks the kernel whether a reply was accepted.
    """
    accepted = AcceptedReplies(engine.doors.nft, read.plan).__call__  # a bound method is called faster
    return Explainer(read.count.ways, read.snapshot, read.plan, engine.hardware_monitor.known, accepted)
