"""Runs a command in a virtual machine: `python -m kernel.vm COMMAND...`.

The machine is a user-mode kernel of the series OFFLOAD_KERNEL, by default 6.1 (usermode.py), or with
OFFLOAD_MACHINE=qemu Debian's stock kernel in QEMU (qemu.py), which OFFLOAD_ICOUNT always takes. It is gone afterwards;
what the command writes to build/ stays. Output comes as it is written, the exit status is the command's own, and a
machine that hangs is ended with status 124. Where the machine's kernel dies under the command, what it printed last is
shown; with --once-more before the command, all of it is then tried a second time, for the flowtables of some stock
kernels free what they still use (6.12 to this day, in flow_offload_work_handler()).
"""

import os
import signal
import sys

from kernel import qemu, source, usermode
from kernel.guest import BUILD

DIED = 255
ONCE_MORE = "--once-more"
SOONER = "sooner"  # the user-mode kernel if it is built already


def boot(command: list[str]) -> int:
    """Boot the machine that the environment names, run the command, and return its exit status, or DIED."""
    series = os.environ.get("OFFLOAD_KERNEL", "")
    machine = os.environ.get("OFFLOAD_MACHINE") or ("qemu" if os.environ.get("OFFLOAD_ICOUNT") else "usermode")
    if machine == SOONER:
        machine = "usermode" if source.found(series or source.SERIES[0]) else "qemu"
    BUILD.mkdir(exist_ok=True)
    if machine == "qemu":
        return qemu.boot(command, series)
    if machine != "usermode":
        raise SystemExit(f"OFFLOAD_MACHINE is {machine}, but must be usermode, qemu or sooner")
    return usermode.boot(command, series or source.SERIES[0])


def main(arguments: list[str]) -> int:
    """The command's exit status."""
    once_more = arguments[:1] == [ONCE_MORE]
    command = arguments[once_more:]
    status = boot(command)
    return boot(command) if status == DIED and once_more else status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us ends the machine as well
    sys.exit(main(sys.argv[1:]))
