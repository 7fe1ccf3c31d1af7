"""Run the program nft: text in, text out, with limits of time and size.

A run must end before the next `ubus.loop`: libubox's uloop reaps every child of the process (waitpid(-1)).
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, Self

from offload.errors import NftError, NftFault
from offload.model.text.octets import as_bytes
from offload.nouns import dataclass, field

PACKAGE = "nftables-json"  # OpenWrt's package with nft; `nftables-nojson` has one without JSON
LARGEST_OUTPUT = 16 << 20  # bytes; the listing of a table with the most exempts allowed takes less than half
LARGEST_ERRORS = 64 << 10  # bytes; the rest is read and dropped
CHUNK = 64 << 10  # bytes, the capacity of a pipe
SLICE = 0.25  # seconds between checks of the deadline: a signal handler may have shortened it


@dataclass(slots=True)
class Program:
    """A program that is run with text as input. `path`: path or name. `timeout`: seconds for a run.

    A run that takes longer is killed with its child processes. `_latest`: the deadline that `hurry` set, in seconds of
    the monotonic clock.
    """

    path: str
    timeout: float
    _latest: float = float("inf")

    def hurry(self, seconds: float) -> None:
        """Set a deadline, `seconds` from now: the present run, or a later one, that has not ended by then is killed.

        `run` then raises NftError (fault SILENT). A later call replaces the deadline. Signal handlers may call it.
        """
        self._latest = time.monotonic() + seconds

    def run(self, arguments: Sequence[str], text: str = "") -> tuple[int, str, str]:
        """Run the program with these arguments, and `text` as its input, to its end: (exit status, stdout, stderr).

        NftError if it cannot be started, or is killed because it runs longer than `timeout` seconds or past the
        deadline of `hurry`, or prints more than 16 MB. An exit status other than 0 is no error here. Of stderr the
        first 64 KB are kept.
        """
        started = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603 - the program is ours to choose, the arguments are fixed words
                [self.path, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,  # so that killing the group kills its children too
            )
        except FileNotFoundError as error:
            raise NftError("the program nft is missing", NftFault.NO_PROGRAM, package=PACKAGE) from error
        except OSError as error:
            raise NftError(f"the program nft cannot be run: {error.strerror}") from error
        with _Run(process, as_bytes(text)) as run:
            while run.goes_on():
                end = min(started + self.timeout, self._latest)
                if (left := end - time.monotonic()) <= 0:
                    raise NftError(f"nft did not answer within {end - started:.3g} seconds", NftFault.SILENT)
                run.step(min(left, SLICE))
        # the errors name files, and names may have bytes that are not UTF-8
        return process.returncode, run.output.decode(errors="replace"), run.errors.decode(errors="surrogateescape")


@dataclass(slots=True)
class _Run:
    # Leaving the context early kills the program and its children.

    process: subprocess.Popen[bytes]  # the child
    text: bytes  # to write to its stdin
    output: bytearray = field(default_factory=bytearray)  # read from its stdout
    errors: bytearray = field(default_factory=bytearray)  # read from its stderr
    _waiting: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)  # pipes that are still open

    def __enter__(self) -> Self:
        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)
            kind = selectors.EVENT_WRITE if pipe is self.process.stdin else selectors.EVENT_READ
            self._waiting.register(pipe, kind)
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()
        if self.process.returncode is None:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
        for pipe in self._pipes():
            with suppress(OSError):
                pipe.close()
        self.process.wait()

    def _pipes(self) -> Iterator[IO[bytes]]:
        yield from filter(None, (self.process.stdin, self.process.stdout, self.process.stderr))

    def goes_on(self) -> bool:
        return bool(self._waiting.get_map()) or self.process.poll() is None

    def step(self, seconds: float) -> None:
        if not self._waiting.get_map():
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        for key, _ in self._waiting.select(seconds) if self._waiting.get_map() else ():
            if key.fileobj is self.process.stdin:
                self._write(key.fd)
            elif key.fileobj is self.process.stdout:
                self._read(key, self.output)
            else:
                self._read(key, self.errors)
                del self.errors[LARGEST_ERRORS:]
        if len(self.output) > LARGEST_OUTPUT:
            raise NftError(f"nft printed more than {LARGEST_OUTPUT >> 20} MB, which is no answer")

    def _write(self, descriptor: int) -> None:
        try:
            self.text = self.text[os.write(descriptor, self.text[:CHUNK]) :]
        except OSError:  # the program has closed its input
            self.text = b""
        if not self.text:
            self._close(self.process.stdin)

    def _read(self, key: selectors.SelectorKey, into: bytearray) -> None:
        found = os.read(key.fd, CHUNK)
        into += found
        if not found:
            self._close(key.fileobj)

    def _close(self, pipe: Any) -> None:
        self._waiting.unregister(pipe)
        with suppress(OSError):
            pipe.close()
