"""The sets of stations follow what bridges and the neighbour table learn, without a pass and without a return."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from offload.errors import KernelError
from offload.model.flow import IPS_OFFLOAD, Entry, Tuple
from offload.model.network import Link, Neighbour, Station
from offload.model.plan import FROM, Element, PolicyKey, Table
from offload.model.sections.section import Section
from offload.service.bus import methods
from offload.service.bus.explaining import flow_list
from offload.service.roaming import follow
from offload.service.roaming.station_sets import SEARCH_APART, StationSets
from offload.service.tasks import station_sets
from service.routers import Fakes, router

WIRED, WIFI = "02:00:00:00:00:10", "02:00:00:00:00:20"
EMPTY: dict[str, tuple[str, ...]] = {"stations": (), "stations4": (), "stations6": ()}
ELEMENT = Element("br-lan", "wan", PolicyKey(0, "any", FROM), ("lan", "wan"))


def table(hardware: bool = True, **sets: tuple[str, ...]) -> Table:
    name, flowtable = ("flow_offload_hw", "hw") if hardware else ("flow_offload", "sw")
    return Table(name, flowtable, hardware, ("lan1",), (ELEMENT,), stations=EMPTY | sets)


def flow(src: bytes, status: int = IPS_OFFLOAD) -> Entry:
    there, back = Tuple(src, b"\1\1\1\1", 1, 2), Tuple(b"\1\1\1\1", src, 2, 1)
    return Entry(6, there, back, status, None, 0, (9, 9), (9, 9), None, None)


def test_a_table_that_is_not_known_is_filled_from_the_beginning() -> None:
    text = StationSets().changes([table(stations=('"br-lan" . ' + WIRED,))])
    assert text.splitlines() == [
        "flush set inet flow_offload_hw stations",
        f'add element inet flow_offload_hw stations {{ "br-lan" . {WIRED} }}',
        "flush set inet flow_offload_hw stations4",
        "flush set inet flow_offload_hw stations6",
    ]


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_only_what_differs_is_sent(before: set[int], after: set[int]) -> None:
    sets = StationSets()
    old, new = (table(stations=tuple(f"e{number:02}" for number in sorted(each))) for each in (before, after))
    sets.took([old], 0.0)
    text = sets.changes([new])
    assert bool(text) == (before != after)
    for number in before & after:
        assert f"e{number:02}" not in text
    for command, numbers in (("add", after - before), ("delete", before - after)):
        line = next((line for line in text.splitlines() if line.startswith(command)), "")
        assert {each for each in range(21) if f"e{each:02}" in line} == numbers


def test_the_software_table_is_returned_only_for_a_station_that_has_a_flow_there() -> None:
    sets = StationSets()
    sets.took([table()], 0.0)
    assert sets.arrived_due() is None
    known = [Neighbour("192.0.2.10", "br-lan", WIRED), Neighbour("192.0.2.11", "br-lan", WIFI)]
    sets.took([table(stations=(f'"br-lan" . {WIRED}',))], 100.0)
    assert sets.arrived_due() == 100.0 + SEARCH_APART
    assert not sets.are_in_software([flow(b"\xc0\x00\x02\x0b"), flow(b"\xc0\x00\x02\x0a", 0)], known)
    sets.took([table(stations=(f'"br-lan" . {WIRED}',), stations4=('"br-lan" . 192.0.2.11',))], 161.0)
    assert sets.arrived_due() == 161.0 + SEARCH_APART
    assert sets.are_in_software([flow(b"\xc0\x00\x02\x0b")], known)
    assert sets.arrived_due() is None


def mixed_router() -> Fakes:
    """The router of these tests with hardware on its switch ports, and a Wi-Fi port in br-lan."""
    fakes = router()
    scene = fakes.netlink.found
    links = (*scene.links, Link("phy0-ap0", master="br-lan", wireless=True))
    fakes.netlink.found = replace(scene, links=links)
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    choice = Section("offload", "globals", "globals", "globals", {"enabled": "1", "mode": "hardware"})
    fakes.uci.packages["offload"] = (choice,)
    fakes.service.work()
    assert fakes.service.decided is not None
    assert any(table.shared for table in fakes.service.decided.plan.tables)
    return fakes


def run(fakes: Fakes) -> list[str]:
    """What one run of the task sends."""
    before = len(fakes.nft.sent)
    fakes.clock.now += 1
    station_sets.run(fakes.service, fakes.clock.now)
    return fakes.nft.sent[before:]


def test_a_new_station_is_one_transaction_and_no_return() -> None:
    fakes = mixed_router()
    run(fakes)
    assert station_sets.due(fakes.service) is None
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    fakes.service.stations.station(Station(WIFI, "phy0-ap0"), "br-lan")
    (text,) = run(fakes)
    assert text.splitlines() == [
        f'add element inet flow_offload stations {{ "br-lan" . {WIFI} }}',
        f'add element inet flow_offload_hw stations {{ "br-lan" . {WIRED} }}',
    ]
    assert run(fakes) == []
    passes = fakes.service.passes
    assert fakes.service.work().changes == 0
    assert fakes.service.passes == passes + 1


def test_a_station_that_the_bridge_forgot_stays() -> None:
    fakes = mixed_router()
    fakes.netlink.found = replace(fakes.netlink.found, stations=(Station(WIRED, "lan1"),))
    fakes.service.work()
    assert WIRED in "".join(run(fakes))
    fakes.netlink.found = replace(fakes.netlink.found, stations=())
    fakes.service.work()
    assert run(fakes) == []


def test_a_table_that_is_returned_has_the_stations_of_this_moment() -> None:
    fakes = mixed_router()
    run(fakes)
    fakes.service.stations.station(Station(WIRED, "phy0-ap0"), "br-lan")
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    before = len(fakes.nft.sent)
    assert follow.run(fakes.service)
    made = next(text for text in fakes.nft.sent[before:] if "flags offload" in text)
    assert f'"br-lan" . {WIRED}' in made


def test_status_counts_stations_that_came_after_the_pass() -> None:
    fakes = mixed_router()
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    fakes.service.stations.station(Station(WIFI, "phy0-ap0"), "br-lan")
    status = methods.status(fakes.service, {})
    pair = next(each for each in status["pairs"] if (each["src"], each["dest"]) == ("lan", "wan"))
    assert pair["stations"] == {"hardware": 1, "software": 1, "ports": ["phy0-ap0"]}
    assert any(reason["text"].endswith("(known stations: 1 of 2)") for reason in pair["reasons"])
    ports = {each["name"]: each["stations"] for each in status["devices"]}
    assert (ports["lan1"], ports["lan2"], ports["phy0-ap0"], ports["wan"]) == (1, 0, 1, None)


def test_flows_show_where_a_station_is_that_came_after_the_pass() -> None:
    fakes = mixed_router()
    fakes.service.stations.station(Station(WIFI, "phy0-ap0"), "br-lan")
    fakes.service.stations.neighbour(Neighbour("192.168.1.10", "br-lan", WIFI))
    fakes.conntrack.held = [flow(b"\xc0\xa8\x01\x0a")]
    (listed,) = flow_list.list_flows(fakes.service, {"query": {}})["flows"]
    assert [reason["code"] for reason in listed["reasons"]] == ["HARDWARE_ELSEWHERE"]
    assert "phy0-ap0" in listed["reasons"][0]["text"]


def test_what_nft_refuses_is_tried_again_later() -> None:
    fakes = mixed_router()
    run(fakes)
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    fakes.nft.refusal = "no such table"
    news = len(fakes.service.news)
    assert run(fakes) == []
    fakes.clock.now += 5
    assert run(fakes) == []
    assert [each[1]["error"] for each in fakes.service.news[news:]] == [
        "new stations go to software until this works again: no such table"
    ]
    fakes.nft.refusal = ""
    assert run(fakes) == []
    fakes.clock.now += 5
    assert WIRED in "".join(run(fakes))


def late() -> Fakes:
    """A wired station that was seen after its flow had begun, and has waited long enough."""
    fakes = mixed_router()
    run(fakes)
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    fakes.service.stations.neighbour(Neighbour("192.168.1.10", "br-lan", WIRED))
    run(fakes)
    fakes.conntrack.held = [flow(b"\xc0\xa8\x01\x0a")]
    fakes.clock.now += SEARCH_APART
    return fakes


def test_a_late_station_with_a_flow_in_software_returns_the_software_table() -> None:
    fakes = late()
    run(fakes)
    assert fakes.service.applied.returned == ("flow_offload",)


def test_addresses_that_are_gone_are_late_no_more() -> None:
    """Who invents addresses must not fill the memory with them."""
    sets = StationSets()
    sets.took([table()], 0.0)
    for turn in range(100):
        sets.took([table(stations=(f'"br-lan" . 02:00:00:00:00:{turn:02x}',))], float(turn))
    assert sets.arrived == {"02:00:00:00:00:63"}


def test_stations_that_come_and_go_do_not_put_the_search_off_for_minutes() -> None:
    sets = StationSets()
    sets.took([table()], 0.0)
    for turn in range(21):
        sets.took([table(stations=(f'"br-lan" . 02:00:00:00:00:{turn:02x}',))], 2.0 * turn)
        sets.took([table()], 2.0 * turn + 1)
    sets.took([table(stations=(f'"br-lan" . {WIRED}',))], 42.0)
    assert sets.arrived_due() == 42.0 + SEARCH_APART


def test_a_return_for_late_stations_that_fails_is_tried_again() -> None:
    fakes = late()
    fakes.nft.refusal = "no room"
    run(fakes)
    assert fakes.service.trouble and not fakes.service.applied.returned
    fakes.nft.refusal = ""
    fakes.clock.now += SEARCH_APART
    run(fakes)
    assert fakes.service.applied.returned == ("flow_offload",)


def test_the_sets_are_compared_again_when_a_port_has_left_its_bridge() -> None:
    fakes = mixed_router()
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    run(fakes)
    scene = fakes.netlink.found
    links = tuple(replace(link, master="br-guest") if link.name == "lan1" else link for link in scene.links)
    fakes.netlink.found = replace(scene, links=links)
    fakes.service.refresh()
    (text,) = run(fakes)
    assert f'delete element inet flow_offload_hw stations {{ "br-lan" . {WIRED} }}' in text


def test_before_the_first_update_it_is_due_at_a_time_that_can_be_waited_for() -> None:
    due = StationSets().due(0)
    assert due is not None
    assert round(due) == 0


def test_late_stations_are_searched_again_where_connections_cannot_be_read() -> None:
    fakes = mixed_router()
    run(fakes)
    fakes.service.stations.station(Station(WIRED, "lan1"), "br-lan")
    run(fakes)
    fakes.conntrack.error = KernelError("too busy")
    fakes.clock.now += SEARCH_APART
    run(fakes)
    assert fakes.service.station_sets.arrived_due() == fakes.clock.now + SEARCH_APART
