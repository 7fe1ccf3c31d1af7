"""What the resident service costs: in the virtual machine from hint to device and idle, on the bare machine a `status`.

`python -m bench.service` runs whichever part can be run here; `make bench` runs both.
"""

import os
import statistics
import sys
import time
from pathlib import Path

ROUNDS = int(os.environ.get("OFFLOAD_ROUNDS", "50"))
IDLE_SECONDS = 30
FLOWS = 200


def main() -> None:
    """Print the figures, one on a line."""
    if os.environ.get("OFFLOAD_IN_VM"):
        _in_the_machine()
    else:
        _status()


def line(what: str, figure: str, goal: str) -> None:
    """Print one figure."""
    print(f"{what:58} {figure:>12}   {goal}", flush=True)


def _in_the_machine() -> None:
    from kernel.lab import home
    from kernel.resident import resident

    with home() as network, resident(network.router) as service:
        router = network.router
        service.until(service.devices)
        service.quiet()

        generation = router.generation()
        service.call("reload")
        line("nothing changed: transactions", str(router.generation() - generation), "0")

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
        line(f"hint to device in the flowtable, median of {ROUNDS}", f"{statistics.median(times):.2f} s", "1 s")
        line("  slowest", f"{max(times):.2f} s", "")

        service.quiet()
        passes = service.passes()
        begin = time.monotonic()
        router.ip(*(f"address {word} 10.9.9.9/32 dev br-lan" for _ in range(500) for word in ("add", "delete")))
        took = time.monotonic() - begin
        service.quiet()
        line(f"1000 hints in {took:.2f} s: passes", str(service.passes() - passes), "3")

        assert service.process is not None
        time.sleep(3)
        before = _wake_ups(service.process.pid)
        time.sleep(IDLE_SECONDS)
        line(f"idle for {IDLE_SECONDS} s: wake-ups", str(_wake_ups(service.process.pid) - before), "6")
        line("idle: PSS", f"{service.memory() / 1024:.1f} MB", "35 MB")


def _wake_ups(pid: int) -> int:
    text = Path("/proc", str(pid), "status").read_text()
    return int(text.partition("voluntary_ctxt_switches:")[2].split()[0])


def _status() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY
    from offload.service.ubus_object import METHODS, answer
    from service.routers import router
    from status.routers import entry

    fakes = router()
    fakes.service.work()
    status = IPS_OFFLOAD | IPS_SEEN_REPLY
    fakes.conntrack._entries = [
        entry(f"192.168.1.{number % 250 + 2}#{number + 1000} > 198.51.100.{number % 100}#443", proto=6, status=status)
        for number in range(FLOWS)
    ]
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        assert answer(fakes.service, METHODS["status"], {})["ok"]
        times.append(time.perf_counter() - begin)
    line(f"status with {FLOWS} flows, median of {ROUNDS}", f"{statistics.median(times) * 1000:.1f} ms", "20 ms")


if __name__ == "__main__":
    main()
