"""A router for browsers: its configuration, a bus, the service on it, and the server of the page."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import brokers
import uci

TESTS = Path(__file__).parents[1]
PATIENCE = 20.0

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
        self._service: subprocess.Popen[bytes] | None = None
        self.config.mkdir()
        self.write("firewall", FIREWALL)
        self.write("offload", OFFLOAD)
        self.write("network", "".join(f"config interface '{name}'\n" for name in ("lan", "guest", "wan")))
        self.write("luci", "config core 'main'\n")

    def write(self, package: str, text: str) -> None:
        """A UCI file, as if its user had edited it; the service looks at it when told to."""
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
        self._service = subprocess.Popen([sys.executable, "-m", "browser.resident", str(self.folder)], env=self._env())
        (self.folder / "service.pid").write_text(str(self._service.pid))
        self.until(lambda: "flow_offload" in self.sent() or (self.folder / "lacks").exists())

    def stop(self) -> None:
        """Stop the service, if it runs."""
        if self._service is not None:
            (self.folder / "service.pid").unlink(missing_ok=True)
            self._service.terminate()
            self._service.wait(PATIENCE)
            self._service = None

    def reload(self) -> None:
        """Tell the service to look at its files."""
        assert self._service is not None
        self._service.send_signal(signal.SIGHUP)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self._service is None or self._service.poll() is None, "the service has ended"
            assert time.monotonic() < deadline, self.sent()
            time.sleep(0.05)

    @contextmanager
    def served(self) -> Iterator[None]:
        """Run the server of the page."""
        command = [sys.executable, "-m", "luci.server", "0", str(self.config), str(self.folder), str(self.socket)]
        with subprocess.Popen(command, env=self._env(), stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            self.url = f"http://127.0.0.1:{server.stdout.readline().strip()}/cgi-bin/luci/admin/network/offload"
            try:
                yield
            finally:
                server.kill()

    def _env(self) -> dict[str, str]:
        return os.environ | {
            "OFFLOAD_UBUS_SOCKET": str(self.socket),
            "PYTHONPATH": ":".join([str(TESTS), str(TESTS / "standins"), *sys.path]),
        }


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
