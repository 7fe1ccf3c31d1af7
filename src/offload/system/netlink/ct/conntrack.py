"""The door to the kernel's connection table, over ctnetlink: read all of it, and end connections.

A reader of its own, made for the 65,536 entries of a busy router.
"""

import errno
import gc
import os
import socket
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import TypeVar, overload

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import IPS_OFFLOAD, C, Entry
from offload.system.netlink.ct.ctnetlink import Parser
from offload.system.netlink.ct.ctrequest import ALL, OFFLOADED, PORTED, answers, deletions
from offload.system.netlink.ct.ctsummary import RowParser, Rows
from offload.system.netlink.dump import DATAGRAM, PATIENCE, TRIES, replies, widen
from offload.system.netlink.wire import NETLINK_NETFILTER

RECEIVE_BUFFER = 4 << 20
BATCH = 128  # deletions in one datagram: 10 KiB, and as many answers fit any receive buffer

NO_PERMISSION = "only root may read the kernel's connection table: run as root (or with CAP_NET_ADMIN)"
NO_CTNETLINK = "this kernel cannot list connections (no ctnetlink); install kmod-nf-conntrack-netlink"
SENTENCES = {
    errno.EPERM: NO_PERMISSION,
    errno.EACCES: NO_PERMISSION,
    errno.EPROTONOSUPPORT: NO_CTNETLINK,  # socket(): no nfnetlink
    errno.EAFNOSUPPORT: NO_CTNETLINK,
    errno.EINVAL: NO_CTNETLINK,  # nfnetlink_rcv_msg(): no module serves this subsystem
    errno.EOPNOTSUPP: NO_CTNETLINK,
    errno.ENOBUFS: "the kernel's connection table is too busy to be read: its answer overran the receive buffer",
}
# What a refused deletion means; that an entry is gone already is what was wanted.
REFUSALS = {
    errno.EPERM: "only root may end connections: run as root (or with CAP_NET_ADMIN)",
    errno.EBUSY: "this kernel ends no offloaded connection (it is older than 6.1.32 or 6.4): they end by themselves "
    "when they are returned to the slow path, or fall silent",
}


STILL_THERE = "{} connections are still there, though the kernel says that it does not find them"


T = TypeVar("T")


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
        return _whole(lambda: self._dump(OFFLOADED if offloaded else ALL))

    def summary(self, begin: Callable[[], C]) -> C:
        """Count all entries, each as a Row, with what `begin` makes; KernelError as for `entries`.

        For callers that need numbers alone: no more than a datagram's Rows are in memory at a time. A dump that is
        repeated gets a new counter from `begin`.
        """
        return _whole(lambda: self._counted(begin))

    def offloaded(self, begin: Callable[[], C]) -> C:
        """As `summary`, of the entries in a flowtable; older kernels give the others as well. `between` waits."""
        return _whole(lambda: self._counted(begin, request=OFFLOADED))

    def listed(self, begin: Callable[[], C]) -> tuple[C, Sequence[Entry]]:
        """As `summary`, and all entries in the order in which they were counted."""

        def dumped() -> tuple[tuple[C, Messages], bool]:
            messages = Messages(self._parser)
            count, whole = self._counted(begin, messages)
            return (count, messages), whole

        return _whole(dumped)

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """End these connections: the next packet of each must pass the firewall anew.

        An entry that is gone already counts neither as ended nor as refused. It is looked for once more, for it may
        have been opened again meanwhile; if it is found then, it is ended, or that is an error. Only protocols with
        ports are ended: no other is ever offloaded.
        """
        wanted = [entry for entry in entries if entry.proto in PORTED]
        done, missing = self._end(wanted)
        if missing and not done.error and (found := self._still(missing)):
            again, missing = self._end(found)
            left = len(self._still(missing)) if missing and not again.error else 0
            error = again.error or (STILL_THERE.format(left) if left else "")
            done = Cut(done.asked, done.ended + again.ended, error)
        return done

    def _still(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those of the connection table that have the protocol, tuple and zone of one of these."""
        named = {(entry.proto, entry.original) for entry in entries}
        return [entry for entry in self.entries() if (entry.proto, entry.original) in named]

    def _end(self, wanted: list[Entry]) -> tuple[Cut, list[Entry]]:
        """Ask once for each to be ended; also those that the kernel did not find."""
        errors: list[int] = []
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
                kernel.settimeout(PATIENCE)
                widen(kernel, RECEIVE_BUFFER)
                for first in range(0, len(wanted), BATCH):
                    errors += _delete(kernel, wanted[first : first + BATCH], first + 1)
        except OSError as failure:
            return Cut(len(wanted), errors.count(0), _sentence(failure, "end connections")), []
        refused = next((each for each in errors if each not in {0, errno.ENOENT}), 0)
        other = f"the kernel did not end a connection: {os.strerror(refused)}" if refused else ""
        missing = [entry for entry, number in zip(wanted, errors, strict=True) if number == errno.ENOENT]
        return Cut(len(wanted), errors.count(0), REFUSALS.get(refused, other)), missing

    def _dump(self, request: bytes) -> tuple[list[Entry], bool]:
        """Ask once, on a socket of its own so that nothing of an earlier answer can be left in it."""
        entries, whole = [], True
        with _collector_resting():
            for part in replies(NETLINK_NETFILTER, request, self._parser.parse, RECEIVE_BUFFER):
                _refused(part.errno)
                entries += part.entries
                whole &= not part.interrupted
                self.between()
        return entries, whole

    def _counted(
        self, begin: Callable[[], C], messages: "Messages | None" = None, request: bytes = ALL
    ) -> tuple[C, bool]:
        """Count what each datagram of one dump held; whether that was all."""
        count, whole = begin(), True

        def read(datagram: bytes) -> Rows:
            rows = self._rows.parse(datagram)
            if messages is not None:
                messages.add(datagram, rows.places)
            return rows

        for part in replies(NETLINK_NETFILTER, request, read, RECEIVE_BUFFER):
            _refused(part.errno)
            count.add(part.rows)
            whole &= not part.interrupted
            if request is ALL:
                self.between()
        return count, whole


class Messages(Sequence[Entry]):
    """Entries as the kernel's bytes, some 280 for each, taken apart where one is asked for."""

    def __init__(self, parser: Parser) -> None:
        self._entry = parser.entry
        self._datagrams: list[bytes] = []
        self._datagram_of, self._places = array("I"), array("I")

    def add(self, datagram: bytes, places: list[int]) -> None:
        """Keep those of a datagram that begin at these places."""
        self._datagram_of.extend(repeat(len(self._datagrams), len(places)))
        self._places.extend(places)
        self._datagrams.append(datagram)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, number: int) -> Entry: ...
    @overload
    def __getitem__(self, number: slice) -> list[Entry]: ...
    def __getitem__(self, number: int | slice) -> Entry | list[Entry]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        return self._entry(self._datagrams[self._datagram_of[number]], self._places[number])


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

    def summary(self, begin: Callable[[], C]) -> C:
        """The entries given, counted, or the error."""
        return self.listed(begin)[0]

    def offloaded(self, begin: Callable[[], C]) -> C:
        """Those given that are offloaded, counted, or the error."""
        count = begin()
        count.add([entry.row for entry in self.entries(offloaded=True)])
        return count

    def listed(self, begin: Callable[[], C]) -> tuple[C, Sequence[Entry]]:
        """The entries given, counted, and themselves."""
        count, entries = begin(), self.entries()
        count.add([entry.row for entry in entries])
        self.between()
        return count, entries

    def delete(self, entries: Iterable[Entry]) -> Cut:
        """End those that are here and can be ended; an error given refuses them all."""
        wanted = [entry for entry in entries if entry.proto in PORTED]
        if self._error:
            return Cut(len(wanted), 0, str(self._error))
        self.deleted += (ended := [entry for entry in wanted if entry in self._entries])
        self._entries = [entry for entry in self._entries if entry not in ended]
        return Cut(len(wanted), len(ended))


def _whole(dump: Callable[[], tuple[T, bool]]) -> T:
    """The result of a dump; KernelError with a sentence where the kernel refuses.

    When the kernel calls a dump interrupted it is asked again; if it says so every time, the last answer is as good as
    any other.
    """
    for tried in range(1, TRIES + 1):
        try:
            found, whole = dump()
        except OSError as error:
            if tried == TRIES or error.errno != errno.ENOBUFS:
                raise KernelError(_sentence(error, "list its connections")) from error
            continue
        if whole or tried == TRIES:
            return found
    raise AssertionError  # the last try returned or raised


def _nothing() -> None:
    """The default of `between`."""


def _refused(number: int) -> None:
    """Raise the error that a dump ended with, if any."""
    if number:
        raise OSError(number, os.strerror(number))


def _delete(kernel: socket.socket, entries: list[Entry], first: int) -> list[int]:
    """Send one batch and wait for its answers: one error number each, 0 for an entry that was ended."""
    kernel.send(deletions(entries, first))
    found: dict[int, int] = {}
    asked = range(first, first + len(entries))
    while len(found) < len(entries):
        found |= {number: code for number, code in answers(kernel.recv(DATAGRAM)) if number in asked}
    return [found[number] for number in asked]


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Three tuples per entry, none of them in a cycle: the collector would walk them all, again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _sentence(error: OSError, what: str) -> str:
    if isinstance(error, TimeoutError):
        return f"the kernel did not {what} within {PATIENCE:.0f} s"
    return SENTENCES.get(error.errno or 0, f"the kernel did not {what}: {error.strerror or error}")
