"""Pairs in hardware beside others in software and in none, on the emulated engine: who is where, and why."""

import json
from collections.abc import Iterator

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.evidence import conntrack_flags
from kernel.house import House, Shape
from kernel.inside import applied, decided, observed
from kernel.netns import cable
from kernel.sides import bridge
from kernel.traffic import Proto, Talk

ENOUGH = 60
SHAPE = Shape(
    {
        "lan": bridge(chip.port("lan1"), chip.port("lan2", "eth1")),
        "guest": chip.port("guest1"),
        "iot": chip.port("iot1"),
        "wan": chip.port("wan"),
    }
)
ENGINE = ("lan1", "guest1", "iot1", "wan")
# whether a station has been seen yet or not
SHARED = [("hardware", [code]) for code in ("STATIONS_SOFTWARE", "STATIONS_UNSEEN")]
ZONE = "\nconfig zone\n\toption name '{}'\n\toption mode '{}'\n"
THREE = {"lan": "hardware", "guest": "software", "iot": "none", "wan": "hardware"}


@pytest.fixture(scope="module", name="lab")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


def choose(lab: House, **modes: str) -> None:
    """Write these modes and apply them; a transaction that fails raises here."""
    chosen = "".join(ZONE.format(zone, mode) for zone, mode in (THREE | modes).items())
    lab.router.write("offload", "config globals 'globals'\n" + chosen)
    applied(lab.router, decided(lab.router, observed(lab.router)))


def forwarded(lab: House) -> int:
    return chip.forwarded(lab.router, ENGINE)


def pair(lab: House, src: str, dest: str = "wan") -> tuple[str, list[str]]:
    """What a pair gets, and the codes of its reasons."""
    found = next(each for each in lab.router.status()["pairs"] if (each["src"], each["dest"]) == (src, dest))
    return found["effective"], [reason["code"] for reason in found["reasons"]]


def reasons(lab: House, device: str) -> list[str]:
    """The codes of a device's reasons."""
    found = next(each for each in lab.router.status()["devices"] if each["name"] == device)
    return [reason["code"] for reason in found["reasons"]]


def flowtables(lab: House) -> dict[str, set[str]]:
    """The devices of each of our flowtables."""
    listing = json.loads(lab.router.run("nft", "-j", "list", "flowtables"))["nftables"]
    found = [each["flowtable"] for each in listing if "flowtable" in each]
    return {each["name"]: {each["dev"]} if isinstance(each["dev"], str) else set(each["dev"]) for each in found}


def settled(lab: House, talk: Talk) -> Talk:
    return chip.settled(lab.router, ENGINE, talk)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_three_modes_at_once(lab: House, version: int, proto: Proto) -> None:
    choose(lab)
    talks = {src: lab.call(src, "wan", version, proto) for src in ("lan", "guest", "iot")}
    settled(lab, talks["lan"])
    in_hardware = {}
    sightings = {}
    for src, talk in talks.items():
        before = forwarded(lab)
        (sightings[src],) = lab.watch([talk], ENOUGH)
        in_hardware[src] = forwarded(lab) - before >= 2 * ENOUGH
    assert in_hardware == {"lan": True, "guest": False, "iot": False}
    assert sightings["lan"].fast(ENOUGH) and sightings["guest"].fast(ENOUGH), sightings
    assert sightings["iot"].all_slow(), sightings
    assert conntrack_flags(lab.router, talks["lan"]) == {"HW_OFFLOAD"}
    assert conntrack_flags(lab.router, talks["guest"]) == {"OFFLOAD"}


def test_port_forwards_are_in_hardware_too(lab: House) -> None:
    choose(lab)
    talk = settled(lab, lab.call("wan", "lan"))
    before = forwarded(lab)
    (seen,) = lab.watch([talk], ENOUGH)
    assert seen.fast(ENOUGH), seen
    assert forwarded(lab) - before >= 2 * ENOUGH


def test_the_second_table_is_there_while_it_is_needed(lab: House) -> None:
    choose(lab)
    assert flowtables(lab) == {"sw": {"br-lan", "guest1", "lan1", "lan2", "wan"}, "hw": {"lan1", "lan2", "wan"}}
    choose(lab, lan="software")
    assert set(flowtables(lab)) == {"sw"}
    choose(lab, guest="none")
    assert set(flowtables(lab)) == {"hw"}
    choose(lab)
    assert set(flowtables(lab)) == {"hw", "sw"}
    assert "Nothing to do" in lab.router.offload("apply")


def test_a_port_that_does_not_offer_it_leaves_its_stations_in_software(lab: House) -> None:
    with chip.without_offer(lab.router, "lan2"):
        choose(lab, guest="hardware")
        assert pair(lab, "lan") in SHARED
        assert pair(lab, "guest") == ("hardware", [])
        assert reasons(lab, "lan2") == ["NO_HW_TC_OFFLOAD"]
        assert flowtables(lab)["hw"] == {"guest1", "lan1", "wan"}
        talk = settled(lab, lab.call("guest", "wan"))
        before = forwarded(lab)
        (seen,) = lab.watch([talk], ENOUGH)
        assert seen.fast(ENOUGH) and forwarded(lab) - before >= 2 * ENOUGH, seen


def test_a_port_the_kernel_refuses_leaves_its_stations_in_software(lab: House) -> None:
    choose(lab, lan="none")
    with chip.fault(lab.router, "lan2", "no-bind"):
        choose(lab, guest="hardware")
        assert pair(lab, "lan") in SHARED
        assert reasons(lab, "lan2") == ["HARDWARE_UNBOUND"]
        assert flowtables(lab)["hw"] == {"guest1", "lan1", "wan"}


def test_an_added_device_without_hardware_hinders_no_other(lab: House) -> None:
    lab.router.ip("link add extra0 type dummy")
    lab.router.write("offload", "config globals 'globals'\n\toption mode 'hardware'\n\tlist device 'extra0'\n")
    lab.router.offload("apply")
    assert flowtables(lab)["hw"] == {"guest1", "iot1", "lan1", "lan2", "wan"}
    lab.router.ip("link del extra0")


def test_a_kernel_that_binds_anything_changes_nothing(lab: House) -> None:
    choose(lab, lan="none")
    with chip.parameter("bind_anything", "1"), chip.fault(lab.router, "guest1", "no-bind"):
        choose(lab, guest="hardware")
        assert flowtables(lab)["hw"] == {"guest1", "lan1", "lan2", "wan"}  # what it says is all there is to go by
        talk = lab.call("guest", "wan")
        before = chip.count(lab.router, "guest1").forwarded
        (seen,) = lab.watch([talk], ENOUGH)
        assert seen.fast(ENOUGH), seen
        assert chip.count(lab.router, "guest1").forwarded == before
        choose(lab, guest="none")


def test_a_flow_that_no_driver_takes_has_that_reason(lab: House) -> None:
    choose(lab, lan="none", guest="hardware")
    with chip.fault(lab.router, "guest1", "refuse"), chip.fault(lab.router, "wan", "refuse"):
        talk = lab.call("guest", "wan")
        (flow,) = [flow for flow in lab.router.flows() if flow["sport"] == talk.near[1]]
    assert (flow["state"], [each["code"] for each in flow["reasons"]]) == ("software", ["HARDWARE_AWAITED"])


def test_a_bridge_with_a_port_of_another_kind(lab: House) -> None:
    cable(lab.router, "usb0", lab.hosts["iot"], "eth1")
    lab.router.ip("link set usb0 master br-lan")
    choose(lab)
    assert pair(lab, "lan") in SHARED
    lab.router.ip("link del usb0")
    choose(lab)
    assert pair(lab, "lan") == ("hardware", [])


def test_the_rules_in_hardware_are_removed_with_the_table(lab: House) -> None:
    choose(lab)
    settled(lab, lab.call("lan", "wan"))
    assert chip.rules(lab.router, *ENGINE) > 0
    choose(lab, lan="none")
    wait_until(lambda: chip.rules(lab.router, *ENGINE) == 0, "an empty table")
