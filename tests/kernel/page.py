"""The mixed router with the service on it, and the LuCI page of it for a browser outside of the machine.

`python -m kernel.page`, in a machine with a forwarded port (vm.py). Each line is the devices in the kernel's software
flowtable, whenever they have changed; it goes on, with traffic through the router, until the machine is ended.
"""

import subprocess
import sys
import time
from pathlib import Path

from kernel.mixed import mixed
from kernel.qemu import PAGE_PORT
from kernel.resident import Resident, resident

ADDRESS = "10.0.2.15/24"  # where qemu's user network forwards to
WORK = Path("/run/luci")


def connect() -> None:
    """Take up the network card that leads outside."""
    cards = Path("/sys/class/net")
    known = set(cards.iterdir())
    subprocess.run(["modprobe", "virtio_net"], check=True)
    while not (found := set(cards.iterdir()) - known):
        time.sleep(0.1)
    (card,) = found
    subprocess.run(["ip", "address", "add", ADDRESS, "dev", card.name], check=True)
    subprocess.run(["ip", "link", "set", card.name, "up"], check=True)


def serve(running: Resident) -> subprocess.Popen[str]:
    """Run the page's server for the router; it listens when this returns."""
    assert running.process is not None
    WORK.mkdir()
    (WORK / "service.pid").write_text(str(running.process.pid))
    router = running.router
    words = [str(PAGE_PORT), str(router.config), str(WORK), str(router.socket)]
    server = subprocess.Popen([sys.executable, "-m", "luci.server", *words], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    server.stdout.readline()
    return server


def main() -> None:
    """Serve, and tell what the kernel has."""
    connect()
    with mixed() as network, resident(network.router) as running, serve(running):
        told: list[str] | None = None
        while True:
            network.talk()
            if (devices := running.devices()) != told:
                print("flowtable:", *devices, flush=True)
                told = devices
            time.sleep(0.5)


if __name__ == "__main__":
    main()
