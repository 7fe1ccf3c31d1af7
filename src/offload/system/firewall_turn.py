"""Let one command at a time load the firewall, by fw4's lock, and find out when a command was called.

A command that waited for the lock need not load if another load began after the command was called.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from offload.errors import FileError
from offload.system.files.locks import holder

LOCK = Path("/var/run/fw4.lock")  # fw4's own lock, which other programs use too
PAUSE = 0.02  # seconds
FIRST_PATIENCE, LAST_PATIENCE = 2.0, 30.0  # seconds; a load takes some on a slow router
CALLED = "OFFLOAD_CALLED"  # environment variable that /sbin/fw4 sets: the first number of /proc/uptime
UPTIME_TICK = 0.01  # seconds; /proc/uptime has two digits behind the point


@contextmanager
def turn(
    say: Callable[[str], None], lock: Path = LOCK, first: float = FIRST_PATIENCE, last: float = LAST_PATIENCE
) -> Iterator[None]:
    """Wait for the lock file of fw4 (/var/run/fw4.lock, flock), at most `last` (30) seconds, and hold it in the body.

    The file is made if missing. After `first` (2) seconds of waiting, `say` gets one line, with the name of the process
    that has the lock if it is found. FileError after `last` seconds, or if the file is a link, or cannot be opened or
    locked.
    """
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FileError(f"{lock} cannot be opened: {error.strerror}") from error
    try:
        if not _lock_within(descriptor, lock, first):
            say(f"Waiting for {holder(descriptor)}, which works on the firewall.")
            if not _lock_within(descriptor, lock, last - first):
                who = holder(descriptor)
                raise FileError(f"{who} has been working on the firewall for more than {last:g} s; nothing was changed")
        yield
    finally:
        os.close(descriptor)


def _lock_within(descriptor: int, lock: Path, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                raise FileError(f"{lock} cannot be locked: {error.strerror}") from error
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE)
        else:
            return True


def began(environment: MutableMapping[str, str] = os.environ) -> float:
    """When this command was called, in seconds since boot: the environment variable OFFLOAD_CALLED, else now.

    /sbin/fw4 sets the variable; here it is removed from `environment`. Its value is rounded up, but never later than
    now; one that is no number counts as absent.
    """
    # Not the start of the process: a shell runs its last command in its own process, which may be older than the call.
    try:
        called = float(environment.pop(CALLED, "")) + UPTIME_TICK
    except ValueError:
        return now()
    return min(called, now())


def now() -> float:
    """The present time in seconds since boot, with suspended time (CLOCK_BOOTTIME), to compare with `began`."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
