"""The resident service survives what happens on a router: a full flash, lost devices, changes by other programs."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel.resident import HOME_DEVICES, SOAK, Resident

LEASED = "192.168.1.50"
REFUSED = Path("/run/nft.refused")
APPEARANCES = 1000 * SOAK
APPEARANCE = ("link add lan4 type dummy", "link set lan4 master br-lan", "link delete lan4")


def test_kill_9_in_the_middle_of_a_pass(service: Resident) -> None:
    for _ in range(SOAK):
        service.router.ip("link add lan5 type veth peer name far5", "link set lan5 master br-lan")
        time.sleep(random.uniform(0, 0.6))  # noqa: S311 - any moment will do
        service.stop(signal.SIGKILL)
        service.router.ip("link delete lan5")
        service.start()
        service.until(lambda: service.devices() == HOME_DEVICES)


def test_ubusd_dies_and_comes_back(service: Resident) -> None:
    for _ in range(2 * SOAK):
        service.lose_ubusd()
        service.until(lambda: service.status() is not None, 15)
    service.quiet()
    assert service.devices() == HOME_DEVICES


def reasons(service: Resident) -> set[str]:
    """The codes of the pairs' reasons."""
    found = service.status()
    return {reason["code"] for pair in found["pairs"] for reason in pair["reasons"]} if found else set()


def test_what_others_take_away_is_back_within_five_seconds(service: Resident) -> None:
    firewall = service.router.run("nft", "list", "table", "inet", "fw4")
    for command in (
        "delete table inet flow_offload",
        "flush ruleset",
        "flush chain inet flow_offload forward",
        "flush chain inet flow_offload policy_0_replies\ndelete flowtable inet flow_offload sw",
    ):
        service.quiet()
        begin = time.monotonic()
        assert service.call("reload")["changes"] == 0
        a_pass = time.monotonic() - begin  # on a machine that others use as well it alone may take that long
        service.router.nft(command)
        if command == "flush ruleset":  # no firewall is there either: nothing is offloaded until one is loaded
            service.until(lambda: "NO_FIREWALL" in reasons(service), 5 + a_pass)
            assert service.router.table() == ""
            service.router.nft(firewall)
        service.until(
            lambda: service.devices() == HOME_DEVICES and "vmap @crossings" in service.router.table(), 5 + a_pass
        )


def test_a_device_that_vanishes_between_plan_and_transaction_costs_only_itself(service: Resident) -> None:
    """The first `nft -f` finds it gone and refuses; the same pass looks again and brings the rest."""
    service.quiet()
    for _ in range(2 * SOAK):
        service.spoil("nft", VANISH)
        service.router.ip("link add lan4 type veth peer name far4", "link set lan4 master br-lan")
        reply = service.call("set", {"zone": "guest", "mode": "software"})
        assert reply["ok"], reply
        assert REFUSED.read_text() == "refused\n"
        REFUSED.unlink()
        service.until(lambda: "lan4" not in service.router.run("ip", "link"), 10)
        service.until(lambda: service.devices() == sorted([*HOME_DEVICES, "br-guest", "guest1"]), 10)
        found = service.status()
        assert found is not None and not found["applied"]["error"]
        service.mend()
        service.as_shipped()


# The real nft, on a router where lan4 goes just before anything is sent.
VANISH = f"""[ "$1" = -f ] || exec /usr/sbin/nft "$@"
/usr/sbin/ip link delete lan4 2>/dev/null
/usr/sbin/nft "$@" || {{ echo refused >>{REFUSED}; exit 1; }}"""


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 'Error: Out of memory' >&2; exit 1", "Out of memory"),
        ("", "missing"),
        ("/usr/bin/sleep 60", "not answer"),
    ],
)
def test_nft_fails_is_missing_or_hangs(service: Resident, script: str, sentence: str) -> None:
    service.quiet()
    service.spoil("nft", script)
    try:
        reply = service.call("set", {"zone": "guest", "mode": "software"})
        assert reply["ok"] is False and sentence in reply["error"], reply
        found = service.status()
        assert found is not None and sentence in found["applied"]["error"]
        assert service.devices() == HOME_DEVICES
    finally:
        service.mend()
        service.as_shipped()
    assert service.devices() == HOME_DEVICES


def test_a_broken_file_changes_nothing_and_is_reported(service: Resident) -> None:
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


@contextmanager
def full_flash(service: Resident) -> Iterator[None]:
    """Put the service's /etc/config on a flash without a free byte; the rest of the machine sees nothing of it."""
    service.inside("mount -t tmpfs -o size=64k flash /etc/config && cp /etc/netns/router/config/* /etc/config")
    try:
        service.inside("dd if=/dev/zero of=/etc/config/.fill bs=1k 2>/dev/null || true")
        yield
    finally:
        service.inside("umount /etc/config")


def test_a_full_flash_takes_no_change_and_loses_nothing(service: Resident) -> None:
    service.as_shipped()
    service.quiet()
    with full_flash(service):
        before = service.inside("md5sum /etc/config/* && ls -A /etc/config"), service.router.generation()
        for method, words in (
            ("set", {"zone": "guest", "mode": "software"}),
            ("set_pair", {"src": "lan", "dest": "wan", "mode": "none"}),
        ):
            reply = service.call(method, words)
            assert reply["ok"] is False and "/etc/config/offload" in reply["error"], reply
            assert "No space left on device" in reply["error"] and "nothing was changed" in reply["error"], reply
        assert (service.inside("md5sum /etc/config/* && ls -A /etc/config"), service.router.generation()) == before
        service.inside("rm /etc/config/.fill")
        reply = service.call("set", {"zone": "guest", "mode": "software"})
        assert reply["ok"], reply
        assert "br-guest" in service.devices()
    service.as_shipped()


def test_many_appearances_leave_memory_and_descriptors_flat(service: Resident) -> None:
    service.as_shipped()
    service.quiet()
    memory, descriptors = service.memory(), service.descriptors()
    for _ in range(APPEARANCES // 10):
        service.router.ip(*(APPEARANCE * 10))
    service.until(lambda: service.devices() == HOME_DEVICES)
    service.quiet()
    print(f"\n{APPEARANCES} appearances: {memory} kB before, {service.memory()} kB after")
    assert service.descriptors() == descriptors
    assert service.memory() <= memory + 1500


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


def others(service: Resident) -> str:
    """The ruleset without our tables."""
    listing = service.router.run("nft", "list", "ruleset")
    kept, ours = [], False
    for line in listing.splitlines():
        ours = line.startswith("table inet flow_offload") or (ours and not line.startswith("table"))
        kept += [] if ours or "counter" in line or "elements" in line else [line]
    return "\n".join(kept)


def test_stop_removes_our_tables_and_nothing_else(service: Resident) -> None:
    before = others(service)
    assert service.stop() == 0
    assert service.router.table() == ""
    assert others(service) == before
