"""The resident service on a router of the lab: a process of its own, a broker of its own, and who calls it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ubus
import ubusd

from kernel.lab import Router

PROGRAMS = ("nft",)
PATIENCE = 120.0  # a machine without KVM beside others of its kind is slow to start Python


class Resident:
    """`offload service` on `router`; its programs are found in a directory that a test may spoil."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.socket = Path("/run/service.ubus")
        self.programs = Path("/run/service.bin")
        self.programs.mkdir(exist_ok=True)
        self.mend()
        self.broker: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def mend(self) -> None:
        """Put the real programs where the service looks for them."""
        for name in PROGRAMS:
            self.spoil(name, None)

    def spoil(self, name: str, script: str | None) -> None:
        """Put a script in the place of a program; None is the real one, an empty one leaves nothing there."""
        place = self.programs / name
        place.unlink(missing_ok=True)
        if script is None:
            place.symlink_to(Path("/usr/sbin") / name)
        elif script:
            place.write_text(f"#!/bin/sh\n{script}\n")
            place.chmod(0o755)

    def start(self) -> None:
        """Start the service and wait until it answers and has worked."""
        command = ["ip", "netns", "exec", self.router.name, sys.executable, "-m", "offload", "service"]
        environment = os.environ | {
            "OFFLOAD_UBUS_SOCKET": str(self.socket),
            "PATH": f"{self.programs}:{os.environ['PATH']}" if not self.programs.exists() else str(self.programs),
        }
        self.process = subprocess.Popen([_which(command[0]), *command[1:]], env=environment)
        self.until(lambda: self.status() is not None)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the service by a signal; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def call(self, method: str, words: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call a method as a script would."""
        found: list[dict[str, Any]] = ubus.call("offload", method, words or {}, 30_000)
        return found[0]

    def status(self) -> dict[str, Any] | None:
        """The reply of `status`; None while there is none."""
        with suppress(RuntimeError):
            found = self.call("status")
            return found if found["ok"] else None
        return None

    def passes(self) -> int:
        """How many passes there were."""
        found = self.status()
        assert found is not None
        return int(found["service"]["passes"])

    def devices(self) -> list[str]:
        """The devices in the kernel's flowtable; none where there is no such table."""
        listing = self.router.run("nft", "-j", "list", "ruleset")
        for found in json.loads(listing)["nftables"]:
            if found.get("flowtable", {}).get("name") == "sw":
                named = found["flowtable"].get("dev", [])
                return [named] if isinstance(named, str) else sorted(named)
        return []

    def until(self, holds: Callable[[], object], seconds: float = PATIENCE) -> float:
        """Wait until something holds; how long that took."""
        begin = time.monotonic()
        while not holds():
            assert time.monotonic() - begin < seconds, f"not within {seconds} s: {self.status()}"
            time.sleep(0.02)
        return time.monotonic() - begin

    def quiet(self) -> None:
        """Wait until no pass has run for a while."""
        before = -1
        while (now := self.passes()) != before:
            before = now
            time.sleep(1.5)

    def memory(self) -> int:
        """PSS in kB."""
        assert self.process is not None
        text = Path("/proc", str(self.process.pid), "smaps_rollup").read_text()
        return int(text.partition("\nPss:")[2].split()[0])

    def descriptors(self) -> int:
        """How many descriptors it has open."""
        assert self.process is not None
        return len(list(Path("/proc", str(self.process.pid), "fd").iterdir()))

    @contextmanager
    def bus(self) -> Iterator[None]:
        """Run a broker, with this process connected to it; a test may put another in its place."""
        with ubusd.running(self.socket, self.router.replies) as first:
            self.broker = first
            ubus.connect(str(self.socket))
            yield
            ubus.disconnect(False)
            if self.broker is not first:
                self.broker.kill()
                self.broker.wait()


def _which(name: str) -> str:
    return next(str(path) for folder in ("/usr/sbin", "/usr/bin", "/sbin") if (path := Path(folder, name)).exists())


@contextmanager
def resident(router: Router) -> Iterator[Resident]:
    """Run the service on `router` for a while."""
    router.reset()
    running = Resident(router)
    with running.bus():
        try:
            running.start()
            yield running
        finally:
            if running.process is not None and running.process.poll() is None:
                running.process.kill()
                running.process.wait()
