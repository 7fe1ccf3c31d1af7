"""What LuCI's Live page costs a router with 60,000 connections, and how long a hint waits behind the calls.

The page's calls are made at its beat, over ubus. The processor time is that of the service, of ubusd and of the caller,
which stands for rpcd: both are stand-ins in Python, dearer than the programs in C of a router; uhttpd is missing.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.crowd import fill
from bench.rows import Figure, alone
from bench.watched import NOTED
from kernel.lab import home
from kernel.resident import Resident, resident

COUNT = int(os.environ.get("OFFLOAD_CONNECTIONS", "60000"))
BEAT, TOTALS = 5.0, 60.0  # seconds between the page's calls of status and flows, and of totals
WATCHED = 150.0  # seconds of the guest's clock
WARM = 2  # beats before that
PAGE = {"sort": "bytes", "limit": 25, "offset": 0}
SHARE, WAIT = 10.0, 0.3  # goals: per cent of the processor, seconds
METHOD = "counted instructions"
FLOW = {"proto": "tcp", "src": "192.168.1.3", "sport": 1024, "dest": "198.18.1.1", "dport": 444}
PAGED = 100  # flows of a page; between any two of them the service looks, so that more make no wait longer
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "status": ("status", {}),
    "flows by source": ("flows", {"query": {"sort": "src", "limit": PAGED}}),  # in other orders the waits are no longer
    "flows of a network": ("flows", {"query": {"host": "192.168.1.0/24", "state": "slow", "limit": PAGED}}),
    "totals": ("totals", {}),
    "explain": ("explain", {"query": {"flow": FLOW}}),
}
REST = 150.0  # seconds until the service reads the connections anew


def main() -> None:
    """Print the rows."""
    with home() as network:
        network.router.offload("apply")
        fill(network.router, COUNT)
        with resident(network.router, ("-m", "bench.watched")) as service:
            service.quiet()
            for work, waited in waits(service):
                alone(f"a hint behind {work}", "s", Figure(waited, 1), WAIT, METHOD).show()
            everything, ours = shares(service, network.router.broker.pid)
            method = f"counted instructions, {WATCHED:.0f} s"
            alone(f"Live page, {COUNT} connections: service", "%", Figure(ours, 1), SHARE, method).show()
            alone("the same with ubusd and rpcd (stand-ins)", "%", Figure(everything, 1), SHARE, method).show()


def waits(service: Resident) -> Iterator[tuple[str, float]]:
    """How long a hint waits at most behind each call, in seconds of processor time (watched.py)."""
    assert service.process is not None
    for work, (method, words) in CALLS.items():
        time.sleep(REST)
        began = busy(service.process.pid)
        reply = service.call(method, words)
        assert reply["ok"], reply
        waited = float(NOTED.read_text())
        print(f"{work}: {busy(service.process.pid) - began:.2f} s of processor time", flush=True)
        yield work, waited


def shares(service: Resident, ubusd: int) -> tuple[float, float]:
    """Per cent of the processor while the page is open: of ubusd, service and this process, and of the service."""
    assert service.process is not None
    pids, totals_at = (ubusd, service.process.pid), 0.0
    for beat in range(WARM + round(WATCHED / BEAT)):
        if beat == WARM:
            before, own, began = [busy(pid) for pid in pids], time.process_time(), time.monotonic()
        at = time.monotonic()
        assert service.call("status")["ok"]
        assert service.call("flows", {"query": PAGE})["ok"]
        if at >= totals_at:
            assert service.call("totals")["ok"]
            totals_at = at + TOTALS
        time.sleep(max(0.0, at + BEAT - time.monotonic()))
    elapsed = time.monotonic() - began
    took = [busy(pid) - since for pid, since in zip(pids, before, strict=True)]
    took.append(time.process_time() - own)
    print(f"in {elapsed:.0f} s: ubusd {took[0]:.1f} s, service {took[1]:.1f} s, caller {took[2]:.1f} s", flush=True)
    return 100 * sum(took) / elapsed, 100 * took[1] / elapsed


def busy(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    return int(Path("/proc", str(pid), "schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
