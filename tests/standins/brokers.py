"""Start a broker (ubusd), and processes connected to it: the stand-ins, or the real ones if Python finds these first.

To run the tests with the real python-ubus, pyuci and ubusd, let Python find those first, with ubusd on PATH:
`PYTHONPATH=FOLDER_OF_UCI_AND_UBUS:tests/standins pytest -o pythonpath="src tests" tests/standins tests/system`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

import ubus

STANDIN = hasattr(ubus, "wire")
OURS = Path(__file__).parent

# What another process may run: an object `other`.
OTHER = """
def slow(handler, data):
    time.sleep(data["tenths"] / 10)
    handler.reply({})
methods = {
    "echo": (lambda handler, data: handler.reply(data), {"value": ubus.BLOBMSG_TYPE_UNSPEC}),
    "slow": (slow, {"tenths": ubus.BLOBMSG_TYPE_INT32}),
    "odd": (lambda handler, data: handler.reply({"": 1, "of": [float("nan"), float("-inf")]}), {}),
    "die": (lambda handler, data: os._exit(0), {}),
}
ubus.add("other", {name: {"method": method, "signature": words} for name, (method, words) in methods.items()})
print("ready", flush=True)
ubus.loop(30_000)
"""


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker at `path` for a while; it may be killed meanwhile."""
    if STANDIN:
        from ubusd import running as ours

        with ours(path) as broker:
            yield broker
        return
    path.unlink(missing_ok=True)  # a killed ubusd leaves it
    rules = str(path.parent)  # none there: root needs none
    with subprocess.Popen(["ubusd", "-s", str(path), "-A", rules]) as broker:
        try:
            while not _answers(path):
                time.sleep(0.01)
            yield broker
        finally:
            broker.kill()


def _answers(path: Path) -> bool:
    with socket(AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


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


def serve(**methods: tuple[Callable[[Any, Any], object], dict[str, int]]) -> None:
    """Offer the object `mine`, with a signature for each method."""
    ubus.add("mine", {name: {"method": method, "signature": words} for name, (method, words) in methods.items()})


ASK = "try: print(ubus.call('mine', 'method', {arguments}, 3000))\nexcept RuntimeError as error: print(error)"


def run(path: Path, code: str) -> bytes:
    """What a process prints that connects and runs `code`, while this one serves."""
    with connected(path, code) as process:
        while process.poll() is None:
            ubus.loop(20)
        assert process.stdout
        return process.stdout.read().strip()


def asked(path: Path, arguments: dict[str, Any] | None = None) -> str:
    """What another process gets from `method` of the object `mine`."""
    return run(path, ASK.format(arguments=repr(arguments or {}))).decode()
