"""Commands that load the firewall take turns: one lock, and when a process began, so that five calls are one load."""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from offload.errors import FileError
from offload.system.files.locks import holder

LOCK = Path("/var/run/fw4.lock")  # fw4's own, which other programs take too
PAUSE = 0.02  # seconds
FIRST_PATIENCE, LAST_PATIENCE = 2.0, 30.0  # a load takes some seconds on a slow router
STARTTIME = 19  # field 22 of /proc/PID/stat (proc_pid_stat(5)), counted behind the name, in ticks since boot


@contextmanager
def turn(
    say: Callable[[str], None], lock: Path = LOCK, first: float = FIRST_PATIENCE, last: float = LAST_PATIENCE
) -> Iterator[None]:
    """Work alone on the firewall. After `first` seconds it says who it waits for, after `last` a FileError names it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FileError(f"{lock} cannot be opened: {error.strerror}") from error
    try:
        if not _locked(descriptor, lock, first):
            say(f"Waiting for {holder(descriptor)}, which works on the firewall.")
            if not _locked(descriptor, lock, last - first):
                who = holder(descriptor)
                raise FileError(f"{who} has been working on the firewall for more than {last:g} s; nothing was changed")
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, lock: Path, patience: float) -> bool:
    """Wait for the lock; False where another process still holds it."""
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


def began(stat: Path = Path("/proc/self/stat")) -> float:
    """Seconds since boot when this process began, rounded up to the next tick of the kernel; now, without /proc."""
    try:
        ticks = int(stat.read_text().rpartition(")")[2].split()[STARTTIME])
    except (OSError, ValueError, IndexError):
        return now()
    return (ticks + 1) / os.sysconf("SC_CLK_TCK")


def now() -> float:
    """Seconds since boot, as `began` counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
