"""Run the process of a virtual machine: print its command's output, end it after a time, show its kernel's warnings."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

LONGEST = float(os.environ.get("OFFLOAD_VM_SECONDS", "3600"))  # a hung guest must not hang who waits for it
TIMED_OUT = 124  # as timeout(1)
LAST_WORDS = 120  # lines
COMPLAINT = re.compile(r"\b(BUG|WARNING|Oops|stall)\b")


def run(argv: list[str], environment: Mapping[str, str], log: Path | None = None) -> int:
    """Run the machine with its standard error in `log`, and return its exit status, or TIMED_OUT."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(machine.pid, signal.SIGKILL)

    with (
        (log or Path(os.devnull)).open("wb") as errors,
        subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors if log else subprocess.STDOUT,
            start_new_session=True,
        ) as machine,
    ):
        timer = threading.Timer(LONGEST, end)
        timer.start()
        try:
            _relay(machine)
        except KeyboardInterrupt:
            end()
            raise
        finally:
            timer.cancel()
    if late.is_set():
        print(f"the virtual machine was ended after {LONGEST:.0f} s", file=sys.stderr)
        return TIMED_OUT
    return machine.returncode


def report(log: Path, *, died: bool) -> None:
    """Print the kernel's last messages if it warned of itself or died."""
    words = log.read_text(errors="replace").splitlines() if log.exists() else []
    complaint = next((number for number, line in enumerate(words) if COMPLAINT.search(line)), None)
    if died:
        print("\nvm: the machine died; last messages of its kernel:", *words[-LAST_WORDS:], sep="\n", flush=True)
    elif complaint is not None:
        print("\nvm: the kernel complained:", *words[complaint:][:LAST_WORDS], sep="\n", flush=True)


def _relay(machine: subprocess.Popen[bytes]) -> None:
    assert machine.stdout is not None
    while chunk := os.read(machine.stdout.fileno(), 65536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
