"""A program that prints what the kernel reports, for as long as a test wants to listen."""

import subprocess
import threading

from kernel.netns import Namespace


class Monitoring:
    """`argv` on a host; a class of its own says what each line means."""

    def __init__(self, host: Namespace, *argv: str) -> None:
        with host.entered():
            self._monitor = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def heard(self, line: str) -> None:
        """Take in a line as it is printed."""
        raise NotImplementedError

    def close(self) -> None:
        """Listen no more."""
        self._monitor.terminate()
        self._thread.join()
        self._monitor.communicate()

    def _listen(self) -> None:
        assert self._monitor.stdout is not None
        for line in self._monitor.stdout:
            self.heard(line)
