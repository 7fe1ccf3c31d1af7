"""What has ended since the service watches, pair by pair. Pure.

Conntrack counts a connection while it lives and forgets it with it; only who watches can say what went through. By
its path is not known any more: the kernel clears the mark before the connection ends.
"""

from collections import defaultdict
from collections.abc import Iterable

from offload.model.flow import Entry
from offload.nouns import dataclass, field
from offload.status.lookup.zone_lookup import ZoneLookup
from offload.status.shares import Pair


@dataclass(slots=True)
class Totals:
    """Connections and bytes by pair. `whole`: none was missed, which a flood of endings can do."""

    since: str = ""
    whole: bool = True
    _counted: dict[Pair, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, ended: Iterable[Entry], places: ZoneLookup) -> None:
        """Count connections, both of whose zones are known."""
        for entry in ended:
            src, dest = places.ends(entry)
            if src.zone is not None and dest.zone is not None:
                count = self._counted[src.zone, dest.zone]
                count[0] += 1
                count[1] += sum(entry.bytes or ())

    def of(self, pair: Pair) -> tuple[int, int]:
        """How many connections of a pair ended, and what bytes they carried in both directions."""
        flows, octets = self._counted.get(pair, (0, 0))
        return flows, octets
