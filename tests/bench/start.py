"""The time from the start of the service to its tables in the kernel, from source and from bytecode. By `make bench`.

The package is unpacked over the guest's own root, and /usr/bin/offload started as on a router; the libraries have their
bytecode in both cases, as OpenWrt ships them. Guest time: with OFFLOAD_ICOUNT the guest executes 500 million
instructions in a second, about as many as a small router, and figures repeat.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from bench.rows import Figure, alone
from kernel.guest import REPOSITORY
from kernel.lab import NETLINK_NETFILTER, Router, home

GOALS = {"bytecode": (2.0, 0.35), "source": (6.0, 1.0)}  # seconds: to tables, and for a verb
INSTALLED = Path("/usr/lib/offload")
BYTECODE = REPOSITORY / "files/etc/uci-defaults/10-offload-bytecode"
NFNLGRP_NFTABLES = 7
PATIENCE = 120.0


def main() -> None:
    """Print the rows."""
    unpack(next((REPOSITORY / "build" / "packages").glob("offload_*.ipk")))
    subprocess.run(["sh", BYTECODE], check=True)  # as an installation does
    with home() as network:
        started(network.router)  # the first time reads the disk
        measure(network.router, "bytecode")
        forget_bytecode()
        measure(network.router, "source")


def measure(router: Router, kind: str) -> None:
    """Start it once: a counted figure repeats."""
    works = (f"start to tables, from {kind}", f"`offload zones` by the service, from {kind}")
    for work, seconds, goal in zip(works, started(router), GOALS[kind], strict=True):
        alone(work, "s", Figure(seconds, 1), goal, "counted instructions").show()


def unpack(package: Path) -> None:
    """As opkg does, over the root of this machine, which is gone afterwards; no bytecode comes with it."""
    with tempfile.TemporaryDirectory() as folder:
        for archive, place in ((package, folder), (Path(folder, "data.tar.gz"), "/")):
            subprocess.run(["tar", "-xzf", archive, "-C", place], check=True)
    forget_bytecode()


def forget_bytecode() -> None:
    """Remove the bytecode of our modules and templates."""
    for made in list(INSTALLED.rglob("__pycache__")):
        shutil.rmtree(made)


def started(router: Router) -> tuple[float, float]:
    """Seconds until a new service has its table in the kernel, and seconds of a verb that it answers; then end it."""
    with router.entered():
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    with kernel:
        kernel.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
        kernel.settimeout(PATIENCE)
        begin = time.monotonic()
        with subprocess.Popen(_on(router, "service"), env=_environment(router)) as service:
            while b"flow_offload\0" not in kernel.recv(1 << 16):
                pass
            tables = time.monotonic() - begin
            begin = time.monotonic()
            subprocess.run(_on(router, "zones"), env=_environment(router), stdout=subprocess.DEVNULL, check=True)
            verb = time.monotonic() - begin
            service.send_signal(signal.SIGTERM)
    assert not router.table()
    return tables, verb


def _on(router: Router, verb: str) -> list[str]:
    return ["/usr/sbin/ip", "netns", "exec", router.name, "/usr/bin/offload", verb]


def _environment(router: Router) -> dict[str, str]:
    """Our sources are found where the package put them, and what OpenWrt's feeds bring where it is here."""
    path = [folder for folder in os.environ["PYTHONPATH"].split(":") if folder != f"{REPOSITORY}/src"]
    return os.environ | {"PYTHONPATH": ":".join(path), "OFFLOAD_UBUS_SOCKET": str(router.socket)}


if __name__ == "__main__":
    main()
