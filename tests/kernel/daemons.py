"""Programs that run on a host for a while, as procd would run them: pppd, pppoe-server, hostapd."""

import itertools
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kernel.netns import Namespace

NUMBERS = itertools.count()
PATIENCE = 20.0  # seconds until something that should come counts as missing


class Daemon:
    """A program that stays in the foreground; its output is in its log."""

    def __init__(self, host: Namespace, *argv: str) -> None:
        self.log = Path("/run", f"{argv[0]}.{next(NUMBERS)}.log")
        with host.entered(), self.log.open("wb") as log:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self) -> None:
        """End it, and wait until it has cleared up."""
        self._process.terminate()
        self._process.wait(PATIENCE)


def wait_until(holds: Callable[[], object], what: str, log: Path | None = None) -> None:
    """Poll until `holds()` is true; AssertionError that names `what` after PATIENCE seconds, with the log."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            output = log.read_text(errors="replace") if log and log.exists() else ""
            raise AssertionError(f"{what} did not come within {PATIENCE:.0f} s {output}")
        time.sleep(0.05)
