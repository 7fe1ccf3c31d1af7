"""Read the conntrack table, and delete entries, over ctnetlink."""

from collections.abc import Callable, Iterable

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import IPS_OFFLOAD, C, Entries, Entry, Tuple
from offload.system.netlink import find_connection
from offload.system.netlink.ct.ctdelete import end
from offload.system.netlink.ct.ctdump import RECEIVE_BUFFER, collector_resting, refused, sentence, until_whole
from offload.system.netlink.ct.ctnetlink import Parser
from offload.system.netlink.ct.ctrequest import ALL, OFFLOADED, PORTED
from offload.system.netlink.ct.ctsummary import Messages, RowParser, Rows
from offload.system.netlink.dump import replies
from offload.system.netlink.wire import NETLINK_NETFILTER

STILL_THERE = "{} connections are still there, though the kernel says that it does not find them"


class Conntrack:
    """The conntrack table of this process's network namespace.

    `between` is called after each datagram of a dump, which has about a hundred entries: 65,536 of them take seconds on
    a small router.
    """

    def __init__(self) -> None:
        self._parser = Parser()
        self._rows = RowParser(self._parser)
        self.between = _nothing

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """All entries, IPv4 and IPv6, in the kernel's order; KernelError if the kernel refuses.

        The table is not locked, so entries may change during the dump. `offloaded`: only those in a flowtable; a kernel
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
        """Count all entries, each given as a Row to a counter made by `begin`; KernelError as in `entries`.

        For callers that need only numbers: the Rows of one datagram are in memory at a time. If a dump is repeated,
        `begin` makes a new counter.
        """
        return until_whole(lambda: self._counted(begin))

    def offloaded(self, begin: Callable[[], C]) -> C:
        """As `summary`, for entries in a flowtable; older kernels give the others as well. `between` is not called."""
        return until_whole(lambda: self._counted(begin, request=OFFLOADED))

    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]:
        """As `summary`, and also all entries, in the order in which they were counted."""

        def dumped() -> tuple[tuple[C, Messages], bool]:
            messages = Messages(self._parser)
            count, whole = self._counted(begin, messages)
            return (count, messages), whole

        return until_whole(dumped)

    def fast(self, take: Callable[[list[Entry]], None]) -> None:
        """Give `take` the entries in a flowtable, those of one datagram at a time; KernelError if the kernel refuses.

        Some may be missing or repeated, if the table changes meanwhile. An older kernel gives the others as well.
        """
        try:
            for part in replies(NETLINK_NETFILTER, OFFLOADED, self._parser.parse, RECEIVE_BUFFER):
                refused(part.errno)
                take(part.entries)
                self.between()
        except OSError as error:
            raise KernelError(sentence(error, "list its connections")) from error

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """Delete these entries: the next packet of each connection must pass the firewall again.

        An entry that has ended already counts neither as deleted nor as failed. It is looked up again, because it may
        have been opened anew; then it is deleted, or counts as failed. Only entries of protocols with ports are
        deleted, because no others are offloaded.
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
        """The entries of the table with the protocol, tuple and zone of one of these."""
        named = {(entry.proto, entry.original) for entry in entries}
        return [entry for entry in self.entries() if (entry.proto, entry.original) in named]

    def _dump(self, request: bytes) -> tuple[list[Entry], bool]:
        """Make one dump, on a new socket so that no older reply is in it."""
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
        """Count the rows of each datagram of a dump; whether it was complete."""
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
    """A conntrack table with the entries, or the error, of a test."""

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

    def fast(self, take: Callable[[list[Entry]], None]) -> None:
        """Give those given that are offloaded."""
        take(self.entries(offloaded=True))

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
