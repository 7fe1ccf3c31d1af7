"""A broker, and processes connected to it, for tests: ours or the real one, as the module `ubus` is.

To run the tests of stand-ins and doors against the real ones, let pytest find those first:
`PYTHONPATH=FOLDER_OF_PYUCI_AND_PYTHON_UBUS pytest -p uci -p ubus tests/standins tests/system`, with ubusd on PATH.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ubus

STANDIN = hasattr(ubus, "wire")
OURS = Path(__file__).parent


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker at `path` for a while; it may be killed meanwhile."""
    if STANDIN:
        from ubusd import running as ours

        with ours(path) as broker:
            yield broker
        return
    rules = str(path.parent)  # none there: root needs none
    with subprocess.Popen(["ubusd", "-s", str(path), "-A", rules]) as broker:
        try:
            while not path.exists():
                time.sleep(0.01)
            yield broker
        finally:
            broker.kill()


@contextmanager
def connected(path: Path, code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that connects to the broker and runs `code`; its output is piped.

    With `print("ready", flush=True)` in it, the caller can wait for that line.
    """
    folder = OURS if STANDIN else Path(str(ubus.__file__)).parent
    program = f"import os, time, ubus\nubus.connect({str(path)!r})\n{code}"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(folder)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()
