"""The cost of the resident service in a virtual machine: from a hint to the device, with many hints, and idle."""

import os
import statistics
import time
from pathlib import Path

from bench.rows import Figure, alone
from kernel.lab import home
from kernel.resident import resident

ROUNDS = int(os.environ.get("OFFLOAD_ROUNDS", "6"))
WINDOWS, WINDOW = 5, 10.0  # in which wake-ups are counted, and seconds of one; now and then the kernel adds its own
IDLE_MEMORY = 20.0  # MB


def row(what: str, unit: str, value: float, goal: float, rounds: int = 1) -> None:
    """Print one figure with its goal."""
    alone(what, unit, Figure(value, rounds), goal, "elapsed, user-mode kernel").show()


def main() -> None:
    """Print the rows."""
    with home() as network, resident(network.router) as service:
        router = network.router
        service.until(service.devices)
        service.quiet()

        generation = router.generation()
        service.call("reload")
        row("nothing changed: transactions", "", router.generation() - generation, 0)

        times = []
        for _ in range(ROUNDS):
            router.ip("link add lan4 type veth peer name far4", "link set lan4 up")
            time.sleep(1.2)  # that it came is a hint of its own
            begin = time.monotonic()
            router.ip("link set lan4 master br-lan")
            service.until(lambda: "lan4" in router.run("nft", "list", "flowtables"))
            times.append(time.monotonic() - begin)
            router.ip("link delete lan4")
            service.until(lambda: "lan4" not in router.run("nft", "list", "flowtables"))
            time.sleep(1.2)
        row("hint to device in the flowtable", "s", statistics.median(times), 1, ROUNDS)

        service.quiet()
        passes = service.passes()
        begin = time.monotonic()
        router.ip(*(f"address {word} 10.9.9.9/32 dev br-lan" for _ in range(500) for word in ("add", "delete")))
        print(f"1000 hints took {time.monotonic() - begin:.2f} s", flush=True)
        service.quiet()
        row("1000 hints: passes", "", service.passes() - passes, 3)

        assert service.process is not None
        time.sleep(3)
        wake_ups = 3 * statistics.median(_wake_ups(service.process.pid) for _ in range(WINDOWS))
        row(f"idle for {3 * WINDOW:.0f} s: wake-ups", "", wake_ups, 6, WINDOWS)
        row("idle: PSS", "MB", service.memory() / 1024, IDLE_MEMORY)


def _wake_ups(pid: int) -> int:
    before = _switches(pid)
    time.sleep(WINDOW)
    return _switches(pid) - before


def _switches(pid: int) -> int:
    text = Path("/proc", str(pid), "status").read_text()
    return int(text.partition("voluntary_ctxt_switches:")[2].split()[0])


if __name__ == "__main__":
    main()
