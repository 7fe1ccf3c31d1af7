"""The page before a real kernel: a browser here, and in a virtual machine the router, its service and its LuCI."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from browser.test_zones import row

TESTS = Path(__file__).parents[1]
STARTING = 240.0  # seconds; without KVM, beside others of its kind
FOLLOWING = 60.0
SHIPPED = ["br-lan", "lan1", "lan2", "lan3", "wan"]


class Machine:
    """A virtual machine that says what its kernel's flowtable lists."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/cgi-bin/luci/admin/network/offload/zones?user=root"
        self._lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kernel.vm", "python3", "-m", "kernel.page"],
            env=os.environ | {"PYTHONPATH": str(TESTS), "OFFLOAD_VM_PORT": str(port)},
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, devices: list[str], seconds: float = FOLLOWING) -> None:
        """Wait until the kernel has exactly these."""
        said = ""
        while said.split() != ["flowtable:", *devices]:
            said = self._lines.get(timeout=seconds)


@pytest.fixture(name="machine")
def _machine() -> Iterator[Machine]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    machine = Machine(port)
    yield machine
    machine.process.send_signal(signal.SIGTERM)
    machine.process.communicate()


@pytest.mark.timeout(600)
def test_a_zone_set_in_the_page_is_in_the_kernel(machine: Machine, browser: Browser) -> None:
    machine.until(SHIPPED, STARTING)
    page = browser.new_page()
    page.set_default_timeout(FOLLOWING * 1000)
    page.goto(machine.url)
    guest = row(page, "guest")
    for mode, devices in (("software", ["br-guest", "guest1", *SHIPPED]), ("none", SHIPPED)):
        guest.get_by_role("combobox").select_option(mode)
        with page.expect_navigation():
            page.get_by_role("button", name="Save & Apply").click()
        machine.until(sorted(devices))
        expect(guest.locator(".offload-mode")).to_have_text(mode.capitalize(), timeout=FOLLOWING * 1000)
    page.close()
