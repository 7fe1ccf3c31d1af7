"""A router for browsers: its configuration, a bus, the service on it, and the server of the page."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import brokers
import uci
from luci import server

from browser import resident

if TYPE_CHECKING:
    import subprocess
    from multiprocessing.process import BaseProcess

PATIENCE = 20.0
# Each test has processes of its own, forked from one that has imported their modules: that takes half a second each.
WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload(["browser.resident", "luci.server"])
os.environ["PYTHONPATH"] = ":".join(sys.path)  # before Python 3.13 that process does not get sys.path otherwise

FIREWALL = """
config defaults
	option forward 'REJECT'

config zone
	option name 'lan'
	list network 'lan'

config zone
	option name 'guest'
	list network 'guest'

config zone
	option name 'wan'
	list network 'wan'

config forwarding
	option src 'lan'
	option dest 'wan'

config forwarding
	option src 'guest'
	option dest 'wan'
"""
OFFLOAD = """
config globals 'globals'
	option enabled '1'
	option mode 'none'

config zone 'lan'
	option name 'lan'
	option mode 'software'
"""


class Site:
    """What a test does to the router, and how a browser reaches its page."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "config"
        self.socket = folder / "ubus.sock"
        self.url = ""
        self.broker: subprocess.Popen[bytes] | None = None
        self._service: BaseProcess | None = None
        self.config.mkdir()
        self.write("firewall", FIREWALL)
        self.write("offload", OFFLOAD)
        self.write("network", "".join(f"config interface '{name}'\n" for name in ("lan", "guest", "wan")))
        self.write("luci", "config core 'main'\n")

    def write(self, package: str, text: str) -> None:
        """A UCI file, as if its user had edited it; the service reads it at the next `reload`."""
        (self.config / package).write_text(text)

    def option(self, section: str, option: str) -> object:
        """An option as it is committed in /etc/config/offload; None where it is not."""
        found = uci.Uci(confdir=str(self.config), savedir=str(self.folder / "none")).get_all("offload")
        return found.get(section, {}).get(option)

    def sections(self, kind: str) -> list[dict[str, object]]:
        """The committed sections of a kind in /etc/config/offload."""
        context = uci.Uci(confdir=str(self.config), savedir=str(self.folder / "none"))
        return [each for name, each in context.get_all("offload").items() if context.get("offload", name) == kind]

    def say(self, name: str, text: str = "") -> None:
        """Tell the router's fakes something (browser/resident.py), or take it back."""
        (self.folder / name).write_text(text) if text else (self.folder / name).unlink(missing_ok=True)

    def sent(self) -> str:
        """All that the service has sent to nft."""
        file = self.folder / "nft"
        return file.read_text() if file.exists() else ""

    def start(self) -> None:
        """Start the service, and wait until it has worked."""
        self._service = WARM.Process(target=resident.serve, args=(self.folder, self.socket))
        self._service.start()
        (self.folder / "service.pid").write_text(str(self._service.pid))
        self.until(lambda: "flow_offload" in self.sent() or (self.folder / "lacks").exists())

    def stop(self) -> None:
        """Stop the service, if it runs."""
        if self._service is not None:
            (self.folder / "service.pid").unlink(missing_ok=True)
            self._service.terminate()
            self._service.join(PATIENCE)
            assert self._service.exitcode is not None, "the service does not stop"
            self._service = None

    def reload(self) -> None:
        """Have the service read its files (SIGHUP)."""
        assert self._service is not None and self._service.pid is not None
        os.kill(self._service.pid, signal.SIGHUP)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self._service is None or self._service.is_alive(), "the service has ended"
            assert time.monotonic() < deadline, self.sent()
            time.sleep(0.05)

    @contextmanager
    def served(self) -> Iterator[None]:
        """Run the server of the page."""
        where = (str(self.config), str(self.folder), str(self.socket))
        reader, writer = WARM.Pipe(duplex=False)
        page = WARM.Process(target=server.serve, args=("0", *where, writer.send))
        page.start()
        try:
            assert reader.poll(PATIENCE), "the server of the page did not start"
            self.url = f"http://127.0.0.1:{reader.recv()}/cgi-bin/luci/admin/network/offload"
            yield
        finally:
            page.kill()
            page.join(PATIENCE)


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A router with its service running and its page served."""
    made = Site(folder)
    with ExitStack() as stack:
        made.broker = stack.enter_context(brokers.running(made.socket))
        stack.callback(made.stop)
        made.start()
        stack.enter_context(made.served())
        yield made
