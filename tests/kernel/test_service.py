"""The resident service on a router of the lab: what it does on events, and on calls over ubus."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from uci import Uci

from kernel.resident import HOME_DEVICES, SOAK, Resident

LEASED = "192.168.1.50"
UNCOMMITTED = Path("/tmp/.uci/offload")  # noqa: S108  # uci's place


def test_it_brings_the_kernel_there_and_then_sends_nothing(service: Resident) -> None:
    service.until(lambda: service.devices() == HOME_DEVICES)
    service.quiet()
    before = service.router.generation()
    assert service.call("reload") == {"ok": True, "changes": 0, "returned": [], "problems": [], "missing": []}
    assert service.router.generation() == before


def test_a_device_that_comes_and_goes(service: Resident) -> None:
    for _ in range(3 * SOAK):
        service.router.ip("link add lan4 type veth peer name far4", "link set lan4 up", "link set lan4 master br-lan")
        service.until(lambda: "lan4" in service.devices(), 10)
        service.router.ip("link delete lan4")
        service.until(lambda: service.devices() == HOME_DEVICES, 10)


def test_a_device_whose_name_is_no_text_is_beside_the_others(service: Resident) -> None:
    r"""It is `\xff\xfe` with an escape; a station behind it may use it, and nothing of it reaches nft."""
    name = os.fsdecode(b"\xff\xfe\x1b")
    service.router.run("ip", "link", "add", name, "type", "veth", "peer", "name", "far9")
    for words in ((name, "up"), ("far9", "up"), (name, "master", "br-lan")):
        service.router.run("ip", "link", "set", *words)
    service.router.run("bridge", "fdb", "replace", "02:00:00:00:00:79", "dev", name, "master", "dynamic")
    service.quiet()
    assert service.call("reload")["ok"] and service.devices() == HOME_DEVICES
    found = service.status()
    assert found and {each["name"]: each["reasons"] for each in found["devices"]}[r"\xff\xfe\x1b"]
    service.router.run("ip", "link", "delete", name)
    service.until(lambda: service.devices() == HOME_DEVICES)


def test_a_thousand_hints_are_few_passes(service: Resident) -> None:
    service.quiet()
    before = service.passes()
    service.router.ip(*(f"address {word} 10.9.9.9/32 dev br-lan" for _ in range(500) for word in ("add", "delete")))
    service.quiet()
    assert service.passes() - before <= 4


def test_a_zone_gets_its_mode(service: Resident) -> None:
    assert "br-guest" not in service.devices()
    reply = service.call("set", {"zone": "guest", "mode": "software"})
    assert reply["ok"]
    assert {"src": "guest", "dest": "wan", "before": "none", "effective": "software"} in reply["changed"]
    assert "br-guest" in service.devices()
    reply = service.call("set_pair", {"src": "guest", "dest": "wan", "mode": "none"})
    assert reply["changed"] == [{"src": "guest", "dest": "wan", "before": "software", "effective": "none"}]
    assert "br-guest" not in service.devices()
    service.as_shipped()


def test_what_others_have_not_committed_stays_so(service: Resident) -> None:
    editor = Uci(confdir=str(service.router.config))
    editor.set("offload", "globals", "family", "ipv4")
    editor.save("offload")
    before = UNCOMMITTED.read_bytes()
    assert b"family" in before
    assert service.call("set", {"zone": "guest", "mode": "software"})["ok"]
    assert UNCOMMITTED.read_bytes() == before
    text = (service.router.config / "offload").read_text()
    assert "family" not in text and text.count("'software'") == 2
    UNCOMMITTED.unlink()
    service.as_shipped()


def test_two_who_set_at_once_both_get_what_they_asked_for(service: Resident) -> None:
    def run(zone: str) -> str:
        environment = os.environ | {"OFFLOAD_UBUS_SOCKET": str(service.router.socket)}
        command = ["ip", "netns", "exec", service.router.name, "python3", "-m", "offload", "set", zone, "none"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, ("lan", "wan")))
    text = (service.router.config / "offload").read_text()
    assert text.count("'none'") >= 2
    assert service.devices() == []
    service.as_shipped()
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
    (timed_exempt, *_) = found["exempts"]
    assert timed_exempt["id"] == added["id"] and 540 < timed_exempt["expires"] < 600
    assert timed_exempt["match"] == {"src": "lan", "src_ip": [LEASED]}
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
