"""Traffic that goes on while a test does something else, with the times of its replies: how long it was interrupted."""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from typing import Self

from kernel.traffic import Talk

GOAL, MARGIN = 1.0, 4.0  # seconds within which a rule reaches live flows, and for the processor time of others' tests
SOON = GOAL + MARGIN
LITTLE = 20_000  # bytes: a few segments, so that a round takes milliseconds and not the processor


class Steady:
    """`with Steady(talk, act, pause):` repeats `act` on a conversation; `times` tells when each round ended."""

    def __init__(self, talk: Talk, act: Callable[[Talk], object], pause: float = 0.01) -> None:
        self.talk = talk
        self.times: list[float] = []
        self.longest = 0.0  # seconds that a round took
        self.error: OSError | None = None
        self._act, self._pause = act, pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def ended(self, seconds: float) -> bool:
        """Wait for a round that fails, so many seconds at most; whether one did."""
        self._thread.join(seconds)
        return self.error is not None

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self._pause):
                started = time.monotonic()
                self._act(self.talk)
                self.times.append(time.monotonic())
                self.longest = max(self.longest, self.times[-1] - started)
        except OSError as error:
            self.error = error


def download(talk: Talk, pause: float = 0.01) -> Steady:
    """Fetch a little again and again."""
    return Steady(talk, lambda talk: talk.fetch(LITTLE), pause)


def upload(talk: Talk) -> Steady:
    """Push a little again and again."""
    return Steady(talk, lambda talk: talk.push(LITTLE))


def quiet(talk: Talk, pause: float = 0.3) -> Steady:
    """Say a word now and then."""
    return Steady(talk, lambda talk: talk.echo(1), pause)


def lag(pulses: Iterable[Steady]) -> float:
    """The longest time in seconds between two answers of any of them: so long this machine did something else."""
    return max(later - time for each in pulses for time, later in pairwise(each.times))


class Drip:
    """Datagrams out and their echoes back, without waiting for one before the next: `times` tells when each came back.

    TCP waits ever longer before it tries again, so it tells late that a path works; this tells at once.
    """

    def __init__(self, talk: Talk, pause: float = 0.02) -> None:
        self.times: list[float] = []
        self._socket, self._pause = talk._socket, pause
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._send, self._listen)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while not self._stopped.wait(self._pause):
            with suppress(OSError):  # between two places the station has no way out
                self._socket.send(bytes(100))

    def _listen(self) -> None:
        self._socket.settimeout(0.2)
        while not self._stopped.is_set():
            with suppress(socket.timeout, OSError):
                self._socket.recv(2048)
                self.times.append(time.monotonic())


def since(times: list[float], moment: float) -> float | None:
    """How long after a moment the first of the times is; None where there is none."""
    return next((each - moment for each in times if each > moment), None)
