"""Let one service at a time run in a network namespace, because each namespace has one set of our nft tables.

A running service holds an abstract Unix socket (unix(7)). Each network namespace has its own, and the kernel frees it
when the process ends.
"""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from offload.errors import RunningError

NAME = b"\0offload.service"
PAUSE = 0.05  # seconds
PATIENCE = 1.0  # seconds, for one that ends just now
WAITING = 64  # later calls that are answered; they are never accepted, so they stay until the service ends
CREDENTIALS = struct.Struct("iII")  # struct ucred: process, user, group


@contextmanager
def sole(name: bytes = NAME, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the abstract Unix socket `name`, which one process of a network namespace can have, while the body runs.

    RunningError if after `patience` (1) seconds a process of this user or root has it, or a process that is not known
    because too many calls wait for it; the sentence names the process if it is known. RunningError too if the socket
    cannot be bound for another reason. If a process of another user has it, the body runs without it: any program may
    take the name.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as own:
        deadline = time.monotonic() + patience
        while not _take(own, name) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        if own.getsockname() != name and (holder := _process_with(name)) is not None:
            who = f" (process {holder})" if holder else ""
            raise RunningError(
                f"a service is running already{who}: 'offload status' shows what it does, and '/etc/init.d/offload "
                "stop' ends it, or kill where it was started by hand"
            )
        yield


def _take(own: socket.socket, name: bytes) -> bool:
    try:
        own.bind(name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise RunningError(f"whether a service is running already cannot be found: {error.strerror}") from error
        return False
    own.listen(WAITING)
    return True


def _process_with(name: bytes) -> int | None:
    # 0 if it is not known, None if it is another user's, or gone
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as question:
        try:
            question.connect(name)
            found = question.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        except BlockingIOError:  # as many have asked as wait at most
            return 0
        except OSError:
            return None
    process, user, _ = CREDENTIALS.unpack(found)
    return int(process) if user in {0, os.geteuid()} else None
