"""The resident service as a process on a router of the lab, and calls to it over the router's ubus."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ubus

from kernel.lab import Router

PROGRAMS = ("nft",)
IP = shutil.which("ip") or "ip"  # the service is started with a PATH of its own
HOME_DEVICES = ["br-lan", "lan1", "lan2", "lan3", "wan"]  # what lab.Home's own configuration lists
SOAK = 10 if os.environ.get("OFFLOAD_SOAK") else 1
PATIENCE = 120.0  # a machine without KVM beside others of its kind is slow to start Python


class Resident:
    """`offload service` on `router`; its programs are found in a directory that a test may spoil.

    `program`: what Python is to run.
    """

    def __init__(self, router: Router, program: Sequence[str] = ("-m", "offload", "service")) -> None:
        self.router, self._program = router, program
        self.programs = Path("/run/service.bin")
        self.programs.mkdir(exist_ok=True)
        self.mend()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path("/run", f"{router.name}.service.log")  # what procd would hand to logd, where a test wants it

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

    def start(self, *, logged: bool = False) -> None:
        """Start the service and wait until it answers and has worked."""
        command = [IP, "netns", "exec", self.router.name, sys.executable, *self._program]
        environment = os.environ | {"OFFLOAD_UBUS_SOCKET": str(self.router.socket), "PATH": str(self.programs)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log if logged else None)
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

    def as_shipped(self) -> None:
        """Put the configuration back, and wait until the kernel is there again."""
        self.router.reset()
        assert self.call("reload")["ok"]
        self.until(lambda: self.devices() == HOME_DEVICES)

    def inside(self, script: str) -> str:
        """Run a shell script where the service runs, with its view of the files."""
        assert self.process is not None
        return self.router.run("nsenter", "-t", str(self.process.pid), "-m", "sh", "-c", script)

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
    def connected(self) -> Iterator[None]:
        """Let this process be one of those that call it."""
        ubus.connect(str(self.router.socket))
        try:
            yield
        finally:
            if ubus.get_connected():
                ubus.disconnect(False)

    def lose_ubusd(self) -> None:
        """Kill ubusd, and start another."""
        ubus.disconnect(False)
        self.router.stop_broker()
        self.router.start_broker()
        ubus.connect(str(self.router.socket))


@contextmanager
def resident(
    router: Router, program: Sequence[str] = ("-m", "offload", "service"), *, logged: bool = False
) -> Iterator[Resident]:
    """Run the service on `router` for a while; killed at the end, it leaves its tables. `logged`: into its `log`."""
    running = Resident(router, program)
    with running.connected():
        try:
            running.start(logged=logged)
            yield running
        finally:
            if running.process is not None and running.process.poll() is None:
                running.process.kill()
                running.process.wait()
