"""What `explain` answers where hardware can have a part of the router: ports of the emulated chip, and others."""

from collections.abc import Iterator

import pytest

from kernel import chip
from kernel.desk import plain
from kernel.house import House, Shape
from kernel.local import Local
from kernel.scenes import WHY, shows
from kernel.sides import bridge, port
from offload.model.network import MAX_NEIGHBOURS
from offload.service.roaming.return_budget import MOST_RETURNS

SHAPE = Shape(
    {
        "lan": bridge(chip.port("lan1"), plain("ap0", "eth1")),
        "guest": chip.port("guest1"),
        "iot": port("iot1"),
        "work": chip.port("work1"),
        "vpn": port("usb0"),
        "wan": chip.port("wan"),
    },
    zones={"iot": "guest"},
)
HARDWARE = "config globals 'globals'\n\toption mode 'hardware'\n"
FAST = 30  # packets after which software has a flow, also of a station that no port has seen


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[Local]:
    with house.shaped(SHAPE):
        yield Local(house)


@pytest.fixture(name="lab")
def _lab(built: Local) -> Local:
    """A service that has just started, with hardware requested everywhere."""
    built.start()
    built.choose(HARDWARE)
    return built


@shows(WHY.STATIONS_SOFTWARE, WHY.HARDWARE_BENEATH, WHY.NO_HW_TC_OFFLOAD)
def test_a_bridge_with_a_port_that_hardware_does_not_have(lab: Local) -> None:
    talk = lab.house.call("lan", "wan")
    lab.choose(HARDWARE)
    steps = lab.explain(talk).steps
    assert "STATIONS_SOFTWARE" in steps["pair"].codes
    assert {"HARDWARE_BENEATH", "NO_HW_TC_OFFLOAD"} <= {*steps["devices"].codes}


@shows(WHY.HARDWARE_UNCOVERED)
def test_a_device_that_hardware_does_not_have(lab: Local) -> None:
    assert lab.explain(lab.house.call("vpn", "wan", 4, "udp")).code == "HARDWARE_UNCOVERED"


@shows(WHY.HARDWARE_ELSEWHERE, WHY.HARDWARE_PART)
def test_a_zone_with_a_device_that_hardware_does_not_have(lab: Local) -> None:
    found = lab.explain(lab.house.call("iot", "wan", 4, "udp"))
    assert found.code == "HARDWARE_ELSEWHERE"
    assert "HARDWARE_PART" in found.steps["pair"].codes


@shows(WHY.SHAPED)
def test_a_device_with_a_shaper(lab: Local) -> None:
    router = lab.house.router
    router.run("tc", "qdisc", "add", "dev", "wan", "root", "cake", "bandwidth", "100mbit")
    lab.choose(HARDWARE)
    assert lab.explain(lab.house.call("work", "wan", 4, "udp")).code == "SHAPED"
    router.run("tc", "qdisc", "del", "dev", "wan", "root")


@shows(WHY.HARDWARE_UNBOUND)
def test_a_device_that_the_kernel_refuses(lab: Local) -> None:
    lab.choose(HARDWARE.replace("hardware", "none"))
    with chip.fault(lab.house.router, "work1", "no-bind"):
        lab.start()
        lab.choose(HARDWARE)
        assert "HARDWARE_UNBOUND" in lab.explain(lab.house.call("work", "wan", 4, "udp")).steps["devices"].codes


@shows(WHY.STATIONS_FULL)
def test_more_neighbours_than_are_remembered(lab: Local) -> None:
    router = lab.house.router
    many = [f"10.9.{number // 250}.{number % 250 + 1}" for number in range(MAX_NEIGHBOURS + 1)]
    router.ip(*(f"neigh add {each} dev wan lladdr 02:00:00:00:00:01 nud permanent" for each in many))
    talk = lab.house.call("lan", "wan", 4, "udp")
    lab.choose(HARDWARE)
    assert "STATIONS_FULL" in lab.explain(talk).steps["pair"].codes
    router.run("ip", "neigh", "flush", "dev", "wan", "nud", "permanent")


def pass_now(lab: Local) -> None:
    """Let the service make a pass, and no time go by."""
    with lab.house.router.entered():
        assert lab.service.work().error == ""


@shows(WHY.STATIONS_MOVE)
def test_stations_that_move_too_often(lab: Local) -> None:
    router, talk = lab.house.router, lab.house.call("lan", "wan", 4, "udp")
    for place in ("lan1", "ap0"):
        for number in range(MOST_RETURNS):
            router.run("bridge", "fdb", "replace", f"02:00:00:00:00:{number:02}", "dev", place, "master", "dynamic")
            pass_now(lab)
    pass_now(lab)  # the last return allowed in a minute waits for another pass
    steps = lab.explain(talk).steps
    assert "STATIONS_MOVE" in steps["pair"].codes and "STATIONS_MOVE" in steps["devices"].codes


@shows(WHY.STATIONS_UNSEEN, WHY.HARDWARE_STATION_UNKNOWN)
def test_a_station_that_no_port_has_seen(lab: Local) -> None:
    """The last, as the ports learn no more."""
    for name in ("lan1", "ap0"):
        lab.house.router.run("bridge", "link", "set", "dev", name, "learning", "off")
    lab.house.router.ip("link set br-lan type bridge fdb_flush")
    lab.start()
    lab.choose(HARDWARE)
    talk = lab.house.call("lan", "wan", 4, "udp")
    talk.echo(FAST)
    found = lab.explain(talk)
    assert found.code == "HARDWARE_STATION_UNKNOWN"
    assert "STATIONS_UNSEEN" in found.steps["pair"].codes
