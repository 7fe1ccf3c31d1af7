"""Read the conntrack table, and delete entries, over ctnetlink."""

from collections.abc import Callable, Iterable
from functools import partial

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import IPS_OFFLOAD, C, Entries, Entry, Tuple
from offload.nouns import replace
from offload.system.netlink import find_connection
from offload.system.netlink.ct.ctdelete import end
from offload.system.netlink.ct.ctdump import RECEIVE_BUFFER, refused, sentence, until_whole
from offload.system.netlink.ct.ctnetlink import Parser
from offload.system.netlink.ct.ctrequest import ALL, FILTERED, OFFLOADED, PORTED, of_host
from offload.system.netlink.ct.ctsummary import Messages, RowParser, Rows
from offload.system.netlink.dump import collector_resting, replies
from offload.system.netlink.wire import NETLINK_NETFILTER

STILL_THERE = "{} connections are still there, though the kernel says that it does not find them"


class Conntrack:
    """The conntrack table of this process's network namespace.

    `between`: a function to set, for other work during a dump. It is called after each datagram, which has about a
    hundred entries; a full table of 65,536 takes seconds on a small router.
    """

    def __init__(self) -> None:
        self._parser = Parser()
        self._rows = RowParser(self._parser)
        self.between = _nothing

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """All entries, IPv4 and IPv6, in the kernel's order; KernelError if the kernel refuses.

        The table is not locked, so entries may change during the dump. `offloaded`: only entries in a flowtable; a
        kernel before 5.17 lists the others as well.
        """
        return until_whole(lambda: self._dump(OFFLOADED if offloaded else ALL))

    def find(self, proto: int, ends: Tuple) -> list[Entry]:
        """The entries of packets with these addresses and ports, in this direction or back; KernelError if refused.

        Where a port is 0, or the protocol has none, the kernel cannot look them up, and all entries are given, of every
        protocol: the caller has to select.
        """
        exact = proto in PORTED and ends.sport and ends.dport
        return find_connection.find(proto, ends) if exact else self.entries()

    def of_host(self, address: bytes) -> list[Entry]:
        """The connections with this end (4 or 16 bytes), before or after NAT, each once; KernelError with a sentence.

        The kernel looks for those of IPv4; one before 5.8 lists all. Of IPv6 all are listed, because some kernels (6.1)
        list the entries that have another address.
        """
        if len(address) not in FILTERED:
            return [each for each in self.entries() if address in {*each.original[:2], *each.reply[:2]}]
        found = (entry for request in of_host(address) for entry in until_whole(partial(self._dump, request)))
        return list({(entry.proto, entry.original): entry for entry in found}.values())

    def id_of(self, entry: Entry) -> bytes:
        """The id of a connection, in the bytes that a set with the key `ct id` has.

        Empty if the connection has ended, its protocol has no ports, or the kernel refuses; KernelError if it does not
        answer.
        """
        return find_connection.id_of(entry) if entry.proto in PORTED else b""

    def summary(self, begin: Callable[[], C]) -> C:
        """Give the Rows of all entries to `add` of a counter, which `begin` makes, and return that counter.

        Only the Rows of one datagram are in memory at a time. If a dump is repeated, `begin` makes a new counter.
        KernelError as in `entries`.
        """
        return until_whole(lambda: self._counted(begin))

    def offloaded(self, begin: Callable[[], C]) -> C:
        """As `summary`, of entries in a flowtable only (a kernel before 5.17 gives all); `between` is not called."""
        return until_whole(lambda: self._counted(begin, request=OFFLOADED))

    def has_offloaded(self, which: Callable[[Entry], bool]) -> bool:
        """Whether `which` holds for an entry in a flowtable; the first one ends the dump. `between` is not called."""

        def dumped() -> tuple[bool, bool]:
            whole = True
            for part in replies(NETLINK_NETFILTER, OFFLOADED, self._parser.parse, RECEIVE_BUFFER):
                refused(part.errno)
                if any(entry.status & IPS_OFFLOAD and which(entry) for entry in part.entries):
                    return True, True
                whole &= not part.interrupted
            return False, whole

        return until_whole(dumped)

    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]:
        """The counter as of `summary`, and all entries in the order in which they were counted, stored as bytes."""

        def dumped() -> tuple[tuple[C, Messages], bool]:
            messages = Messages(self._parser)
            count, whole = self._counted(begin, messages)
            return (count, messages), whole

        return until_whole(dumped)

    def fast(self, take: Callable[[list[Entry]], None]) -> None:
        """Give `take` the entries in a flowtable, those of one datagram at a time; KernelError if the kernel refuses.

        Some may be missing or repeated, if the table changes meanwhile: the dump is made once. A kernel before 5.17
        gives the others as well. After an error `take` may have had some.
        """
        try:
            for part in replies(NETLINK_NETFILTER, OFFLOADED, self._parser.parse, RECEIVE_BUFFER):
                refused(part.errno)
                take(part.entries)
                self.between()
        except OSError as error:
            raise KernelError(sentence(error, "list its connections")) from error

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """Delete these entries, so that the next packet of each connection must pass the firewall again.

        One that the kernel does not find is looked for in a new dump, because its connection may have been opened anew;
        then it is deleted too. Entries of protocols without ports are left alone: they are never offloaded. The first
        error of a deletion, or that of a dump, is in the result; after one of a deletion the others are tried too.
        """
        wanted = [entry for entry in entries if entry.proto in PORTED]
        done, missing = end(wanted)
        try:
            if missing and not done.error and (found := self._still(missing)):
                again, missing = end(found)
                done = Cut(done.asked, done.ended + again.ended, again.error)
                left = len(self._still(missing)) if missing and not again.error else 0
                return replace(done, error=STILL_THERE.format(left)) if left else done
        except KernelError as refusal:
            return replace(done, error=str(refusal))
        return done

    def _still(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries in a new dump that have the protocol and original tuple of one of these; KernelError."""
        named = {(entry.proto, entry.original) for entry in entries}
        return [entry for entry in self.entries() if (entry.proto, entry.original) in named]

    def _dump(self, request: bytes) -> tuple[list[Entry], bool]:
        """The entries of one dump, and whether it was complete. On a new socket, so that no older reply is in it."""
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
        """The counter after one dump, and whether the dump was complete. `messages` (None: none) stores the entries."""
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
    """A conntrack table in memory with the entries in `held`. `error`: every method that reads raises it; None: none.

    `deleted` records the entries that `delete` has removed.
    """

    def __init__(self, entries: Iterable[Entry] = (), error: KernelError | None = None) -> None:
        super().__init__()
        self.held = list(entries)
        self.error = error
        self.deleted: list[Entry] = []

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """The entries in `held`, with `offloaded` only those in a flowtable; or raise `error`."""
        if self.error:
            raise self.error
        return [entry for entry in self.held if entry.status & IPS_OFFLOAD or not offloaded]

    def find(self, proto: int, ends: Tuple) -> list[Entry]:
        """The entries in `held` that `Conntrack.find` would give; all if a port is 0. Or raise `error`."""
        found, back = self.entries(), Tuple(ends.dst, ends.src, ends.dport, ends.sport, ends.ct_zone)
        if not (ends.sport and ends.dport):
            return found
        return [each for each in found if each.proto == proto and {each.original, each.reply} & {ends, back}]

    def of_host(self, address: bytes) -> list[Entry]:
        """The entries in `held` with this end, before or after NAT; or raise `error`."""
        return [each for each in self.entries() if address in {*each.original[:2], *each.reply[:2]}]

    def id_of(self, entry: Entry) -> bytes:
        """The source port of an entry in `held` as four bytes; empty for others."""
        return entry.original.sport.to_bytes(4, "big") if entry in self.held else b""

    def summary(self, begin: Callable[[], C]) -> C:
        """The counter with the entries in `held`; or raise `error`. Calls `between` once."""
        return self.listed(begin)[0]

    def offloaded(self, begin: Callable[[], C]) -> C:
        """The counter with the offloaded entries in `held`; or raise `error`."""
        count = begin()
        count.add([entry.row for entry in self.entries(offloaded=True)])
        return count

    def has_offloaded(self, which: Callable[[Entry], bool]) -> bool:
        """Whether `which` holds for an offloaded entry in `held`; or raise `error`."""
        return any(map(which, self.entries(offloaded=True)))

    def fast(self, take: Callable[[list[Entry]], None]) -> None:
        """Give `take` the offloaded entries in `held`, all at once; or raise `error`."""
        take(self.entries(offloaded=True))

    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]:
        """The counter with the entries in `held`, and these entries; or raise `error`. Calls `between` once."""
        count, entries = begin(), self.entries()
        count.add([entry.row for entry in entries])
        self.between()
        return count, Entries(entries)

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """Delete those of the entries that are in `held` and whose protocol has ports.

        If there is an `error`, none is deleted, and the result has its sentence.
        """
        wanted = [entry for entry in entries if entry.proto in PORTED]
        if self.error:
            return Cut(len(wanted), 0, str(self.error))
        self.deleted += (ended := [entry for entry in wanted if entry in self.held])
        self.held = [entry for entry in self.held if entry not in ended]
        return Cut(len(wanted), len(ended))


def _nothing() -> None:
    """The default of `between`: no other work."""
