"""Repeat incomplete dumps of ctnetlink, and turn its errors into sentences."""

import errno
import os
from collections.abc import Callable
from typing import TypeVar

from offload.errors import KernelError
from offload.system.netlink.dump import PATIENCE, TRIES

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
RECEIVE_BUFFER = 4 << 20

T = TypeVar("T")


def until_whole(dump: Callable[[], tuple[T, bool]]) -> T:
    """Call `dump`, which returns (result, whether it is complete), until it is complete, TRIES (3) times at most.

    Returns the last result, complete or not. After ENOBUFS (the socket's receive buffer overran) `dump` is called
    again. KernelError if it raises another OSError, or ENOBUFS in the last call.
    """
    for tried in range(1, TRIES + 1):
        try:
            found, whole = dump()
        except OSError as error:
            if tried == TRIES or error.errno != errno.ENOBUFS:
                raise KernelError(sentence(error, "list its connections")) from error
            continue
        if whole or tried == TRIES:
            return found
    raise AssertionError  # the last try returned or raised


def refused(number: int) -> None:
    """Raise an OSError for a positive error number that the kernel sent; do nothing for 0, which is success."""
    if number:
        raise OSError(number, os.strerror(number))


def sentence(error: OSError, what: str) -> str:
    """A sentence, without full stop, for an OSError of an exchange with the kernel: what failed, and often what to do.

    `what`: the rest of `the kernel did not ...`, such as `list its connections`. It is not used for the error numbers
    in SENTENCES.
    """
    if isinstance(error, TimeoutError):
        return f"the kernel did not {what} within {PATIENCE:.0f} s"
    return SENTENCES.get(error.errno or 0, f"the kernel did not {what}: {error.strerror or error}")
