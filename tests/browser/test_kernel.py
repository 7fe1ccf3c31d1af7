"""The page with a real kernel: the browser runs here; the router, its service and its LuCI in a user-mode kernel."""

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.test_zones import pair, row, tab
from kernel.guest import BUILD
from kernel.relay import entrance

TESTS = Path(__file__).parents[1]
STARTING = 240.0  # seconds; on a busy machine
FOLLOWING = 90.0
GUEST = ["br-guest", "guest1", "wan"]
PROVEN, REFUSED = "proven by live connections", "hardware refused: connections stay in software"


class Machine:
    """A virtual machine that says what its kernel's software flowtable lists."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/cgi-bin/luci/admin/network/offload"
        self._lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kernel.vm", "python3", "-m", "kernel.page", str(folder)],
            env=os.environ | {"PYTHONPATH": str(TESTS), "OFFLOAD_MACHINE": "usermode"},
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
        line = ""
        while line.split() != ["flowtable:", *devices]:
            line = self._lines.get(timeout=seconds)


@pytest.fixture(name="machine", scope="module")
def _machine() -> Iterator[Machine]:
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="page-", dir=BUILD) as folder, entrance(Path(folder)) as port:
        machine = Machine(Path(folder), port)
        try:
            machine.until(GUEST, STARTING)
            yield machine
        finally:
            machine.process.send_signal(signal.SIGTERM)
            machine.process.communicate()


@pytest.fixture(name="page")
def _page(machine: Machine, browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(FOLLOWING * 1000)
    page.goto(f"{machine.url}/zones?user=root")
    yield page
    page.close()


@pytest.mark.timeout(900)
def test_what_connections_proved_of_hardware(machine: Machine, page: Page) -> None:
    tab(page, "Pairs")
    for zone, words in (("lan", [PROVEN]), ("work", [REFUSED, "flows stayed in software"])):
        for each in words:
            expect(pair(page, zone, "wan")).to_contain_text(each, timeout=FOLLOWING * 1000)
    expect(pair(page, "guest", "wan")).not_to_contain_text("connections")
    tab(page, "Devices")
    devices = page.locator("[data-tab=devices] tr")
    for device, state in (("lan1", PROVEN), ("work1", REFUSED), ("guest1", "not asked for")):
        cell = devices.filter(has=page.get_by_text(device, exact=True)).locator("[data-title=Hardware]")
        expect(cell).to_have_text(state, timeout=FOLLOWING * 1000)
    page.goto(f"{machine.url}/live?user=root")
    pairs = page.get_by_role("table", name="Pairs of zones").locator("tr")
    for zone, shares in (("lan", "hardware"), ("work", "software")):
        live = pairs.filter(has=page.locator(".zonebadge", has_text=zone)).locator("[data-title=Flows]")
        expect(live).to_have_text(re.compile(rf"^\d+ {shares}$"), timeout=FOLLOWING * 1000)


@pytest.mark.timeout(600)
def test_a_zone_set_in_the_page_is_in_the_kernel(machine: Machine, page: Page) -> None:
    guest = row(page, "guest")
    for mode, devices in (("none", []), ("software", GUEST)):
        guest.get_by_role("combobox").select_option(mode)
        with page.expect_navigation():
            page.get_by_role("button", name="Save & Apply").click()
        machine.until(devices)
        expect(guest.locator(".offload-mode")).to_have_text(mode.capitalize(), timeout=FOLLOWING * 1000)
