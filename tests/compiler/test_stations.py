"""Where the port of a station decides between hardware and software: the sets, the rules, and the order of a return."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from offload.compiler.offload.stations import choosing_rules, learned_stations, with_station_counts, with_stations
from offload.compiler.offload.tables.diff import transactions
from offload.compiler.offload.tables.render import render_table
from offload.compiler.offload.tables.table import expected, with_nft
from offload.model.config import Family, Mode
from offload.model.network import MAX_NEIGHBOURS, Link, Neighbour, Snapshot, Station
from offload.model.plan import (
    BOTH,
    FROM,
    TO,
    DeviceDecision,
    Element,
    PairDecision,
    PairStations,
    Plan,
    PolicyKey,
    Table,
)
from offload.nouns import replace

WIRED, WIFI = "02:00:00:00:00:10", "02:00:00:00:00:20"
LINKS = (
    Link("br-lan", "bridge"),
    Link("lan1", "dsa", master="br-lan", lower=("eth0",)),
    Link("lan2.5", "vlan", master="br-lan", lower=("lan2",)),
    Link("lan2", "dsa", lower=("eth0",)),
    Link("phy0-ap0", master="br-lan", wireless=True),
    Link("wan", "dsa"),
)
ABLE = ("lan1", "lan2", "wan")
BRIDGES = {"br-lan": "br-lan"}
LAN_WAN = Element("br-lan", "wan", PolicyKey(0, "any", FROM), ("lan", "wan"))
WAN_LAN = Element("wan", "br-lan", PolicyKey(0, "any", TO), ("wan", "lan"))
WHOLE = Element("wan", "wan", PolicyKey(0, "any"), ("wan", "wan"))
HARDWARE = Table("flow_offload_hw", "hw", hardware=True, devices=("lan1", "wan"), elements=(LAN_WAN, WAN_LAN))
SOFTWARE = Table("flow_offload", "sw", hardware=False, devices=("br-lan",), elements=(LAN_WAN, WAN_LAN, WHOLE))


def snapshot(stations: list[tuple[str, str]], neighbours: list[tuple[str, str]] | None = None) -> Snapshot:
    return Snapshot(
        links=LINKS,
        stations=tuple(Station(mac, port) for mac, port in stations),
        neighbours=tuple(Neighbour(address, "br-lan", mac) for address, mac in neighbours or []),
    )


def sets(table: Table, seen: Snapshot) -> dict[str, tuple[str, ...]]:
    return dict(with_stations(table, learned_stations(seen, BRIDGES, ABLE)).stations)


@given(
    st.one_of(
        st.ip_addresses(v=4),
        st.ip_addresses(v=6),
        st.ip_addresses(network="169.254.0.0/15"),
        st.ip_addresses(network="fe00::/8"),
    )
)
def test_addresses_that_hold_on_one_link_only_are_in_no_set(address: IPv4Address | IPv6Address) -> None:
    found = sets(HARDWARE, snapshot([(WIRED, "lan1")], [(str(address), WIRED)]))
    of_link = address.is_link_local or address.is_multicast
    assert len(found["stations4"]) + len(found["stations6"]) == (not of_link)


def test_what_was_learned_from_the_same_is_not_learned_again() -> None:
    then = learned_stations(snapshot([(WIRED, "lan1")]), BRIDGES, ABLE)
    assert learned_stations(snapshot([(WIRED, "lan1")]), dict(BRIDGES), list(ABLE), then) is then
    for other in (
        learned_stations(snapshot([(WIRED, "lan2")]), BRIDGES, ABLE, then),
        learned_stations(snapshot([(WIRED, "lan1")], [("192.0.2.10", WIRED)]), BRIDGES, ABLE, then),
        learned_stations(snapshot([(WIRED, "lan1")]), {"br-lan.5": "br-lan"}, ABLE, then),
        learned_stations(snapshot([(WIRED, "lan1")]), BRIDGES, ("wan",), then),
        learned_stations(replace(snapshot([(WIRED, "lan1")]), links=LINKS[:2]), BRIDGES, ABLE, then),
    ):
        assert other is not then


def test_each_table_has_the_stations_of_its_ports_and_their_addresses() -> None:
    seen = snapshot(
        [(WIRED, "lan1"), (WIFI, "phy0-ap0"), ("02:00:00:00:00:30", "lan2.5")],
        [("192.0.2.10", WIRED), ("2001:db8::10", WIRED), ("fe80::10", WIRED), ("192.0.2.20", WIFI), ("192.0.2.9", "")],
    )
    assert sets(HARDWARE, seen) == {
        "stations": (f'"br-lan" . {WIRED}', '"br-lan" . 02:00:00:00:00:30'),
        "stations4": ('"br-lan" . 192.0.2.10',),
        "stations6": ('"br-lan" . 2001:db8::10',),
    }
    assert sets(SOFTWARE, seen) == {
        "stations": (f'"br-lan" . {WIFI}',),
        "stations4": ('"br-lan" . 192.0.2.20',),
        "stations6": (),
    }


def test_a_mac_address_at_ports_of_both_kinds_is_software() -> None:
    for order in ([(WIRED, "lan1"), (WIRED, "phy0-ap0")], [(WIRED, "phy0-ap0"), (WIRED, "lan1")]):
        assert sets(HARDWARE, snapshot(order))["stations"] == ()
        assert sets(SOFTWARE, snapshot(order))["stations"] == (f'"br-lan" . {WIRED}',)


def test_each_address_of_a_station_is_known_as_ipv6_privacy_wants() -> None:
    addresses = [(f"2001:db8::{number:x}", WIRED) for number in range(1, 9)]
    found = sets(HARDWARE, snapshot([(WIRED, "lan1")], addresses))
    assert found["stations6"] == tuple(f'"br-lan" . {address}' for address, _ in addresses)
    assert found["stations"] == (f'"br-lan" . {WIRED}',)


def test_what_is_behind_a_wds_peer_is_software() -> None:
    links = (*LINKS, Link("phy0-ap0.sta1", master="br-lan", wireless=True))
    seen = replace(snapshot([(WIFI, "phy0-ap0.sta1"), (WIRED, "phy0-ap0.sta1")]), links=links)
    assert sets(HARDWARE, seen)["stations"] == ()
    assert len(sets(SOFTWARE, seen)["stations"]) == 2


def test_multicast_macs_and_unknown_ports_are_no_stations() -> None:
    assert sets(HARDWARE, snapshot([("01:00:5e:00:00:01", "lan1"), (WIRED, "gone0")]))["stations"] == ()


def test_a_table_without_such_crossings_has_no_sets() -> None:
    table = replace(SOFTWARE, elements=(WHOLE,))
    assert with_stations(table, learned_stations(snapshot([(WIRED, "lan1")]), BRIDGES, ABLE)) is table


@given(st.lists(st.tuples(st.integers(0, 60_000), st.sampled_from(["lan1", "phy0-ap0"])), max_size=60))
def test_no_station_is_in_both_tables_and_the_order_does_not_matter(seen: list[tuple[int, str]]) -> None:
    stations = [(f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", port) for number, port in seen]
    neighbours = [
        (str(ip_address(0x0A000000 + number)), mac) for (number, _), (mac, _) in zip(seen, stations, strict=True)
    ]
    both = [sets(table, snapshot(stations, neighbours)) for table in (HARDWARE, SOFTWARE)]
    assert both == [sets(table, snapshot(stations[::-1], neighbours)) for table in (HARDWARE, SOFTWARE)]
    for name in both[0]:
        assert not set(both[0][name]) & set(both[1][name])
        assert len(both[0][name]) <= MAX_NEIGHBOURS


def test_stations_are_counted_by_path_and_port() -> None:
    seen = snapshot([(WIRED, "lan1"), ("02:00:00:00:00:30", "lan2.5"), (WIFI, "phy0-ap0")])
    stations = PairStations(("br-lan",), ("phy0-ap0",))
    found = Plan(
        pairs=(
            PairDecision(
                "lan", "wan", Mode.HARDWARE, Mode.HARDWARE, Family.ANY, 0, (stations.reason,), False, stations
            ),
        ),
        devices=tuple(
            DeviceDecision(name, ("lan",), (), True, (), None if name == "br-lan" else 0)
            for name in ("br-lan", "lan1", "lan2", "phy0-ap0", "phy1-ap0")
        ),
    )
    assert (
        found.pairs[0].reasons[0].text == "stations on phy0-ap0 are fast in software: no driver there offloads anything"
    )
    now = with_station_counts(found, learned_stations(seen, BRIDGES, ABLE))
    assert now.pairs[0].stations is not None
    assert (now.pairs[0].stations.hardware, now.pairs[0].stations.software) == (2, 1)
    assert now.pairs[0].reasons[0].text.endswith("(known stations: 1 of 3)")
    assert [each.stations for each in now.devices] == [None, 1, 1, 1, 0]


def test_the_sets_are_bounded() -> None:
    many = [
        (f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}", "lan1") for number in range(20_000)
    ]
    assert len(sets(HARDWARE, snapshot(many))["stations"]) == MAX_NEIGHBOURS


def test_hardware_needs_both_ends_and_software_one() -> None:
    assert choosing_rules(BOTH, "hw", hardware=True) == (
        "iifname . ether saddr @stations oifname . ip daddr @stations4 flow add @hw",
        "iifname . ether saddr @stations oifname . ip6 daddr @stations6 flow add @hw",
    )
    assert choosing_rules(BOTH, "sw", hardware=False)[:3] == (
        "iifname . ether saddr @stations flow add @sw",
        "oifname . ip daddr @stations4 flow add @sw",
        "oifname . ip6 daddr @stations6 flow add @sw",
    )


def test_a_new_station_is_no_change_of_the_table() -> None:
    tables = (SOFTWARE, HARDWARE)
    held = {
        table.name: expected(with_stations(table, learned_stations(snapshot([]), BRIDGES, ABLE))) for table in tables
    }
    known = learned_stations(snapshot([(WIRED, "lan1")]), BRIDGES, ABLE)
    assert transactions(Plan(tables=tuple(with_stations(table, known) for table in tables)), held) == []


def test_shared_crossings_leave_software_while_hardware_is_made() -> None:
    """Else software takes busy flows in the gap, and keeps them (docs/kernel.md 35)."""
    known = learned_stations(snapshot([(WIRED, "lan1")]), BRIDGES, ABLE)
    plan = Plan(tables=tuple(with_stations(table, known) for table in (SOFTWARE, HARDWARE)))
    held = {table.name: expected(table) for table in plan.tables}
    texts = [each.text for each in transactions(plan, held, forced=["flow_offload_hw"])]
    assert [text.split("\n")[0].split(" {")[0] for text in texts] == [
        "flush map inet flow_offload crossings",
        "table inet flow_offload_hw",
        "table inet flow_offload_hw",
        "flush map inet flow_offload crossings",
    ]
    assert ["policy_0_from" in text for text in (texts[0], texts[-1])] == [False, True]
    assert ['"wan" . "wan"' in text for text in (texts[0], texts[-1])] == [True, True]
    assert WIRED in texts[2]


def test_the_first_time_software_gets_shared_crossings_after_hardware() -> None:
    known = learned_stations(snapshot([]), BRIDGES, ABLE)
    plan = Plan(tables=tuple(with_stations(table, known) for table in (SOFTWARE, HARDWARE)))
    first, second, last = (each.text for each in transactions(plan, {}))
    assert ("goto policy_0_from" in first, "goto policy_0" in first) == (False, True)
    assert "chain policy_0_from" in first
    assert "flags offload" in second
    assert last.startswith("flush map inet flow_offload crossings\nadd element inet flow_offload crossings {")


def test_a_compiled_table_with_new_stations_is_compiled_with_them() -> None:
    old, new = (learned_stations(snapshot([(mac, "lan1")]), BRIDGES, ABLE) for mac in (WIRED, WIFI))
    compiled = with_nft(Plan(tables=(with_stations(HARDWARE, old),)), Plan())
    text = render_table(with_stations(compiled.tables[0], new))
    assert WIFI in text and WIRED not in text


def test_a_software_table_whose_crossings_are_all_shared_is_made_without_elements() -> None:
    known = learned_stations(snapshot([]), BRIDGES, ABLE)
    software = replace(SOFTWARE, elements=(LAN_WAN, WAN_LAN))
    first, *_ = transactions(Plan(tables=(with_stations(software, known), with_stations(HARDWARE, known))), {})
    assert "\tmap crossings {\n\t\ttype iface_index . iface_index : verdict\n\t}" in first.text


def test_a_crossing_that_becomes_shared_returns_its_flows() -> None:
    before = replace(SOFTWARE, elements=(Element("br-lan", "wan", PolicyKey(0, "any"), ("lan", "wan")),))
    known = learned_stations(snapshot([]), BRIDGES, ABLE)
    plan = Plan(
        tables=(with_stations(SOFTWARE, known), with_stations(HARDWARE, known)),
        present=frozenset({"br-lan", "wan"}),
    )
    sent = transactions(plan, {"flow_offload": expected(before)})
    assert sent[0].returned == ("flow_offload",)
