"""The devices that an address's packets pass."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from offload.model.network import Link, Neighbour, Network, Snapshot, Station
from offload.status.lookup.device_paths import DevicePaths, known_stations
from offload.status.lookup.zone_lookup import Endpoint

MAC, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
LAN = (
    Link("br-lan", "bridge"),
    Link("lan1", "dsa", master="br-lan", lower=("eth0",)),
    Link("lan2", "dsa", master="br-lan"),
    Link("br-lan.10", "vlan", lower=("br-lan",)),
    Link("wan", "dsa"),
    Link("wan.7", "vlan", lower=("wan",)),
    Link("pppoe-wan", "ppp"),
)
NETWORKS = (Network("wan", l3_device="pppoe-wan", device="wan.7", proto="pppoe"),)


def paths(*stations: Station, neighbours: tuple[Neighbour, ...] = (), links: tuple[Link, ...] = LAN) -> DevicePaths:
    snapshot = Snapshot(links=links, networks=NETWORKS, stations=stations, neighbours=neighbours)
    return DevicePaths(snapshot, known_stations(snapshot))


def path(found: DevicePaths, device: str, address: str = "192.168.1.5") -> tuple[str, ...]:
    return found.of(Endpoint("lan", devices=(device,)), ip_address(address).packed)


NEIGHBOURS = (
    Neighbour("192.168.1.5", "br-lan", MAC),
    Neighbour("192.168.1.5", "br-lan.10", OTHER),
    Neighbour("fd00::5", "br-lan", MAC),
)


def test_a_station_stands_at_a_port() -> None:
    found = paths(Station(MAC, "lan2"), neighbours=NEIGHBOURS)
    assert path(found, "br-lan") == ("br-lan", "lan2")
    assert path(found, "br-lan", "fd00::5") == ("br-lan", "lan2")


def test_of_an_unseen_station_the_bridge_alone_is_known() -> None:
    assert path(paths(neighbours=NEIGHBOURS), "br-lan") == ("br-lan",)
    assert path(paths(Station(MAC, "lan2")), "br-lan") == ("br-lan",)


def test_a_vlan_on_a_bridge() -> None:
    found = paths(Station(OTHER, "lan1", 10), Station(MAC, "lan2"), neighbours=NEIGHBOURS)
    assert path(found, "br-lan.10") == ("br-lan.10", "br-lan", "lan1", "eth0")


def test_one_mac_in_two_vlans_on_two_ports_is_open() -> None:
    found = paths(Station(MAC, "lan1", 1), Station(MAC, "lan2", 2), neighbours=NEIGHBOURS)
    assert path(found, "br-lan") == ("br-lan",)


def test_a_session_on_a_vlan() -> None:
    assert path(paths(), "pppoe-wan", "198.51.100.1") == ("pppoe-wan", "wan.7", "wan")


def test_where_routes_leave_the_device_open_there_is_no_path() -> None:
    assert paths().of(Endpoint("wan", devices=("wan", "wan.7")), bytes(4)) == ()
    assert paths().of(Endpoint(), bytes(4)) == ()


def test_a_bridge_with_one_port_needs_no_station() -> None:
    found = paths(links=(Link("br-lan", "bridge"), Link("lan1", master="br-lan")))
    assert path(found, "br-lan") == ("br-lan", "lan1")


NAMES = st.sampled_from(["a", "b", "c", "d"])
LINKS = st.builds(Link, NAMES, st.sampled_from(["bridge", "vlan", ""]), master=NAMES, lower=st.lists(NAMES).map(tuple))


@given(st.lists(LINKS), NAMES)
def test_links_that_stand_on_each_other_end(links: list[Link], device: str) -> None:
    """What a directory for --root says need not be a router that can be."""
    found = path(paths(links=tuple(links)), device)
    assert len(set(found)) == len(found) <= 4
