"""When the service samples the flows of pairs in hardware, which pair a flow belongs to, and what `status` reports."""

from dataclasses import replace
from typing import Any

import pytest

from offload.errors import KernelError
from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, Entry
from offload.model.network import Link, Neighbour, Station
from offload.service.bus.ubus_object import METHODS, answer
from offload.service.hardware import sampled_flows
from offload.service.hardware.hardware_monitor import APART, APART_SETTLED, SOONEST, HardwareMonitor
from offload.service.hardware.sampled_flows import FOLLOWED, PairFlows, SampledFlows
from offload.service.memory import connections
from offload.service.tasks import hardware
from offload.service.tasks.hardware import requests_changed
from offload.status.hardware.pair_hardware import PairHardware
from service.routers import ROUTES, SCENE, Fakes, router, section
from status.routers import entry

SOFTWARE = IPS_SEEN_REPLY | IPS_OFFLOAD
HARDWARE = SOFTWARE | IPS_HW_OFFLOAD
CHOSEN = (
    section("offload", "zone", "lan", name="lan", mode="hardware"),
    section("offload", "zone", "wan", name="wan", mode="hardware"),
    section("offload", "zone", "guest", name="guest", mode="software"),
)


def flow(packets: int, status: int = HARDWARE, src: str = "192.168.1.10", sport: int = 1, octets: int = 100) -> Entry:
    counted = {"packets": (packets, packets), "octets": (octets, octets)}
    return entry(f"{src}#{sport} > 198.51.100.1#443", status=status, **counted)  # type: ignore[arg-type] # as above


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    """Lan > wan in hardware, guest > wan in software."""
    fakes = router()
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    fakes.uci.packages = {**fakes.uci.packages, "offload": CHOSEN}
    assert fakes.service.work().error == ""
    fakes.service.news.clear()
    return fakes


def sample(fakes: Fakes, *entries: Entry, after: float = APART) -> None:
    fakes.clock.now += after
    fakes.conntrack.held = list(entries)
    hardware.run(fakes.service)


def status(fakes: Fakes) -> dict[str, Any]:
    """The pair lan > wan in the answer of `status`."""
    pairs = answer(fakes.service, METHODS["status"], {})["pairs"]
    found: dict[str, Any] = next(each for each in pairs if (each["src"], each["dest"]) == ("lan", "wan"))
    return found


def test_nothing_is_due_without_hardware() -> None:
    fakes = router()
    fakes.service.work()
    assert fakes.service.hardware_monitor.due is None
    fakes.conntrack.error = KernelError("asked in vain")
    hardware.run(fakes.service)


def test_samples_are_rarer_once_there_is_a_verdict(fakes: Fakes) -> None:
    assert fakes.service.hardware_monitor.due == fakes.clock.now + APART
    sample(fakes, flow(5))
    assert fakes.service.hardware_monitor.due == fakes.clock.now + APART
    sample(fakes, flow(500))
    assert fakes.service.hardware_monitor.due == fakes.clock.now + APART_SETTLED
    assert (status(fakes)["hardware"]["proof"], status(fakes)["hardware"]["flows"]) == ("proven", 1)


def test_a_status_takes_a_sample_but_not_one_after_the_other(fakes: Fakes) -> None:
    sample(fakes, flow(5))
    fakes.conntrack.held = [flow(500)]
    assert status(fakes)["hardware"]["proof"] == "bound"
    fakes.clock.now += SOONEST
    assert status(fakes)["hardware"]["proof"] == "proven"


def test_only_flows_of_the_pair_count(fakes: Fakes) -> None:
    for packets in (5, 500):
        sample(fakes, flow(packets, src="192.168.2.10"), flow(packets, IPS_SEEN_REPLY))
    assert status(fakes)["hardware"] | {"reasons": []} == {
        "proof": "bound", "since": status(fakes)["hardware"]["since"], "flows": 0, "packets": 0, "strays": 0,
        "stayed": 0, "frozen": False, "reasons": [],
    }  # fmt: skip


def test_what_is_wrong_is_reported_once(fakes: Fakes) -> None:
    for packets in (5, 50, 500):
        sample(fakes, *(flow(packets, SOFTWARE, sport=number) for number in range(100)))
    assert status(fakes)["hardware"]["proof"] == "refused"
    sentence = "lan > wan: 100 of the pair's flows stayed in software: no driver of lan1, lan2, wan takes any"
    assert fakes.service.news == [("offload.degraded", {"error": sentence})]


@pytest.mark.parametrize("crossing", [("br-lan", "wan"), ("wan", "br-lan")])
def test_packets_that_stray_in_either_direction(fakes: Fakes, crossing: tuple[str, str]) -> None:
    sample(fakes, flow(5))
    fakes.nft.live(["flow_offload_hw"])
    fakes.nft.straying = {crossing: 90}
    sample(fakes, flow(100))
    assert [reason["code"] for reason in status(fakes)["hardware"]["reasons"]] == ["HARDWARE_STRAYS"]


def test_packets_that_stray_within_a_zone_count_once(fakes: Fakes) -> None:
    """There and back are one crossing on one device, and the elements of two devices have each other's way back."""
    sample(fakes, flow(5))
    decided = fakes.service.decided
    assert decided is not None
    pair = ("lan", "lan")
    ways = [("br-lan", "br-lan"), ("br-lan", "lan9"), ("lan9", "br-lan")]
    tables = tuple(
        replace(table, elements=tuple(replace(table.elements[0], pair=pair, iif=iif, oif=oif) for iif, oif in ways))
        for table in decided.plan.tables
        if table.hardware
    )
    monitor = HardwareMonitor(cases={pair: PairHardware(("br-lan",))})
    flows = SampledFlows({pair: PairFlows(frozenset())}, 0)
    monitor.add_sample(
        flows, decided.snapshot, replace(decided.plan, tables=tables), dict.fromkeys(ways, 7), {}, 1.0, ""
    )
    taken = monitor.cases[pair].sample
    assert taken is not None and taken.strays == 3 * 7


def devices(fakes: Fakes) -> dict[str, str]:
    """How far hardware has come on each device."""
    return {each["name"]: each["hardware"] for each in answer(fakes.service, METHODS["status"], {})["devices"]}


def stations(fakes: Fakes, **ports: str) -> None:
    """Stations 192.168.1.10, .11 and so on by the ports they are at, with an IPv6 address each."""
    found = replace(fakes.netlink.found, stations=(), neighbours=())
    for number, port in enumerate(ports.values(), 10):
        mac = f"02:00:00:00:00:{number}"
        hosts = (Neighbour(f"192.168.1.{number}", "br-lan", mac), Neighbour(f"2001:db8:1::{number}", "br-lan", mac))
        neighbours = (*found.neighbours, *hosts)
        found = replace(found, stations=(*found.stations, Station(mac, port)), neighbours=neighbours)
    fakes.netlink.found = found
    fakes.service.work()


def test_a_device_is_proven_by_the_flows_that_pass_it(fakes: Fakes) -> None:
    stations(fakes, first="lan1")
    for packets in (5, 500):
        sample(fakes, flow(packets))
    assert (devices(fakes)["lan1"], devices(fakes)["wan"], devices(fakes)["br-lan"]) == ("proven",) * 3
    assert devices(fakes)["lan2"] == "bound"  # it may have no cable


def test_a_device_whose_only_station_speaks_what_the_chip_refuses(fakes: Fakes) -> None:
    stations(fakes, first="lan1", second="lan2")
    for packets in range(5, 85, 10):
        sample(fakes, flow(packets), flow(packets, SOFTWARE, src="192.168.1.11", sport=2))
    assert status(fakes)["hardware"]["proof"] == "proven"
    assert (devices(fakes)["lan1"], devices(fakes)["lan2"]) == ("proven", "refused")


def test_a_station_that_the_bridge_has_forgotten_stays_where_it_was(fakes: Fakes) -> None:
    stations(fakes, first="lan1")
    fakes.netlink.found = replace(fakes.netlink.found, stations=())
    fakes.service.work()
    for packets in (5, 500):
        sample(fakes, flow(packets))
    assert devices(fakes)["lan1"] == "proven"


def test_what_ports_proved_ends_with_the_last_pair_in_hardware(fakes: Fakes) -> None:
    stations(fakes, first="lan1")
    for packets in (5, 500):
        sample(fakes, flow(packets))
    fakes.uci.packages = {**fakes.uci.packages, "offload": ()}
    fakes.service.work()
    assert fakes.service.hardware_monitor.ports == {}


def in_effect(fakes: Fakes) -> tuple[str, str, list[str]]:
    """Path, proof and reasons of lan > wan."""
    pair = status(fakes)
    return pair["effective"], pair["hardware"]["proof"], [reason["code"] for reason in pair["reasons"]]


GIVEN_UP = ("software", "refused", ["HARDWARE_GIVEN_UP"])
RETRY = 6 * 3600.0


def moving(fakes: Fakes, *others: Entry) -> None:
    """A minute and more in which twenty flows move in software."""
    for packets in range(5, 85, 10):
        sample(fakes, *(flow(packets, SOFTWARE, sport=number) for number in range(20)), *others)


def test_hardware_that_takes_nothing_is_given_up_and_asked_again(fakes: Fakes) -> None:
    assert not requests_changed(fakes.service)
    moving(fakes)
    sentence = "lan > wan: hardware took none of 20 flows, so it is not asked for a while: all are fast in software"
    assert ("offload.degraded", {"error": sentence}) in fakes.service.news
    assert requests_changed(fakes.service) and not requests_changed(fakes.service)
    assert fakes.service.work().returned == ("flow_offload_hw",)
    assert in_effect(fakes) == GIVEN_UP
    assert fakes.service.work().changes == 0
    fakes.clock.now += RETRY - 3 * APART
    assert not requests_changed(fakes.service)
    fakes.clock.now += 3 * APART
    assert requests_changed(fakes.service)
    fakes.service.work()
    assert in_effect(fakes) == ("hardware", "bound", [])
    moving(fakes)
    assert requests_changed(fakes.service)


def test_a_reload_asks_again(fakes: Fakes) -> None:
    moving(fakes)
    fakes.service.work()
    assert in_effect(fakes) == GIVEN_UP
    fakes.service.reload()
    assert in_effect(fakes) == ("hardware", "bound", [])


def test_beside_a_flow_in_hardware_nothing_is_given_up(fakes: Fakes) -> None:
    moving(fakes, flow(5, sport=99))
    assert not requests_changed(fakes.service)


def test_after_the_hours_that_were_chosen(fakes: Fakes) -> None:
    common = section("offload", "globals", "globals", hardware_retry="1")
    fakes.uci.packages = {**fakes.uci.packages, "offload": (*CHOSEN, common)}
    fakes.service.work()
    moving(fakes)
    fakes.service.work()
    fakes.clock.now += 3600.0
    assert requests_changed(fakes.service)


def flows(fakes: Fakes) -> list[str]:
    """The codes of the reasons of `flows`."""
    found = answer(fakes.service, METHODS["flows"], {"query": {}})["flows"]
    return [reason["code"] for each in found for reason in each["reasons"]]


def test_a_flow_in_software_has_its_reason(fakes: Fakes) -> None:
    sample(fakes, flow(5, SOFTWARE))
    assert flows(fakes) == ["HARDWARE_AWAITED"]
    for packets in range(10, 90, 10):
        sample(fakes, flow(packets, SOFTWARE))
    assert flows(fakes) == ["HARDWARE_DRIVER"]
    sample(fakes, flow(5))
    assert flows(fakes) == []


@pytest.mark.parametrize("mode", ["hardware", "none"])
def test_a_driver_that_does_not_forget_evicted_flows(fakes: Fakes, mode: str) -> None:
    sample(fakes, flow(5))
    sample(fakes, flow(500))
    chosen = tuple(replace(each, options={**each.options, "mode": mode}) for each in CHOSEN)
    fakes.uci.packages = {**fakes.uci.packages, "offload": chosen}
    assert "flow_offload_hw" in fakes.service.work(["flow_offload_hw"]).returned
    fakes.service.news.clear()
    for _ in range(3):
        assert fakes.service.hardware_monitor.due == fakes.clock.now + APART
        sample(fakes, flow(510, IPS_SEEN_REPLY))
    assert fakes.service.hardware_monitor.due == fakes.clock.now + APART_SETTLED
    assert flows(fakes) == ["HARDWARE_KEPT"]
    assert [reason["code"] for reason in status(fakes)["hardware"]["reasons"]] == ["HARDWARE_KEPT"]
    assert status(fakes)["hardware"]["proof"] == ("proven" if mode == "hardware" else "none")
    assert [name for name, _ in fakes.service.news] == ["offload.degraded"]
    fakes.service.work()
    assert flows(fakes) == ["HARDWARE_KEPT"]
    sample(fakes)
    assert (status(fakes)["hardware"]["reasons"], fakes.service.hardware_monitor.over) == ([], {})
    assert (fakes.service.hardware_monitor.due is None) == (mode == "none")


def test_flows_that_are_seen_again_are_out_of_hardware(fakes: Fakes) -> None:
    sample(fakes, flow(5), flow(5, sport=2))
    sample(fakes, flow(500), flow(90, sport=2))
    fakes.service.work(["flow_offload_hw"])
    for packets in (2, 50, 500):
        sample(fakes, flow(packets, SOFTWARE), flow(95, IPS_SEEN_REPLY, sport=2))
    assert status(fakes)["hardware"]["reasons"] == []
    assert flows(fakes) == ["HARDWARE_AWAITED", "WAITING"]


def test_a_flow_that_is_back_in_software_by_choice_is_out_of_hardware(fakes: Fakes) -> None:
    """Its station has moved to a port without hardware, so hardware is not asked for it."""
    fakes.netlink.able = frozenset({"lan1", "wan"})
    stations(fakes, first="lan1", second="lan1")
    for packets in (5, 500):
        sample(fakes, flow(packets), flow(packets, src="192.168.1.11"))
    fakes.service.work(["flow_offload_hw"])
    stations(fakes, first="lan2", second="lan1")
    for packets in (510, 600, 700):
        sample(fakes, flow(packets, SOFTWARE), flow(500, IPS_SEEN_REPLY, src="192.168.1.11"))
    assert fakes.service.hardware_monitor.cases["lan", "wan"].evicted.flows == {}
    assert status(fakes)["hardware"]["reasons"] == []


def test_a_case_ends_with_its_pair_in_hardware_and_begins_anew_on_other_devices(fakes: Fakes) -> None:
    sample(fakes, flow(5))
    sample(fakes, flow(500))
    fakes.netlink.able = frozenset({"wan"})  # no port of lan is covered now
    fakes.service.work()
    assert (status(fakes)["effective"], status(fakes)["hardware"]["proof"]) == ("software", "impossible")
    sample(fakes, flow(505, SOFTWARE))
    assert fakes.service.hardware_monitor.due is None
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    fakes.service.work()
    assert status(fakes)["hardware"]["proof"] == "bound"


def test_a_kernel_that_does_not_answer_is_asked_again(fakes: Fakes) -> None:
    fakes.conntrack.error = KernelError("too busy")
    fakes.clock.now += APART
    hardware.run(fakes.service)
    assert fakes.service.hardware_monitor.due == fakes.clock.now + APART


def test_of_very_many_flows_some_are_followed_and_all_counted(fakes: Fakes) -> None:
    for packets in (5, 500):
        sample(fakes, *(flow(packets, sport=number) for number in range(2 * FOLLOWED)))
    assert status(fakes)["hardware"]["flows"] == 2 * FOLLOWED
    (case,) = [case for pair, case in fakes.service.hardware_monitor.cases.items() if pair == ("lan", "wan")]
    assert case.sample is not None and len(case.sample.flows) == FOLLOWED


def test_counters_that_stand_still(fakes: Fakes) -> None:
    for round_ in range(4):
        fakes.netlink.octets = {"wan": round_ * 1_000_000, "lan1": 5}
        sample(fakes, flow(7))
    assert (status(fakes)["hardware"]["frozen"], status(fakes)["hardware"]["proof"]) == (True, "proven")


def test_what_a_bridge_hands_from_port_to_port_proves_nothing(fakes: Fakes) -> None:
    """No connection accounts for it, and no counter stands still because of it."""
    for round_ in range(4):
        fakes.netlink.octets = {"lan1": round_ * 50_000_000, "wan": 5}
        sample(fakes, flow(7))
    assert (status(fakes)["hardware"]["frozen"], status(fakes)["hardware"]["proof"]) == (False, "bound")


def test_nor_does_what_comes_in_where_a_bridge_takes_a_vlan_out(fakes: Fakes) -> None:
    """Television in VLAN 8 beside the line, handed to lan2 by a bridge of its own."""
    links = (Link("br-tv", "bridge"), Link("wan.8", "vlan", master="br-tv", lower=("wan",)))
    fakes.netlink.__init__(replace(SCENE, links=(*SCENE.links, *links)), ROUTES)  # type: ignore[misc] # a new scene
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    fakes.service.work()
    for round_ in range(4):
        fakes.netlink.octets = {"wan": round_ * 50_000_000}
        sample(fakes, flow(7))
    assert (status(fakes)["hardware"]["frozen"], status(fakes)["hardware"]["proof"]) == (False, "bound")


def test_nor_do_the_flows_of_another_pair_that_hardware_counts(fakes: Fakes) -> None:
    for round_ in range(4):
        fakes.netlink.octets = {"wan": round_ * 1_000_000}
        sample(fakes, flow(7), flow(7, src="192.168.2.10", octets=round_ * 1_000_000))
    assert status(fakes)["hardware"]["frozen"] is False


def test_a_dump_that_is_used_again_is_no_sample(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its counters stand still, while the devices' go on."""
    monkeypatch.setattr(connections, "CHEAP", -1.0)
    monkeypatch.setattr(connections, "SHARE", 1e-9)
    fakes.conntrack.held = [flow(100)]
    fakes.clock.now += APART
    status(fakes)
    first = fakes.service.hardware_monitor.cases["lan", "wan"].sample
    fakes.clock.now += APART
    status(fakes)
    assert first and fakes.service.hardware_monitor.cases["lan", "wan"].sample is first
    fakes.service.connections.forget()
    status(fakes)
    assert fakes.service.hardware_monitor.cases["lan", "wan"].sample is not first


def test_a_pass_in_the_middle_of_a_sample_ends_it(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints are followed while the flows of a full table are read."""
    monkeypatch.setattr(sampled_flows, "EVERY", 1)
    calls = list[int]()

    def between() -> None:
        calls.append(1)
        if len(calls) == 2:  # the first is that of the dump
            fakes.service.work()

    fakes.conntrack.between = between
    sample(fakes, flow(100), flow(100, sport=2))
    monitor = fakes.service.hardware_monitor
    assert (len(calls), monitor.cases["lan", "wan"].sample, monitor.due) == (3, None, fakes.clock.now + APART)
    sample(fakes, flow(200))
    assert monitor.cases["lan", "wan"].sample
