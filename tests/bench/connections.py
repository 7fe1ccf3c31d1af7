"""The cost of reading all connections, compared with `conntrack -L`: a summary and a full list, by command and service.

Also how that grows with their number. Run by `make bench`; OFFLOAD_CONNECTIONS gives another number.
"""

import math
import os
import sys
import time
from pathlib import Path

from bench.crowd import fill
from bench.rows import Figure, against, alone
from kernel.lab import Router, home
from kernel.resident import Resident, resident

COUNT = int(os.environ.get("OFFLOAD_CONNECTIONS", "65536"))
FEW = COUNT // 16
ROUNDS = 1  # counted instructions repeat; the few connections before have warmed up
PEER = ("conntrack", "-L")
COMMAND = (sys.executable, "-m", "offload")
# The verb, its goal as a ratio of `conntrack -L`, and its goal in MB.
COMMANDS = {
    "status": (("status", "--json"), 1.2, 60),
    "list as text": (("flows", "--limit", "1000000"), 2.0, 60),
    "list as JSON": (("flows", "--json", "--limit", "1000000"), 2.0, 60),
}
SUMMARY_GOAL, STEEPEST = 0.95, 1.05
METHOD = "counted instructions"
# Seconds, in which the service's last reading becomes too old to be used again; such a clock does not wait for them.
RESTED = 300


def main() -> None:
    """Print the rows."""
    with home() as network:
        router = network.router
        router.offload("apply")
        fill(router, FEW)
        for words, _, _ in COMMANDS.values():  # the first run reads the disk
            run(router, *COMMAND, *words)
        few = {work: run(router, *COMMAND, *words)[0] for work, (words, _, _) in COMMANDS.items()}
        fill(router, COUNT, FEW)
        peer = run(router, *PEER)[0]
        for work, (words, goal, memory) in COMMANDS.items():
            milliseconds, megabytes = run(router, *COMMAND, *words)
            figures = (Figure(peer, ROUNDS), Figure(milliseconds, ROUNDS))
            against(f"{COUNT} connections: {work}", "conntrack -L", "ms", figures, goal, METHOD).show()
            alone(f"{COUNT} connections: {work}, memory", "MB", Figure(megabytes, 1), memory, "peak RSS").show()
            exponent = Figure(math.log(milliseconds / few[work]) / math.log(COUNT / FEW), ROUNDS)
            alone(f"{FEW} to {COUNT} connections, {work}: exponent", "", exponent, STEEPEST, METHOD).show()
        with resident(router) as service:
            service.quiet()
            time.sleep(RESTED)
            figures = (Figure(peer, ROUNDS), Figure(of_call(service, "status"), ROUNDS))
            against(f"{COUNT} connections: status in the service", PEER[0], "ms", figures, SUMMARY_GOAL, METHOD).show()


def run(router: Router, *argv: str) -> tuple[float, float]:
    """Milliseconds of processor time and MB of memory that a program takes on the router; the last run counts."""
    environment = os.environ | {"OFFLOAD_UBUS_SOCKET": str(router.socket)}
    for _ in range(ROUNDS):
        with router.entered():
            null = os.open(os.devnull, os.O_WRONLY)
            opened = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
            started = os.posix_spawnp(argv[0], argv, environment, file_actions=opened)
            os.close(null)
        _, status, used = os.wait4(started, 0)
        assert status == 0, f"{' '.join(argv)} ended with status {status}"
    return 1000 * (used.ru_utime + used.ru_stime), used.ru_maxrss / 1024


def of_call(service: Resident, method: str) -> float:
    """Milliseconds of processor time that the service takes for a call."""
    assert service.process is not None
    schedule = Path("/proc", str(service.process.pid), "schedstat")
    before = int(schedule.read_text().split()[0])
    assert service.call(method)["ok"]
    return (int(schedule.read_text().split()[0]) - before) / 1e6


if __name__ == "__main__":
    main()
