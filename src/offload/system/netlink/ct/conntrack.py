"""The door to the kernel's connection table, over ctnetlink: read all of it, and end connections."""

from collections.abc import Callable, Iterable

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import IPS_OFFLOAD, C, Entries, Entry, Tuple
from offload.system.netlink import find_connection
from offload.system.netlink.ct.ctdelete import end
from offload.system.netlink.ct.ctdump import RECEIVE_BUFFER, collector_resting, refused, until_whole
from offload.system.netlink.ct.ctnetlink import Parser
from offload.system.netlink.ct.ctrequest import ALL, OFFLOADED, PORTED
from offload.system.netlink.ct.ctsummary import Messages, RowParser, Rows
from offload.system.netlink.dump import replies
from offload.system.netlink.wire import NETLINK_NETFILTER

STILL_THERE = "{} connections are still there, though the kernel says that it does not find them"


class Conntrack:
    """The connection table of the network namespace this process runs in.

    `between` is called after each datagram of a dump, a hundred connections or so: 65,536 take a small router seconds.
    """

    def __init__(self) -> None:
        self._parser = Parser()
        self._rows = RowParser(self._parser)
        self.between = _nothing

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """All entries, IPv4 and IPv6, in the kernel's order; KernelError with a sentence where it refuses.

        The table is not locked: connections come and go meanwhile. `offloaded`: only those in a flowtable; a kernel
        before 5.17 lists the others as well.
        """
        return until_whole(lambda: self._dump(OFFLOADED if offloaded else ALL))

    def find(self, proto: int, ends: Tuple) -> list[Entry]:
        """The connections that packets from one end to the other, or back, belong to; KernelError with a sentence.

        One with both ports is found by its hash. Where a port is 0, or the protocol has none, all are listed.
        """
        exact = proto in PORTED and ends.sport and ends.dport
        return find_connection.find(proto, ends) if exact else self.entries()

    def id_of(self, entry: Entry) -> bytes:
        """The id of a connection, as the key of a set has it (`ct id`); empty where it has ended."""
        return find_connection.id_of(entry) if entry.proto in PORTED else b""

    def summary(self, begin: Callable[[], C]) -> C:
        """Count all entries, each as a Row, with what `begin` makes; KernelError as for `entries`.

        For callers that need numbers alone: no more than a datagram's Rows are in memory at a time. A dump that is
        repeated gets a new counter from `begin`.
        """
        return until_whole(lambda: self._counted(begin))

    def offloaded(self, begin: Callable[[], C]) -> C:
        """As `summary`, of the entries in a flowtable; older kernels give the others as well. `between` waits."""
        return until_whole(lambda: self._counted(begin, request=OFFLOADED))

    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]:
        """As `summary`, and all entries in the order in which they were counted."""

        def dumped() -> tuple[tuple[C, Messages], bool]:
            messages = Messages(self._parser)
            count, whole = self._counted(begin, messages)
            return (count, messages), whole

        return until_whole(dumped)

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """End these connections: the next packet of each must pass the firewall anew.

        An entry that is gone already counts neither as ended nor as refused. It is looked for once more, for it may
        have been opened again meanwhile; if it is found then, it is ended, or that is an error. Only protocols with
        ports are ended: no other is ever offloaded.
        """
        wanted = [entry for entry in entries if entry.proto in PORTED]
        done, missing = end(wanted)
        if missing and not done.error and (found := self._still(missing)):
            again, missing = end(found)
            left = len(self._still(missing)) if missing and not again.error else 0
            error = again.error or (STILL_THERE.format(left) if left else "")
            done = Cut(done.asked, done.ended + again.ended, error)
        return done

    def _still(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of the connection table that have the protocol, tuple and zone of one of these."""
        named = {(entry.proto, entry.original) for entry in entries}
        return [entry for entry in self.entries() if (entry.proto, entry.original) in named]

    def _dump(self, request: bytes) -> tuple[list[Entry], bool]:
        """Ask once, on a socket of its own so that nothing of an earlier answer can be left in it."""
        entries, whole = [], True
        with collector_resting():
            for part in replies(NETLINK_NETFILTER, request, self._parser.parse, RECEIVE_BUFFER):
                refused(part.errno)
                entries += part.entries
                whole &= not part.interrupted
                self.between()
        return entries, whole

    def _counted(
        self, begin: Callable[[], C], messages: Messages | None = None, request: bytes = ALL
    ) -> tuple[C, bool]:
        """Count what each datagram of one dump held; whether that was all."""
        count, whole = begin(), True

        def read(datagram: bytes) -> Rows:
            rows = self._rows.parse(datagram)
            if messages is not None:
                messages.add(datagram, rows)
            return rows

        for part in replies(NETLINK_NETFILTER, request, read, RECEIVE_BUFFER):
            refused(part.errno)
            count.add(part.rows)
            whole &= not part.interrupted
            if request is ALL:
                self.between()
        return count, whole


class FakeConntrack(Conntrack):
    """A connection table that is what the test says, or that refuses with the test's error."""

    def __init__(self, entries: Iterable[Entry] = (), error: KernelError | None = None) -> None:
        super().__init__()
        self._entries = list(entries)
        self._error = error
        self.deleted: list[Entry] = []

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """The entries given, or the error."""
        if self._error:
            raise self._error
        return [entry for entry in self._entries if entry.status & IPS_OFFLOAD or not offloaded]

    def find(self, proto: int, ends: Tuple) -> list[Entry]:
        """Those given that packets from one end to the other, or back, belong to, or all; or the error."""
        found, back = self.entries(), Tuple(ends.dst, ends.src, ends.dport, ends.sport, ends.ct_zone)
        if not (ends.sport and ends.dport):
            return found
        return [each for each in found if each.proto == proto and {each.original, each.reply} & {ends, back}]

    def id_of(self, entry: Entry) -> bytes:
        """The source port of a connection given, as four bytes."""
        return entry.original.sport.to_bytes(4, "big") if entry in self._entries else b""

    def summary(self, begin: Callable[[], C]) -> C:
        """The entries given, counted, or the error."""
        return self.listed(begin)[0]

    def offloaded(self, begin: Callable[[], C]) -> C:
        """Those given that are offloaded, counted, or the error."""
        count = begin()
        count.add([entry.row for entry in self.entries(offloaded=True)])
        return count

    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]:
        """The entries given, counted, and themselves."""
        count, entries = begin(), self.entries()
        count.add([entry.row for entry in entries])
        self.between()
        return count, Entries(entries)

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """End those that are here and can be ended; an error given refuses them all."""
        wanted = [entry for entry in entries if entry.proto in PORTED]
        if self._error:
            return Cut(len(wanted), 0, str(self._error))
        self.deleted += (ended := [entry for entry in wanted if entry in self._entries])
        self._entries = [entry for entry in self._entries if entry not in ended]
        return Cut(len(wanted), len(ended))


def _nothing() -> None:
    """The default of `between`."""
