"""Read facts about the running kernel from uname(2) and /proc: release, modules, the size of the conntrack table."""

import os
from pathlib import Path

from offload.model.network import CONNTRACK_MAX


def release() -> str:
    """The running kernel's release, as `uname -r` prints it."""
    return os.uname().release


def modules(path: Path = Path("/proc/modules")) -> tuple[str, ...]:
    """The loaded kernel modules whose names begin with nf_ or nft_, sorted; empty if `path` cannot be read.

    Modules that are built into the kernel are not in it.
    """
    try:
        names = sorted(line.split()[0] for line in path.read_text().splitlines())
    except OSError:
        return ()
    return tuple(name for name in names if name.startswith(("nf_", "nft_")))


def conntrack_max(path: Path = Path("/proc/sys/net/netfilter/nf_conntrack_max")) -> int:
    """How many conntrack entries the kernel allows (0: any number); 65,536 if the file cannot be read."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return CONNTRACK_MAX
