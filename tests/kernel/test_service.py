"""What a router does to its resident service, and what the service makes of it."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import ubusd

from kernel.lab import Home
from kernel.resident import Resident, resident

SOAK = 10 if os.environ.get("OFFLOAD_SOAK") else 1
HOME_DEVICES = ["br-lan", "lan1", "lan2", "lan3", "wan"]
LEASED = "192.168.1.50"


@pytest.fixture(scope="module", name="service")
def _service(network: Home) -> Iterator[Resident]:
    with resident(network.router) as running:
        yield running
    network.router.reset()


def others(service: Resident) -> str:
    """The ruleset without our tables."""
    listing = service.router.run("nft", "list", "ruleset")
    kept, ours = [], False
    for line in listing.splitlines():
        ours = line.startswith("table inet flow_offload") or (ours and not line.startswith("table"))
        kept += [] if ours or "counter" in line or "elements" in line else [line]
    return "\n".join(kept)


def test_it_brings_the_kernel_there_and_then_sends_nothing(service: Resident) -> None:
    service.until(lambda: service.devices() == HOME_DEVICES)
    service.quiet()
    before = service.router.generation()
    assert service.call("reload") == {"ok": True, "changes": 0, "returned": [], "problems": []}
    assert service.router.generation() == before


def test_a_device_that_comes_and_goes(service: Resident) -> None:
    for _ in range(3 * SOAK):
        service.router.ip("link add lan4 type veth peer name far4", "link set lan4 up", "link set lan4 master br-lan")
        service.until(lambda: "lan4" in service.devices(), 10)
        service.router.ip("link delete lan4")
        service.until(lambda: service.devices() == HOME_DEVICES, 10)


def test_what_others_take_away_is_back_within_five_seconds(service: Resident) -> None:
    firewall = service.router.run("nft", "list", "table", "inet", "fw4")
    for command in ("delete table inet flow_offload", "flush ruleset", "flush chain inet flow_offload forward"):
        service.quiet()
        service.router.nft(command)
        service.until(lambda: service.devices() == HOME_DEVICES and "vmap @pairs" in service.router.table(), 5)
        if command == "flush ruleset":
            service.router.nft(firewall)


def test_a_thousand_hints_are_few_passes(service: Resident) -> None:
    service.quiet()
    before = service.passes()
    service.router.ip(*(f"address {word} 10.9.9.9/32 dev br-lan" for _ in range(500) for word in ("add", "delete")))
    service.quiet()
    assert service.passes() - before <= 4


def test_a_zone_gets_its_mode_and_others_keep_their_uncommitted_changes(service: Resident) -> None:
    assert "br-guest" not in service.devices()
    reply = service.call("set", {"zone": "guest", "mode": "software"})
    assert (
        reply["ok"] and {"src": "guest", "dest": "wan", "before": "none", "effective": "software"} in reply["changed"]
    )
    assert "br-guest" in service.devices()
    reply = service.call("set_pair", {"src": "guest", "dest": "wan", "mode": "none"})
    assert reply["changed"] == [{"src": "guest", "dest": "wan", "before": "software", "effective": "none"}]
    assert "br-guest" not in service.devices()
    service.router.reset()
    assert service.call("reload")["ok"]


def test_two_who_set_at_once_both_get_what_they_asked_for(service: Resident) -> None:
    def run(zone: str) -> str:
        environment = os.environ | {"OFFLOAD_UBUS_SOCKET": str(service.socket)}
        command = ["ip", "netns", "exec", service.router.name, "python3", "-m", "offload", "set", zone, "none"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, ("lan", "wan")))
    text = (service.router.config / "offload").read_text()
    assert text.count("'none'") >= 2
    assert service.devices() == []
    service.router.reset()
    assert service.call("reload")["ok"]
    assert service.devices() == HOME_DEVICES


def test_an_exempt_for_a_while_outlives_kill_9(service: Resident) -> None:
    added = service.call("exempt_add", {"match": {"src_ip": [LEASED], "src": "lan"}, "timeout": 600})
    assert added["ok"] and f"{LEASED} timeout 10m" in service.router.table()
    short = service.call("exempt_add", {"match": {"dest_port": "5000-6000", "proto": "udp"}, "timeout": 8})
    service.quiet()
    before = service.router.generation()
    service.stop(signal.SIGKILL)
    assert LEASED in service.router.table()
    service.start()
    service.quiet()
    found = service.status()
    assert found is not None
    (lease, *_) = found["exempts"]
    assert lease["id"] == added["id"] and 540 < lease["expires"] < 600
    assert lease["match"] == {"src": "lan", "src_ip": [LEASED]}
    service.until(lambda: "5000-6000" not in service.router.table(), 15)
    # adopted as it was: nothing but the ended exempt's set was ever changed
    service.quiet()
    assert service.router.generation() <= before + 1
    assert service.call("exempt_delete", {"id": short["id"]})["ok"] is False
    assert service.call("exempt_delete", {"id": added["id"]}) == {"ok": True, "changes": 1, "returned": []}
    assert LEASED not in service.router.table()


def test_flush_returns_the_table(service: Resident) -> None:
    handle = service.router.table().splitlines()[0]
    assert service.call("flush", {"query": {}}) == {"ok": True, "returned": ["flow_offload"], "flows": 0}
    assert service.router.table().splitlines()[0] != handle
    assert service.call("flush", {"query": {"host": "192.0.2.77"}})["returned"] == []


def test_a_station_that_moves_returns_the_table(service: Resident) -> None:
    mac = "02:00:00:00:00:77"
    service.router.run("bridge", "fdb", "replace", mac, "dev", "lan1", "master", "dynamic")
    service.quiet()
    for turn in range(3 * SOAK):
        handle = service.router.table().splitlines()[0]
        service.router.run("bridge", "fdb", "replace", mac, "dev", ("lan2", "lan1")[turn % 2], "master", "dynamic")
        service.until(lambda: (now := service.router.table().splitlines()) and now[0] != handle, 5)  # noqa: B023
    service.router.run("bridge", "fdb", "delete", mac, "dev", ("lan2", "lan1")[(3 * SOAK - 1) % 2], "master")


def test_ubusd_dies_and_comes_back(service: Resident) -> None:
    assert service.broker is not None
    import ubus

    for _ in range(2 * SOAK):
        service.broker.kill()
        service.broker.wait()
        service.socket.unlink()
        ubus.disconnect(False)
        service.broker = subprocess.Popen(
            [os.path.realpath("/usr/bin/python3"), ubusd.__file__, str(service.socket), str(service.router.replies)]
        )
        ubusd.wait_for(service.socket, service.broker)
        ubus.connect(str(service.socket))
        service.until(lambda: service.status() is not None, 15)
    service.quiet()
    assert service.devices() == HOME_DEVICES


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 'Error: Out of memory' >&2; exit 1", "Out of memory"),
        ("", "missing"),
        ("/usr/bin/sleep 60", "not answer"),
    ],
)
def test_nft_fails_is_missing_or_hangs(service: Resident, script: str, sentence: str) -> None:
    service.spoil("nft", script)
    try:
        reply = service.call("set", {"zone": "guest", "mode": "software"})
        assert reply["ok"] is False and sentence in reply["error"]
        found = service.status()
        assert found is not None and sentence in found["applied"]["error"]
        assert service.devices() == HOME_DEVICES
    finally:
        service.mend()
    service.router.reset()
    assert service.call("reload")["ok"]
    assert service.devices() == HOME_DEVICES


def test_a_broken_file_changes_nothing_and_is_told(service: Resident) -> None:
    before = service.router.generation()
    service.router.write("offload", "config zone\n\toption name 'lan\n")
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    service.until(lambda: (found := service.status()) and found["applied"]["error"])
    found = service.status()
    assert found is not None and "offload" in found["applied"]["error"] and "line 2" in found["applied"]["error"]
    assert [problem["file"] for problem in found["problems"]] == ["offload"]
    assert service.call("set", {"zone": "guest", "mode": "none"})["ok"] is False
    assert service.router.generation() == before
    service.router.reset()
    assert service.call("reload")["ok"]


def test_kill_9_in_the_middle_of_a_pass(service: Resident) -> None:
    for _ in range(SOAK):
        service.router.ip("link add lan5 type veth peer name far5", "link set lan5 master br-lan")
        time.sleep(random.uniform(0, 0.6))  # noqa: S311 - any moment will do
        service.stop(signal.SIGKILL)
        service.router.ip("link delete lan5")
        service.start()
        service.until(lambda: service.devices() == HOME_DEVICES)


def test_the_clock_jumps(service: Resident) -> None:
    added = service.call("exempt_add", {"match": {"src_ip": LEASED}, "timeout": 600})
    now = time.time()
    try:
        for years in (-1, 2):
            time.clock_settime(time.CLOCK_REALTIME, now + years * 365 * 86400)
            service.router.ip("link add lan4 type veth peer name far4", "link set lan4 master br-lan")
            service.until(lambda: "lan4" in service.devices(), 10)
            service.router.ip("link delete lan4")
            service.until(lambda: service.devices() == HOME_DEVICES, 10)
    finally:
        time.clock_settime(time.CLOCK_REALTIME, now)
    assert LEASED in service.router.table()
    assert service.call("exempt_delete", {"id": added["id"]})["ok"]


def test_many_appearances_leave_memory_and_descriptors_flat(service: Resident) -> None:
    service.quiet()
    memory, descriptors = service.memory(), service.descriptors()
    for _ in range(3 * SOAK):
        service.router.ip(*(words for _ in range(10) for words in APPEARANCE))
    service.until(lambda: service.devices() == HOME_DEVICES)
    service.quiet()
    assert service.descriptors() == descriptors
    assert service.memory() <= memory + 1500


APPEARANCE = ("link add lan4 type veth peer name far4", "link set lan4 master br-lan", "link delete lan4")


def test_stop_removes_our_tables_and_nothing_else(service: Resident) -> None:
    before = others(service)
    assert service.stop() == 0
    assert service.router.table() == ""
    assert others(service) == before
