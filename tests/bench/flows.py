"""What a `status` of the service costs on this machine; the kernel is a fake."""

import sys
import time
from pathlib import Path

from bench.rows import Figure, alone

ROUNDS = 19
USUAL, GOAL = 200, 20.0  # milliseconds

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    """Print a row for a home's connections; growth.py has more of them."""
    method = f"processor time, least of {ROUNDS}"
    alone(f"status with {USUAL} flows", "ms", status(USUAL), GOAL, method).show()


def status(flows: int) -> Figure:
    """Milliseconds of processor time for an answer with so many connections."""
    from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY
    from offload.service.bus.ubus_object import METHODS, answer
    from service.routers import router
    from status.routers import entry

    fakes = router()
    fakes.service.work()
    fakes.conntrack.held = [
        entry(
            f"192.168.1.{number % 250 + 2}#{number + 1000} > 198.51.100.{number % 100}#443",
            proto=6,
            status=IPS_OFFLOAD | IPS_SEEN_REPLY,
        )
        for number in range(flows)
    ]
    times = []
    for _ in range(ROUNDS + 1):
        began = time.process_time()
        assert answer(fakes.service, METHODS["status"], {})["ok"]
        times.append(1000 * (time.process_time() - began))
    return Figure(min(times[1:]), ROUNDS)


if __name__ == "__main__":
    main()
