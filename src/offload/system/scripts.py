"""Run scripts after a load of the firewall: those of `config include`, and ours that saves the ruleset for boot."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

TIMEOUT = 30.0  # seconds for each script, as in fw4
KEEPER = "/usr/lib/offload/firewall"  # the script that `save` runs
# What fw4 puts before a script: it is sourced, and uci's shell functions do not work in it.
SOURCED = 'config() { echo "You cannot use UCI in firewall includes!" >&2; exit 1; }; . "$0"'


class Scripts:
    """Runs scripts as children of this process, with its user's rights.

    `keeper`: the script that saves the ruleset. `timeout`: seconds for each script; then it is killed with its
    children.
    """

    def __init__(self, keeper: str = KEEPER, timeout: float = TIMEOUT) -> None:
        self._keeper, self._timeout = keeper, timeout

    def source(self, path: str) -> str:
        """Source a script of `config include` in /bin/sh, and wait for it to end. Returns empty text if it succeeded.

        Else it returns a predicate to put behind the script's name: `failed with exit code 1`, `cannot be run: ...`, or
        `was ended: ...` if it ran longer than `timeout` (30) seconds and was killed. Never raises.
        """
        return self._run("/bin/sh", "-c", SOURCED, path)

    def save(self) -> str:
        """Run our script `keeper` with the argument `save`, and wait for it: it stores the ruleset for the next boot.

        Returns empty text if it succeeded, else a predicate to put behind the script's name, such as `failed with exit
        code 1`. A script that runs longer than `timeout` (30 s) is killed, and counts as failed. Never raises.
        """
        return self._run(self._keeper, "save")

    def _run(self, *command: str) -> str:
        try:
            process = _started(command)
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        try:
            status = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"was ended: it took more than {self._timeout:g} s"
        return f"failed with exit code {status}" if status else ""


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603 - paths of /etc/config/firewall and our own


class FakeScripts:
    """Scripts that do not run. `ran` records paths and the word `save`.

    `wrong`: the result of `source`; empty: success.
    """

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.wrong = ""

    def source(self, path: str) -> str:
        """Record the path in `ran`, and return `wrong`: empty, or a predicate such as `failed with exit code 1`."""
        self.ran.append(path)
        return self.wrong

    def save(self) -> str:
        """Record the word `save` in `ran`, and return empty text, which means success."""
        self.ran.append("save")
        return ""
