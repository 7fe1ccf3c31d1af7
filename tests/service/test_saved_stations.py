"""The file of stations: tables are returned for those that moved while no service ran."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.network import Neighbour, Station
from offload.service.alone import Alone
from offload.service.engine import Engine
from offload.service.memory.saved_stations import MOST_SAVED, read, written
from offload.service.tasks import station_file as task
from offload.status.lookup.device_paths import NEIGHBOUR
from offload.system.files.private_file import FakePrivateFile
from service.routers import Fakes, router

MAC = "02:00:00:00:00:10"
MACS = st.integers(0, (1 << 48) - 1).map(
    lambda number: ":".join(f"{number:012x}"[at : at + 2] for at in range(0, 12, 2))
)
DEVICES = st.sampled_from(["br-lan", "lan1", "eth0.5", "phy0-ap0"])
STATIONS = st.tuples(st.tuples(MACS, DEVICES, st.integers(0, 4094)), DEVICES)
ADDRESSES = st.ip_addresses().map(str)
NEIGHBOURS = st.tuples(st.tuples(ADDRESSES, DEVICES, st.just(NEIGHBOUR)), MACS)


@given(st.lists(st.one_of(STATIONS, NEIGHBOURS)).map(dict))
def test_what_was_written_is_read(found: dict[tuple[str, str, int], str]) -> None:
    assert dict(read(written(found))) == found


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_can_be_read(content: bytes) -> None:
    for (name, device, vlan), place in read(content):
        assert name and device and place and vlan >= NEIGHBOUR


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x br-lan 0 lan1",
        f"{MAC} br-lan 4095 lan1",
        f"{MAC} br-lan -2 lan1",
        f"{MAC} br;lan 0 lan1",
        f"{MAC} br-lan 0",
    ],
)
def test_a_line_that_cannot_be_meant_is_passed_over(line: str) -> None:
    assert read(f"{line}\n{MAC} br-lan 0 lan2\n".encode()) == (((MAC, "br-lan", 0), "lan2"),)


def test_the_file_is_bounded() -> None:
    many = {(f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", "br-lan", 0): "lan1" for number in range(10_000)}
    assert written(many).count(b"\n") == MOST_SAVED
    assert len(read(written(many) * 2)) == MOST_SAVED


def resident() -> Fakes:
    fakes = router()
    fakes.service.doors = replace(fakes.service.doors, stations=FakePrivateFile())
    for _ in range(2):  # the second pass finds the tables of the first
        fakes.service.work()
    return fakes


def restarted(fakes: Fakes) -> Engine:
    """Another service on the same router."""
    fakes.service = fakes.nft.service = Engine(fakes.service.doors)
    return fakes.service


def test_stations_are_written_when_they_changed_and_not_too_often() -> None:
    fakes = resident()
    service, file = fakes.service, fakes.service.doors.stations
    assert isinstance(file, FakePrivateFile)
    assert (due := task.due(service)) is not None and due <= fakes.clock.now
    task.run(service, fakes.clock.now)
    assert task.due(service) is None
    service.stations.station(Station(MAC, "lan1"), "br-lan")
    assert task.due(service) == fakes.clock.now + task.APART
    task.run(service, fakes.clock.now)
    assert f"{MAC} br-lan 0 lan1" in (file.read() or b"").decode()


def test_a_file_that_cannot_be_written_is_reported_once_and_tried_again() -> None:
    fakes = resident()
    service, file = fakes.service, fakes.service.doors.stations
    assert isinstance(file, FakePrivateFile)
    service.stations.station(Station(MAC, "lan1"), "br-lan")
    service.news.clear()
    file.refusal = "/var/run/offload/places: No space left on device"
    for _ in range(2):
        task.run(service, fakes.clock.now)
        assert task.due(service) == fakes.clock.now + task.APART
    assert service.news == [("offload.degraded", {"error": file.refusal})]
    file.refusal = ""
    task.run(service, fakes.clock.now)
    assert task.due(service) is None and MAC in (file.read() or b"").decode()


def test_a_file_that_cannot_be_read_is_reported() -> None:
    fakes = resident()
    file = fakes.service.doors.stations
    assert isinstance(file, FakePrivateFile)
    file.refusal = "/var/run/offload/places belongs to another user"
    service = restarted(fakes)
    service.refresh()
    assert ("offload.degraded", {"error": file.refusal}) in service.news


@pytest.mark.parametrize("seen", [Station(MAC, "lan2"), Neighbour("192.168.1.10", "br-lan", "02:00:00:00:00:99")])
def test_what_moved_while_no_service_ran_is_followed_at_the_start(seen: Station | Neighbour) -> None:
    fakes = resident()
    fakes.service.stations.station(Station(MAC, "lan1"), "br-lan")
    fakes.service.stations.neighbour(Neighbour("192.168.1.10", "br-lan", MAC))
    task.run(fakes.service, fakes.clock.now)
    scene = fakes.netlink.found
    stations, neighbours = ((seen,), ()) if isinstance(seen, Station) else ((), (seen,))
    fakes.netlink.found = replace(scene, stations=stations, neighbours=neighbours)
    assert restarted(fakes).work().returned == ("flow_offload",)


def test_a_command_without_a_service_follows_a_move_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = resident()
    fakes.service.stations.station(Station(MAC, "lan1"), "br-lan")
    task.run(fakes.service, fakes.clock.now)
    fakes.netlink.found = replace(fakes.netlink.found, stations=(Station(MAC, "lan2"),))

    def applied() -> tuple[int, list[str]]:
        command = Alone(fakes.service.doors)
        monkeypatch.setattr(fakes.nft, "service", command._engine)
        reply = command.answer("reload", {})
        return reply["changes"], reply["returned"]

    fakes.nft.refusals = ["Could not process rule: Device or resource busy"] * 9
    assert applied() == (0, [])  # it is not followed by a pass that fails
    fakes.nft.refusals.clear()
    assert applied() == (1, ["flow_offload"])
    assert applied() == (0, [])


def test_without_a_move_a_restart_sends_nothing() -> None:
    fakes = resident()
    fakes.netlink.found = replace(fakes.netlink.found, stations=(Station(MAC, "lan1"),))
    fakes.service.work()
    task.run(fakes.service, fakes.clock.now)
    assert restarted(fakes).work().changes == 0


def test_stations_of_a_service_without_tables_are_not_read() -> None:
    fakes = resident()
    fakes.service.stations.station(Station(MAC, "lan1"), "br-lan")
    task.run(fakes.service, fakes.clock.now)
    fakes.nft.held, fakes.nft.took = {}, False
    fakes.netlink.found = replace(fakes.netlink.found, stations=(Station(MAC, "lan2"),))
    service = restarted(fakes)
    service.refresh()
    assert service.decided is not None
    assert service.decided.plan.tables
    assert service.stations.moves.tables_to_return(service.decided.plan, fakes.clock.now) == ()
