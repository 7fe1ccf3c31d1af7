"""What a `status` of the service costs with the connections of a home; the kernel is a fake."""

from bench.python import NAME, bare
from bench.rows import Figure, against, milliseconds
from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY
from offload.service.bus.ubus_object import METHODS, answer
from service.routers import router
from status.routers import entry

USUAL, GOAL = 200, 20 / 12  # connections; 20 ms where bare Python takes 12


def main() -> None:
    """Print a row for a home's connections; growth.py has more of them."""
    figures = bare(), status(USUAL)
    against(f"status with {USUAL} flows", NAME, "ms", figures, GOAL, "counted instructions").show()


def status(flows: int) -> Figure:
    """Milliseconds of processor time for an answer with so many connections; the first one imports."""
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
    replies = []
    times = [milliseconds(lambda: replies.append(answer(fakes.service, METHODS["status"], {}))) for _ in range(2)]
    assert all(reply["ok"] for reply in replies)
    return Figure(times[-1], 1)


if __name__ == "__main__":
    main()
