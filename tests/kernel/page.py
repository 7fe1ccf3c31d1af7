"""The router of mixed.py with the service, and its LuCI page for a browser outside of the virtual machine.

`python -m kernel.page FOLDER`, in a user-mode kernel; requests come through files in the folder (relay.py). It sends
traffic through the router until the machine is ended, and prints the devices of the kernel's software flowtable, a line
whenever they have changed.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

from kernel.mixed import mixed
from kernel.relay import forward
from kernel.resident import Resident, resident

PORT = 8080
WORK = Path("/run/luci")
ROLLBACK = 90  # seconds, as on a router: the machine may be slow


def serve(running: Resident) -> subprocess.Popen[str]:
    """Run the page's server for the router; it listens when this returns."""
    assert running.process is not None
    WORK.mkdir()
    (WORK / "service.pid").write_text(str(running.process.pid))
    router = running.router
    words = [str(PORT), str(router.config), str(WORK), str(router.socket), str(ROLLBACK)]
    server = subprocess.Popen([sys.executable, "-m", "luci.server", *words], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    server.stdout.readline()
    return server


def main(folder: Path) -> None:
    """Serve, and print what the kernel has."""
    with mixed() as network, resident(network.router) as running, serve(running):
        threading.Thread(target=forward, args=(folder, PORT), daemon=True).start()
        reported: list[str] | None = None
        while True:
            network.talk()
            if (devices := running.devices()) != reported:
                print("flowtable:", *devices, flush=True)
                reported = devices
            time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
