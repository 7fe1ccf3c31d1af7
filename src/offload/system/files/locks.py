"""Name the process that holds a file's lock, from /proc/locks (proc_locks(5)), for an error message."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
LONGEST_NAME = 15  # characters of /proc/PID/comm (TASK_COMM_LEN, include/linux/sched.h)


def holder(descriptor: int, proc: Path = PROC) -> str:
    """Id and name of the process that has the lock on an open file, as text for a message: `process 4711 'flock'`.

    If several have it, the first that is listed; `?` for a name that is not known. `another process` if /proc/locks or
    the file's status cannot be read; `a process that /proc/locks does not list` if it has none. Never raises.
    """
    try:
        status, text = os.fstat(descriptor), (proc / "locks").read_text(errors="replace")
    except OSError:
        return "another process"
    for number in holders(text, status.st_dev, status.st_ino):
        return f"process {number} '{_name(number, proc)}'"
    return "a process that /proc/locks does not list"


def holders(text: str, device: int, inode: int) -> list[int]:
    """The ids of the processes that have a lock on a file, from the text of /proc/locks; empty if none has.

    Processes that only wait for it, or that the kernel does not name (of another PID namespace), are left out.
    `device`, `inode`: of the file, from stat(2). If both together fit no lock, the inode alone decides: on an overlay
    or a subvolume stat(2) gives another device number. Never raises.
    """
    found = [(number, where) for number, where, known in _entries(text) if known == inode]
    exact = [number for number, where in found if where == (os.major(device), os.minor(device))]
    return exact or [number for number, _ in found]


def _entries(text: str) -> Iterator[tuple[int, tuple[int, int], int]]:
    # a line with `->` is of a process that waits
    for line in text.splitlines():
        words = line.split()
        try:
            _, _, _, _, number, place, *_ = words if "->" not in words else []
            major, minor, inode = place.split(":")
            entry = int(number), (int(major, 16), int(minor, 16)), int(inode)
        except ValueError:
            continue
        if entry[0] > 0:  # 0: a process of another PID namespace
            yield entry


def _name(number: int, proc: Path) -> str:
    try:
        name = (proc / str(number) / "comm").read_text(errors="replace")
    except OSError:
        return "?"
    return "".join(char if char.isprintable() else "?" for char in name.rstrip("\n"))[:LONGEST_NAME]
