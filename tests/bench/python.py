"""Bare Python, the peer of goals in milliseconds, which are for a machine on which `python3 -c pass` takes 12."""

import os
import sys

from bench.rows import Figure, milliseconds

NAME = "bare Python"


def bare() -> Figure:
    """Milliseconds of processor time of Python without anything to do, counted; the first run reads the disk."""
    return Figure([milliseconds(_started) for _ in range(2)][-1], 1)


def _started() -> None:
    started = os.posix_spawn(sys.executable, (sys.executable, "-c", "pass"), os.environ)
    assert os.waitpid(started, 0)[1] == 0
