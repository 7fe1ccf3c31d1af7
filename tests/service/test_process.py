"""The loop in a process of its own, connected to a broker: calls, many calls, and the loss of ubusd.

The doors to nft, netlink and uci are fakes; everything between them and ubus is the code that runs on a router.
"""

import os
import random
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import brokers
import pytest
import ubus

from offload import __version__
from offload.service.bus.ubus_object import METHODS

pytestmark = pytest.mark.slow  # it starts processes

SOAK = 10 if os.environ.get("OFFLOAD_SOAK") else 1
CALLS = 10_000 * SOAK
TESTS = Path(__file__).parents[1]
PROGRAM = """
from collections import deque
from service.routers import router
from offload.service.main import build
fakes = router()
fakes.nft.sent = fakes.bus.calls = deque(maxlen=0)  # what the fakes remember would look like a leak
loop = build(fakes.service.doors)
fakes.nft.service = loop.engine
loop.run()
print("stopped", flush=True)
"""
# A user's command, and what it had to import for the answer.
COMMAND = """
import sys
from offload.cli.command import main
code = main(sys.argv[1:])
print("HEAVY", sorted({"jinja2"} & set(sys.modules)), code)
"""


class Running:
    """A service and its broker; this process is connected to it."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.environment = os.environ | {
            "OFFLOAD_UBUS_SOCKET": str(socket),
            "PYTHONPATH": ":".join([str(TESTS), *sys.path]),
            "COLUMNS": "80",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def call(self, method: str, words: dict[str, Any]) -> dict[str, Any]:
        found: list[dict[str, Any]] = ubus.call("offload", method, words, 5000)
        return found[0]

    def answers(self) -> bool:
        with suppress(RuntimeError):
            return bool(self.call("status", {})["ok"])
        return False

    def until(self, holds: Callable[[], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def command(self, *words: str) -> str:
        """What a user's command printed, and after that what it imported and its exit code."""
        command = [sys.executable, "-c", COMMAND, *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def size(self) -> tuple[int, int]:
        """Memory of its own in kB, whoever else runs this Python, and open descriptors."""
        proc = Path("/proc", str(self.process.pid))
        own = int((proc / "smaps_rollup").read_text().partition("\nPss_Anon:")[2].split()[0])
        return own, len(list((proc / "fd").iterdir()))


@contextmanager
def broker_at(socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker, with this process connected to it."""
    with brokers.running(socket) as broker:
        ubus.connect(str(socket))
        try:
            yield broker
        finally:
            ubus.disconnect(False)


@contextmanager
def service_at(socket: Path) -> Iterator[Running]:
    """A broker and a service that has answered once."""
    if os.geteuid():
        pytest.skip("the kernel tells its notifications to root only")
    with broker_at(socket):
        running = Running(socket)
        running.until(running.answers)
        yield running
        running.process.kill()
        running.process.communicate()


@pytest.fixture(name="service")
def _service(tmp_path: Path) -> Iterator[Running]:
    with service_at(tmp_path / "sock") as running:
        yield running


def test_it_stops_at_a_signal(service: Running) -> None:
    service.process.send_signal(signal.SIGTERM)
    out, err = service.process.communicate(timeout=10)
    assert (out, service.process.returncode) == (b"stopped\n", 0)
    lines = err.decode().splitlines()
    assert lines[0] == f"offload: version {__version__} starts"
    assert lines[1] == "offload: start: lan > wan none -> software; sw + br-lan, lan1, lan2, wan"
    assert lines[-1] == "offload: stops"


def test_a_choice_is_a_line_of_the_log_with_what_changed_and_why(service: Running) -> None:
    service.call("set", {"zone": "guest", "mode": "software"})
    service.process.send_signal(signal.SIGTERM)
    lines = service.process.communicate(timeout=10)[1].decode().splitlines()
    assert "offload: /etc/config/offload changed: guest > wan none -> software; sw + br-guest" in lines


# Commands that one service answers in this order, and a part of what each prints.
ANSWERED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("status",), "GETS"),
    (("status", "--json"), '"ok": true'),
    (("zones",), "lan > wan"),
    (("exempt", "list"), "There are no exempts."),
    (("exempt", "add", "--src-ip", "192.168.1.50", "--timeout", "1h"), "Exempt 1 keeps it slow for 1 h"),
    (("flush",), "Back on the slow path for a moment: all flows of flow_offload."),
    (("flows",), "No flows."),
    (("cut", "--host", "192.168.1.50"), "There is no such forwarded connection."),
    (("check",), "notice: kernel 6.1 refuses to end offloaded connections"),
    (("reload",), "Nothing to do"),
    (("apply",), "Nothing to do"),
    (("set", "guest", "software"), "guest > wan: none -> software"),
    (("pair", "lan", "wan", "none"), "lan > wan: software -> none"),
)
REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("set", "dmz", "none"), "there is no zone 'dmz'"),
    (("set", "lan", "fast"), "'fast' is no mode"),
    (("exempt", "add", "--src-ip", "nonsense"), "is not an IPv4 or IPv6 address"),
    (("exempt", "add", "--src-ip", "10.0.0.1", "--timeout", "soon"), "'soon' is no time"),
    (("cut",), "whose connections are to end? Name them by --zone"),
    (("exempt", "delete", "7"), "there is no timed exempt 7"),
)


def test_a_verb_that_the_service_answers_imports_nothing_heavy(service: Running) -> None:
    for words, text in ANSWERED:
        printed = service.command(*words)
        assert text in printed and printed.rstrip().endswith("HEAVY [] 0"), (words, printed)


def test_a_refusal_is_a_sentence_and_an_exit_code(service: Running) -> None:
    for words, sentence in REFUSED:
        printed = service.command(*words)
        assert sentence in printed and ("HEAVY [] 1" in printed or "HEAVY [] 2" in printed), (words, printed)


def test_ubusd_dies_and_comes_back_many_times(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("the kernel tells its notifications to root only")
    running: Running | None = None
    for _ in range(2 * SOAK + 1):
        with broker_at(tmp_path / "sock") as broker:
            running = running or Running(tmp_path / "sock")
            running.until(running.answers)
            size = running.size()
            broker.kill()
            broker.wait()
        (tmp_path / "sock").unlink(missing_ok=True)
    assert running is not None
    with broker_at(tmp_path / "sock"):
        running.until(running.answers)
        assert running.size()[1] == size[1]
        running.process.kill()
        running.process.communicate()


def junk(choose: random.Random) -> Any:
    """Any value that fits into a message, some of them huge."""
    words = ["zone", "lan", "software", "10.0.0.1", "", "\n", "é" * 9, "x" * 100_000]
    kinds: list[Callable[[], Any]] = [
        lambda: choose.choice(words),
        lambda: choose.randint(-(2**63), 2**63 - 1),
        lambda: choose.choice([True, False, None]),
        lambda: [junk(choose) for _ in range(choose.randint(0, 3))],
        lambda: {choose.choice(string.ascii_letters): junk(choose) for _ in range(choose.randint(0, 3))},
        lambda: {choose.choice(["src_ip", "limit", "zone", "all"]): junk(choose)},
    ]
    return choose.choice(kinds)()


def test_wrong_huge_and_random_calls_leave_memory_and_descriptors_flat(service: Running) -> None:
    choose = random.Random(4)  # noqa: S311 - to be repeated, not to be secret
    methods = {name: sorted(verb.arguments) for name, verb in METHODS.items()} | {"nothing": []}

    def shout(count: int) -> None:
        for _ in range(count):
            method = choose.choice([*methods])
            words = {word: junk(choose) for word in methods[method]}
            with suppress(RuntimeError):  # the arguments do not fit the method
                assert "ok" in service.call(method, words)

    shout(CALLS)  # imports whatever only some calls need
    before = service.size()
    shout(CALLS)
    after = service.size()
    assert after[1] == before[1]
    assert after[0] <= before[0] + 1000, (before, after)
    assert service.answers()


HANGING = """
import sys
from dataclasses import replace
from itertools import count
from service.routers import router
from offload.model.kernel.live import LiveTable
from offload.service.main import build
from offload.system.nft.door import Nft
from offload.system.nft.nfnetlink.tables import Outline
nft = Nft(
    sys.argv[1],
    timeout=60,
    tables=lambda: frozenset({"fw4", "flow_offload"}),
    outline=lambda name: Outline(LiveTable(name), {"pairs": "map"}),
    generation=count().__next__,
)
build(replace(router().service.doors, nft=nft)).run()
"""


def test_term_while_nft_hangs_ends_within_ten_seconds_and_names_what_stays(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("the kernel tells its notifications to root only")
    (tmp_path / "nft").write_text(f"#!/bin/sh\ntouch {tmp_path}/begun\nsleep 60\n")
    (tmp_path / "nft").chmod(0o755)
    with broker_at(tmp_path / "sock"):
        environment = os.environ | {
            "OFFLOAD_UBUS_SOCKET": str(tmp_path / "sock"),
            "PYTHONPATH": ":".join([str(TESTS), *sys.path]),
        }
        command = [sys.executable, "-c", HANGING, str(tmp_path / "nft")]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 20
            while not (tmp_path / "begun").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            begin = time.monotonic()
            process.terminate()
            _, complaint = process.communicate(timeout=20)
    assert time.monotonic() - begin < 10
    assert "table inet flow_offload stays, with what it offloads: nft did not answer within 4 seconds" in complaint
