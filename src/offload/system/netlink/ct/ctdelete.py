"""Delete conntrack entries over ctnetlink, many with one datagram."""

import errno
import os
import socket
from collections import defaultdict
from collections.abc import Sequence

from offload.model.applied import Cut
from offload.model.flow import Entry, Tuple
from offload.system.netlink.ct.ctdump import RECEIVE_BUFFER, refused, sentence
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_NEW, Parser, Part
from offload.system.netlink.ct.ctrequest import ALL, ICMP, answers, deletions, of_icmp, which
from offload.system.netlink.dump import DATAGRAM, PATIENCE, replies, widen
from offload.system.netlink.wire import NETLINK_NETFILTER, message, messages

BATCH = 128  # deletions in one datagram of 10 KiB; as many replies fit in any receive buffer
Ends = tuple[int, Tuple]  # IP protocol and original direction
# Meanings of a refused deletion; a missing entry is no error.
REFUSALS = {
    errno.EPERM: "only root may end connections: run as root (or with CAP_NET_ADMIN)",
    errno.EBUSY: "this kernel ends no offloaded connection (it is older than 6.1.32 or 6.4): they end by themselves "
    "when they are returned to the slow path, or fall silent",
}


def end(wanted: list[Entry]) -> tuple[Cut, list[Entry]]:
    """Ask the kernel once to delete each entry. Returns (Cut, entries that the kernel did not find).

    If the kernel refuses to delete an entry, the others are still tried, and the Cut has the sentence of the first
    refusal. If the exchange with the kernel fails, the rest is not tried, the Cut has the sentence of that failure, and
    the list is empty. No OSError is raised.
    """
    errors: list[int] = []
    try:
        bodies = _bodies(wanted)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(PATIENCE)
            widen(kernel, RECEIVE_BUFFER)
            for first in range(0, len(wanted), BATCH):
                errors += _delete(kernel, bodies[first : first + BATCH], first + 1)
    except OSError as failure:
        return Cut(len(wanted), errors.count(0), sentence(failure, "end connections")), []
    refusal = next((each for each in errors if each not in {0, errno.ENOENT}), 0)
    other = f"the kernel did not end a connection: {os.strerror(refusal)}" if refusal else ""
    missing = [entry for entry, number in zip(wanted, errors, strict=True) if number == errno.ENOENT]
    return Cut(len(wanted), errors.count(0), REFUSALS.get(refusal, other)), missing


def _bodies(wanted: Sequence[Entry]) -> list[bytes | None]:
    # of the request to delete each; None: of ICMP, and not in the table any more
    icmp = _icmp(frozenset((entry.proto, entry.original) for entry in wanted if entry.proto in ICMP))
    found = list[bytes | None]()
    for entry in wanted:
        if entry.proto not in ICMP:
            found.append(which(entry.proto, entry.original))
        else:
            same = icmp[entry.proto, entry.original]
            found.append(which(entry.proto, entry.original, same.pop()) if same else None)
    return found


def _icmp(wanted: frozenset[Ends]) -> defaultdict[Ends, list[bytes]]:
    # The part of the tuple that an Entry lacks, read from a new dump. Several pings may have the same two ends.
    found, parser = defaultdict[Ends, list[bytes]](list), Parser()

    def read(datagram: bytes) -> Part:
        part = parser.parse(datagram)
        refused(part.errno)
        if any((entry.proto, entry.original) in wanted for entry in part.entries):
            for body in (body for kind, body in messages(datagram) if kind == IPCTNL_MSG_CT_NEW):
                for entry in parser.parse(message(IPCTNL_MSG_CT_NEW, body)).entries:
                    found[entry.proto, entry.original].append(of_icmp(body))
        return part

    for _ in replies(NETLINK_NETFILTER, ALL, read, RECEIVE_BUFFER) if wanted else ():
        pass
    return found


def _delete(kernel: socket.socket, bodies: Sequence[bytes | None], first: int) -> list[int]:
    # one number for each entry: 0, or the error
    asked = {number: body for number, body in enumerate(bodies, first) if body is not None}
    if asked:
        kernel.send(deletions(asked))
    found: dict[int, int] = {}
    while len(found) < len(asked):
        found |= {number: code for number, code in answers(kernel.recv(DATAGRAM)) if number in asked}
    return [found.get(number, errno.ENOENT) for number in range(first, first + len(bodies))]
