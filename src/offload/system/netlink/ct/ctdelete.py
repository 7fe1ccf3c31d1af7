"""Delete conntrack entries over ctnetlink, many with one datagram."""

import errno
import os
import socket

from offload.model.applied import Cut
from offload.model.flow import Entry
from offload.system.netlink.ct.ctdump import RECEIVE_BUFFER, sentence
from offload.system.netlink.ct.ctrequest import answers, deletions
from offload.system.netlink.dump import DATAGRAM, PATIENCE, widen
from offload.system.netlink.wire import NETLINK_NETFILTER

BATCH = 128  # deletions in one datagram of 10 KiB; as many replies fit in any receive buffer
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
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(PATIENCE)
            widen(kernel, RECEIVE_BUFFER)
            for first in range(0, len(wanted), BATCH):
                errors += _delete(kernel, wanted[first : first + BATCH], first + 1)
    except OSError as failure:
        return Cut(len(wanted), errors.count(0), sentence(failure, "end connections")), []
    refused = next((each for each in errors if each not in {0, errno.ENOENT}), 0)
    other = f"the kernel did not end a connection: {os.strerror(refused)}" if refused else ""
    missing = [entry for entry, number in zip(wanted, errors, strict=True) if number == errno.ENOENT]
    return Cut(len(wanted), errors.count(0), REFUSALS.get(refused, other)), missing


def _delete(kernel: socket.socket, entries: list[Entry], first: int) -> list[int]:
    # one number for each entry: 0, or the error
    kernel.send(deletions(entries, first))
    found: dict[int, int] = {}
    asked = range(first, first + len(entries))
    while len(found) < len(entries):
        found |= {number: code for number, code in answers(kernel.recv(DATAGRAM)) if number in asked}
    return [found[number] for number in asked]
