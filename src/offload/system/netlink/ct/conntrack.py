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
from offload.system.netlink.ct.ctrequest import ALL, FILTERED, ICMP, OFFLOADED, of_host
from offload.system.netlink.ct.ctsummary import Messages, RowParser, Rows
from offload.system.netlink.dump import collector_resting, replies
from offload.system.netlink.wire import NETLINK_NETFILTER

STILL_THERE = "{} connections are still there, though the kernel says that it does not find them"


class Conntrack:
    """The conntrack table of this process's network namespace.

    Methods that read raise KernelError if the kernel refuses or does not reply; but `id_of` returns b"" if it refuses.
    `between`: function that the caller may set, to do other work during a dump: it is called after each datagram, but
    not by `offloaded` and `has_offloaded`.
    """

    def __init__(self) -> None:
        self._parser = Parser()
        self._rows = RowParser(self._parser)
        self.between: Callable[[], None] = lambda: None

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """All conntrack entries, IPv4 and IPv6; with `offloaded` only those in a flowtable (kernels before 5.17: all).

        If the table changes during the dump, entries may be missing or come twice.
        """
        return until_whole(lambda: self._dump(OFFLOADED if offloaded else ALL))

    def find(self, proto: int, ends: Tuple) -> list[Entry]:
        """The entries of packets of this IP protocol with these addresses and ports, or with both ends swapped.

        If a port is 0, or the protocol is in ICMP, it returns the whole table: the caller has to select.
        """
        exact = proto not in ICMP and ends.sport and ends.dport
        return self._exactly(proto, ends) if exact else self.entries()

    def of_host(self, address: bytes) -> list[Entry]:
        """The entries with this packed address as source or destination, of the original or the reply direction.

        `address`: 4 or 16 bytes. For IPv4 a kernel before 5.8 gives all entries.
        """
        if len(address) not in FILTERED:
            return [each for each in self.entries() if address in {*each.original[:2], *each.reply[:2]}]
        found = (entry for request in of_host(address) for entry in until_whole(partial(self._dump, request)))
        return list({(entry.proto, entry.original, entry.ct_id): entry for entry in found}.values())

    def id_of(self, entry: Entry) -> bytes:
        """The id of a connection: four bytes, as nft compares them with `ct id`.

        KernelError if the kernel does not reply. Empty if the connection has ended, its protocol is in ICMP, or the
        kernel refuses.
        """
        return b"" if entry.proto in ICMP else find_connection.id_of(entry)

    def summary(self, begin: Callable[[], C]) -> C:
        """Make a counter by `begin`, add a Row (addresses, status, bytes) of each entry to it, and return it.

        Its `add` is called once for each datagram of the dump. If the dump has to be made again, `begin` makes a new
        counter.
        """
        return until_whole(lambda: self._counted(begin))

    def offloaded(self, begin: Callable[[], C]) -> C:
        """As `summary`, but only for entries in a flowtable (kernels before 5.17: all); `between` is not called."""
        return until_whole(lambda: self._counted(begin, request=OFFLOADED))

    def has_offloaded(self, which: Callable[[Entry], bool]) -> bool:
        """Whether `which` is True for any entry in a flowtable. Reading ends at the first such entry."""

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
        """As `summary`, with the entries: returns (the counter, all entries in the order of the dump).

        The entries are stored as the kernel's bytes; each is parsed when it is read.
        """

        def dumped() -> tuple[tuple[C, Messages], bool]:
            messages = Messages(self._parser)
            count, whole = self._counted(begin, messages)
            return (count, messages), whole

        return until_whole(dumped)

    def fast(self, take: Callable[[Entries], None]) -> None:
        """Dump the entries that are in a flowtable, and call `take` for each datagram of the dump, with its entries.

        The dump is made once: if the table changes meanwhile, entries may be missing or come twice. A kernel before
        5.17 gives all entries. `take` may have been called before a KernelError.
        """

        def read(datagram: bytes) -> Rows:
            rows, found = self._rows.parse(datagram), Messages(self._parser)
            refused(rows.errno)
            found.add(datagram, rows)
            take(found)
            return rows

        try:
            for _ in replies(NETLINK_NETFILTER, OFFLOADED, read, RECEIVE_BUFFER):
                self.between()
        except OSError as error:
            raise KernelError(sentence(error, "list its connections")) from error

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """Delete these conntrack entries; the firewall then decides about the next packet of each connection anew.

        Never raises KernelError: the Cut has `error` if the kernel refuses or does not reply, or if it answers twice
        `not found` for an entry that is still in a new dump.
        """
        wanted = list(entries)
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

    def _exactly(self, proto: int, ends: Tuple) -> list[Entry]:
        return find_connection.find(proto, ends)

    def _still(self, entries: Iterable[Entry]) -> list[Entry]:
        named = {(entry.proto, entry.original) for entry in entries}
        return [entry for entry in self.entries() if (entry.proto, entry.original) in named]

    def _dump(self, request: bytes) -> tuple[list[Entry], bool]:
        # on a new socket, so that no older reply is in it
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
    """Entries in memory, `held`; `delete` moves them to `deleted`. Reads, except `id_of`, raise `error` if set."""

    def __init__(self, entries: Iterable[Entry] = (), error: KernelError | None = None) -> None:
        super().__init__()
        self.held = list(entries)
        self.error = error
        self.deleted: list[Entry] = []

    def entries(self, *, offloaded: bool = False) -> list[Entry]:
        """The entries in `held`; with `offloaded` only those in a flowtable."""
        if self.error:
            raise self.error
        return [entry for entry in self.held if entry.status & IPS_OFFLOAD or not offloaded]

    def _exactly(self, proto: int, ends: Tuple) -> list[Entry]:
        both = {ends, Tuple(ends.dst, ends.src, ends.dport, ends.sport, ends.ct_zone)}
        return [each for each in self.entries() if each.proto == proto and {each.original, each.reply} & both]

    def of_host(self, address: bytes) -> list[Entry]:
        """The entries in `held` with this packed address as source or destination, original or reply."""
        return [each for each in self.entries() if address in {*each.original[:2], *each.reply[:2]}]

    def id_of(self, entry: Entry) -> bytes:
        """The source port of the entry as four bytes, in place of its id; empty if the entry is not in `held`."""
        return entry.original.sport.to_bytes(4, "big") if entry in self.held else b""

    def summary(self, begin: Callable[[], C]) -> C:
        """Make a counter by `begin`, add the Row of each entry in `held`, and return it. Calls `between` once."""
        return self.listed(begin)[0]

    def offloaded(self, begin: Callable[[], C]) -> C:
        """Make a counter by `begin`, add the Row of each entry in `held` that is in a flowtable, and return it."""
        count = begin()
        count.add([entry.row for entry in self.entries(offloaded=True)])
        return count

    def has_offloaded(self, which: Callable[[Entry], bool]) -> bool:
        """Whether `which` is true for an entry in `held` that is in a flowtable."""
        return any(map(which, self.entries(offloaded=True)))

    def fast(self, take: Callable[[Entries], None]) -> None:
        """Call `take` once, with the entries in `held` that are in a flowtable."""
        take(Entries(self.entries(offloaded=True)))

    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]:
        """As `summary`, with the entries: returns (the counter, the entries in `held`). Calls `between` once."""
        count, entries = begin(), self.entries()
        count.add([entry.row for entry in entries])
        self.between()
        return count, Entries(entries)

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """Move entries from `held` to `deleted`.

        The Cut counts those given (`asked`) and those that were in `held` (`ended`). If `error` is set, nothing is
        moved, and the Cut has its sentence.
        """
        wanted = list(entries)
        if self.error:
            return Cut(len(wanted), 0, str(self.error))
        self.deleted += (ended := [entry for entry in wanted if entry in self.held])
        self.held = [entry for entry in self.held if entry not in ended]
        return Cut(len(wanted), len(ended))
