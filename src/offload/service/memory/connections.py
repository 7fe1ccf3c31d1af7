"""One conntrack dump for all calls that come soon after it.

A dump, unless it was cheap, is used until its cost has fallen to 9 % of the time since it began, so that calls take
about 9 % of the processor. Its cost is the processor time of the call that made it, and of all ubus calls since,
whether they use it or not. For the next page of a list it may be older: up to WALK (30) seconds after its last use, but
at most LONGEST (300) seconds after its beginning.
"""

from collections.abc import Callable
from time import monotonic, process_time

from offload.model.flow import Entries
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.nouns import dataclass, replace
from offload.service.doors import Conntrack
from offload.status.listing import Listing
from offload.status.query import Query
from offload.status.shares import ShareCount

CHEAP = 0.05  # seconds of work: a cheaper dump is not kept
SHARE = 0.09  # of the processor that calls may take
WALK = 30.0  # seconds for which the next page comes from the same dump as the first
LONGEST = 300.0  # seconds for which a list may use one dump, so that a caller who repeats a page gets a new one


@dataclass(frozen=True, slots=True)
class Read:
    """One dump of the conntrack table: its entries, and their counts by zones and pairs.

    `snapshot`, `plan`: the router's state and the decision by which they were counted.
    """

    count: ShareCount
    entries: Entries
    snapshot: Snapshot
    plan: Plan


@dataclass(slots=True)
class Connections:
    """The last conntrack dump, used again by calls that come soon after it."""

    last: Read | None = None  # the dump; None: there is none, it was forgotten, or it was cheap
    # processor seconds of the call that made it, and of all ubus calls since, whether they use it or not; whoever
    # answers a call adds its time
    work: float = 0.0
    at: float = 0.0  # when it began, in monotonic seconds
    used: float = 0.0  # when it was used last, in monotonic seconds
    forgotten: int = 0  # how often `forget` was called: a dump is not kept if that happens while it is made
    lists: tuple[Query, bool, Listing] | None = None  # of the last `listing`: query without page, `everything`, result

    def read(self, conntrack: Conntrack, snapshot: Snapshot, plan: Plan, *, going_on: bool = False) -> Read:
        """Give the last dump if it may be used again; else read conntrack, counted by this Snapshot's and Plan's zones.

        A dump may be used until its cost, with that of all ubus calls since (`work`), has fallen to SHARE (9 %) of the
        time since it began; it keeps its own Snapshot and Plan. `going_on`: the call asks for the next page of a list,
        for which the dump may be older (WALK, LONGEST). A new dump is kept if it cost CHEAP (0.05) processor seconds or
        more, and `forget` was not called meanwhile. KernelError if the kernel does not list its connections.
        """
        now = monotonic()
        rest = self.at + self.work / SHARE
        if going_on:
            rest = max(rest, min(self.used + WALK, self.at + LONGEST))
        if self.last is not None and now < rest:
            self.used = now
            return self.last
        self.forget()
        forgotten, began = self.forgotten, process_time()
        count, entries = conntrack.listed(lambda: ShareCount(snapshot, plan))
        read = Read(count, entries, snapshot, plan)
        cost = process_time() - began
        self.work, self.at = 0.0, now  # the call that goes on adds its own time, the dump included
        if cost >= CHEAP and self.forgotten == forgotten:
            self.last, self.used = read, now
        return read

    def listing(
        self, read: Read, query: Query, *, everything: bool, between: Callable[[], None] = lambda: None
    ) -> Listing:
        """All flows of a dump that a query selects, in the query's order; its page (limit, offset) is ignored.

        `read`: the dump, which the method `read` gave. `everything`: also connections of the router itself, and to
        multicast or broadcast. `between`: called now and then, for urgent work. The last result is used again for the
        same dump, query and `everything`, while the dump is kept.
        """
        asked = replace(query, limit=None, offset=0)
        if self.lists is not None and self.last is read and self.lists[:2] == (asked, everything):
            return self.lists[2]
        found = Listing(read.count, read.entries, asked, everything=everything, between=between)
        if self.last is read:
            self.lists = asked, everything, found
        return found

    def age(self, read: Read) -> float:
        """Seconds since this dump was begun, to a tenth; 0 if it is not kept for other calls (cheap, or forgotten)."""
        return round(monotonic() - self.at, 1) if read is self.last else 0.0

    def due(self) -> float | None:
        """When the last dump can be freed, in monotonic seconds: no call, nor the next page of a list, can use it then.

        None: no dump is kept.
        """
        return None if self.last is None else max(self.at + self.work / SHARE, self.used + WALK)

    def tidy(self, now: float) -> None:
        """Free the last dump if the time that `due` gives has come at `now` (monotonic seconds)."""
        if (due := self.due()) is not None and due <= now:
            self.forget()

    def forget(self) -> None:
        """Free the last dump, because something changed: the next call makes a new one.

        One being made now is not kept.
        """
        self.last = self.lists = None
        self.forgotten += 1
