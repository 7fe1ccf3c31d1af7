"""A virtual machine whose kernel is a program on this machine (UML): it starts in about a second, without root.

It sees this machine's files, so the tests run this working copy with its .venv. What it writes goes to a file system in
its memory, except below build/. Do not change files while it runs: it may see the new bytes with the old size.

It has one processor, and its time is this machine's. With OFFLOAD_TIME_TRAVEL its clock jumps to the next timer when
all of it waits, so a minute's sleep takes no time. That is right for tests that only wait (test_service and test_totals
pass so). It is wrong for whatever compares with a clock outside of the machine. The kernel's other mode (`inf-cpu`, in
which computing takes no time either) is of no use here: what polls without sleeping, as pppd's reconnect in
test_reconnect, does not end.
"""

import os
import shutil
import tempfile
from pathlib import Path

from kernel import source
from kernel.console import TIMED_OUT, report, run
from kernel.guest import BUILD, REPOSITORY, foreign_packages, interpreter, script

DIED = 255
MEMORY = "1G"  # taken from this machine as it is used
SMALL = 2 << 30  # bytes; a container's /dev/shm is often too small for the memory of a machine
TRAVEL = bool(os.environ.get("OFFLOAD_TIME_TRAVEL"))
PATH = "/run/python:/usr/sbin:/usr/bin:/sbin:/bin:/run/busybox"

# Without this 6.1 computes for four seconds until it has randomness, and where time travels it panics as its clock
# moves meanwhile. Python itself asks for none with PYTHONHASHSEED. RNDADDENTROPY of linux/random.h, 256 bits.
SEED = """PYTHONHASHSEED=0 /run/python/python3 -S -c 'import fcntl, struct
fcntl.ioctl(open("/dev/random", "wb"), 0x40085203, struct.pack("ii32s", 256, 32, bytes.fromhex("{randomness}")))'"""

# Runs as process 1. Its root is this machine's; `root` becomes the one of the command.
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd {folder}
mount -t proc proc /proc
mount -t tmpfs tmpfs memory
mkdir memory/upper memory/work memory/empty
mount -t overlay -o lowerdir=/,upperdir=memory/upper,workdir=memory/work overlay root
cd root
mkdir -p .host dev etc/config etc/netns proc run sys usr/lib/modules/{release}
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount --bind {modules} usr/lib/modules/{release}
mount --bind {build} .{build}
{hidden}pivot_root . .host
cd {repository}
umount -l /.host
mkdir -p /run/netns /run/busybox /run/python
ln -s {interpreter} /run/python/python3
busybox --install -s /run/busybox
ip link set lo up
stty -opost </dev/ttyS0
{{ {seed}
sh {folder}/command.sh; echo $? >{folder}/status; }} </dev/null 2>&1 | cat >/dev/ttyS0
busybox poweroff -f
"""


def boot(command: list[str], series: str) -> int:
    """Boot, run, and return the command's exit status, or DIED."""
    kernel = source.kernel(series)
    engine = source.engine(kernel)
    with tempfile.TemporaryDirectory(prefix="vm-", dir=BUILD) as name:
        folder = Path(name)
        for directory in ("memory", "root"):
            (folder / directory).mkdir()
        (folder / "command.sh").write_text(
            f"export PYTHONPYCACHEPREFIX={BUILD}/bytecode\n" + script(command, engine, path=PATH)
        )
        _write_init(folder / "init", kernel)
        log = folder / "console"
        ended = run(_program(kernel.program, folder / "init"), os.environ | _memory(folder), log)
        status = _status(folder / "status")
        report(log, died=status == DIED and ended != TIMED_OUT)
        return TIMED_OUT if ended == TIMED_OUT else status


def _write_init(file: Path, kernel: source.Built) -> None:
    places = {"folder": file.parent, "build": BUILD, "repository": REPOSITORY, "interpreter": interpreter()}
    hidden = "".join(f"mount --bind {file.parent}/memory/empty .{folder}\n" for folder in foreign_packages())
    seed = SEED.format(randomness=os.urandom(32).hex())
    file.write_text(INIT.format(**places, hidden=hidden, seed=seed, release=kernel.release, modules=kernel.modules))
    file.chmod(0o755)


def _program(kernel: Path, init: Path) -> list[str]:
    """The kernel and its command line; what it prints itself goes to standard error."""
    files = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", f"init={init}"]
    consoles = ["con=null", "con0=null,fd:2", "ssl=null", "ssl0=null,fd:1", "stderr=1", "loglevel=5"]
    travel = ["time-travel"] if TRAVEL else []
    return [str(kernel), f"mem={MEMORY}", *files, *consoles, *travel]


def _memory(folder: Path) -> dict[str, str]:
    """Where the file is that is the machine's memory: in memory where there is room for it."""
    shared = Path("/dev/shm")  # noqa: S108  # the kernel's own choice
    roomy = shared.is_dir() and shutil.disk_usage(shared).free > SMALL
    return {"TMPDIR": str(shared if roomy else folder)}


def _status(file: Path) -> int:
    """What the init script wrote at its end; a machine that died has not."""
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return DIED
