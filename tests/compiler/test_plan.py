"""The Plan for pairs that cannot have the requested mode, and which Reason comes first."""

from dataclasses import replace
from typing import Any

import pytest

from exempts import exempt_of
from offload.compiler.devices import resolve
from offload.compiler.offload.plan import plan
from offload.compiler.offload.tables.crossings import passings
from offload.model.config import Config, Family, Globals, MarkRule, Mode, Permission, Zone, ZoneChoice
from offload.model.network import GivenUp, Link, Snapshot
from offload.model.plan import PairDecision, Plan
from offload.model.problems.reason import ReasonCode

ZONES = tuple(Zone(name, f"@zone[{i}]", devices=(name,)) for i, name in enumerate(("lan", "guest", "wan")))
FORWARDINGS = (Permission("lan", "wan", "@forwarding[0]"),)
PLAIN = Snapshot(links=tuple(map(Link, ("lan", "guest", "wan"))))
ABLE = Snapshot(links=tuple(Link(name, hw_tc_offload=True) for name in ("lan", "guest", "wan")))


def planned(snapshot: Snapshot = PLAIN, **words: Any) -> Plan:
    chosen: dict[str, Any] = {"zones": ZONES, "permissions": FORWARDINGS, "globals": Globals(mode=Mode.HARDWARE)}
    config = Config(**chosen | words)
    return plan(config, resolve(config, snapshot), snapshot)


def lan_wan(found: Plan) -> PairDecision:
    return next(pair for pair in found.pairs if (pair.src, pair.dest) == ("lan", "wan"))


TWIN = (*ZONES, Zone("twin", "@zone[3]", devices=("lan",)))
TWINS = {
    "zones": TWIN,
    "permissions": (*FORWARDINGS, Permission("twin", "wan", "@forwarding[1]")),
    "zone_choices": (ZoneChoice("twin", "its", Mode.NONE),),
}
SLOW: dict[str, tuple[dict[str, Any], list[ReasonCode]]] = {
    "all of its devices excluded": (
        {"globals": Globals(mode=Mode.HARDWARE, exclude_devices=("lan",))},
        [ReasonCode.EXCLUDED_BY_USER],
    ),
    "all of its devices shared with a slow pair": (TWINS, [ReasonCode.SHARED_DEVICES]),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_pair_is_not_reported_as_software(name: str) -> None:
    words, reasons = SLOW[name]
    found = lan_wan(planned(**words))
    assert (found.mode, found.effective) == (Mode.HARDWARE, Mode.NONE)
    assert [reason.code for reason in found.reasons] == reasons


def test_a_pair_that_hardware_does_not_cover_is_reported_as_software() -> None:
    found = lan_wan(planned())
    assert (found.effective, [reason.code for reason in found.reasons]) == (
        Mode.SOFTWARE,
        [ReasonCode.HARDWARE_UNCOVERED],
    )
    assert found.hardware


def test_a_port_beneath_an_excluded_device_has_not_the_reason_of_a_full_flowtable() -> None:
    ports = (Link("port", master="br"), Link("out", master="br"))
    bridge = (Link("br", "bridge"), *ports, Link("br.1", "vlan", lower=("br",)))
    found = planned(
        Snapshot(links=(*PLAIN.links, *bridge)),
        zones=(*ZONES, Zone("twin", "@zone[3]", devices=("lan", "br.1"))),
        permissions=TWINS["permissions"],
        globals=Globals(mode=Mode.SOFTWARE, exclude_devices=("br.1", "out")),
    )
    assert {pair.effective for pair in found.pairs} == {Mode.SOFTWARE}
    (port,) = (device for device in found.devices if device.name == "port")
    assert (port.flowtables, [reason.code for reason in port.reasons]) == ((), [ReasonCode.EXCLUDED_BY_USER])


# On the forward hook the input device of all members of a VRF is vrf0, that of replies too.
def in_vrf(members: str, *others: Link, able: str = "") -> Snapshot:
    inside = (Link(name, master="vrf0", hw_tc_offload=name in able.split()) for name in members.split())
    return Snapshot(links=(Link("vrf0", kind="vrf"), *inside, *others))


def ways(found: Plan) -> set[tuple[str, str, str]]:
    """What decides about connections and about replies, by table: (mode, iif, oif)."""
    return {(table.mode.value, *way) for table in found.tables for way in passings(table.elements)}


def offloaded(found: Plan) -> set[tuple[str, str, str]]:
    """The names by which connections are offloaded: (mode, iif, oif)."""
    return {
        (table.mode.value, *way)
        for table in found.tables
        for way, passing in passings(table.elements).items()
        if passing.policy
    }


@pytest.mark.parametrize(
    ("chosen", "reasons"),
    [
        ({"globals": Globals(mode=Mode.SOFTWARE, exclude_devices=("lan",))}, [ReasonCode.EXCLUDED_BY_USER]),
        (
            {"globals": Globals(mode=Mode.SOFTWARE), "zone_choices": (ZoneChoice("lan", "its", Mode.NONE),)},
            [ReasonCode.MODE_NONE],
        ),
    ],
)
def test_zones_in_one_vrf_are_as_slow_as_the_slowest(chosen: dict[str, Any], reasons: list[ReasonCode]) -> None:
    permissions = tuple(Permission(src, "wan", f"@forwarding[{src}]") for src in ("lan", "guest"))
    found = planned(in_vrf("lan guest", Link("wan")), permissions=permissions, **chosen)
    assert {pair.src: (pair.effective, [reason.code for reason in pair.reasons]) for pair in found.pairs} == {
        "lan": (Mode.NONE, reasons),
        "guest": (Mode.NONE, [ReasonCode.SHARED_DEVICES]),
    }
    assert found.tables == ()


TWO_LANS = (Zone("lan", "@zone[0]", devices=("lan", "guest")), Zone("wan", "@zone[1]", devices=("wan",)))
TWO_WANS = (Zone("lan", "@zone[0]", devices=("lan",)), Zone("wan", "@zone[1]", devices=("wan", "lte")))


def test_a_zone_in_a_vrf_is_slow_where_one_of_its_devices_is() -> None:
    chosen = Globals(mode=Mode.SOFTWARE, exclude_devices=("guest",))
    found = planned(in_vrf("lan guest", Link("wan")), zones=TWO_LANS, globals=chosen)
    assert (lan_wan(found).effective, [reason.code for reason in lan_wan(found).reasons]) == (
        Mode.NONE,
        [ReasonCode.EXCLUDED_BY_USER],
    )
    assert found.tables == ()


@pytest.mark.parametrize("order", [("lan", "guest"), ("guest", "lan")])
def test_a_zone_in_a_vrf_is_in_software_where_one_of_its_devices_has_no_hardware(order: tuple[str, str]) -> None:
    snapshot = in_vrf("lan guest", Link("wan", hw_tc_offload=True), able="lan")
    found = planned(snapshot, zones=(Zone("lan", "@zone[0]", devices=order), TWO_LANS[1]))
    assert (lan_wan(found).effective, [reason.code for reason in lan_wan(found).reasons]) == (
        Mode.SOFTWARE,
        [ReasonCode.HARDWARE_UNCOVERED],
    )
    assert {table.mode for table in found.tables} == {Mode.SOFTWARE}
    assert ("software", "vrf0", "wan") in offloaded(found)


def test_ports_decide_for_all_of_a_vrf_where_they_do_for_one_of_its_bridges() -> None:
    ports = (Link("lan1", master="guest", hw_tc_offload=True), Link("ap0", master="guest"))
    inside = (Link("guest", "bridge", master="vrf0"), Link("lan", master="vrf0", hw_tc_offload=True))
    found = planned(
        Snapshot(links=(Link("vrf0", "vrf"), *inside, *ports, Link("wan", hw_tc_offload=True))), zones=TWO_LANS
    )
    of_vrf = [(table.mode.value, each.policy.stations) for table in found.tables for each in table.elements]
    assert set(of_vrf) == {("software", "from"), ("hardware", "from")}


@pytest.mark.parametrize(
    ("chosen", "able", "fast", "answered"),
    [
        ({"globals": Globals(mode=Mode.SOFTWARE, exclude_devices=("lte",))}, "", {"software": "wan"}, {"software"}),
        ({}, "wan", {"software": "lte", "hardware": "wan"}, {"software", "hardware"}),
    ],
)
def test_replies_out_of_a_vrf_are_taken_for_each_device_that_is_fast(
    chosen: dict[str, Any], able: str, fast: dict[str, str], answered: set[str]
) -> None:
    """Without their replies no connections are offloaded; by the name of all devices they are not either."""
    found = planned(in_vrf("wan lte", Link("lan", hw_tc_offload=True), able=able), zones=TWO_WANS, **chosen)
    assert lan_wan(found).effective.value == max(fast, key=Mode)
    assert offloaded(found) == {(mode, "lan", oif) for mode, oif in fast.items()}
    assert {mode for mode in answered if (mode, "vrf0", "lan") in ways(found)} == answered


def test_a_slow_zone_in_a_vrf_keeps_no_other_one_slow_that_connections_leave_to() -> None:
    zones = (*ZONES, Zone("lte", "@zone[3]", devices=("lte",)))
    found = planned(
        in_vrf("wan lte", Link("lan"), Link("guest")),
        zones=zones,
        permissions=(*FORWARDINGS, Permission("lan", "lte", "@forwarding[1]")),
        globals=Globals(mode=Mode.SOFTWARE),
        zone_choices=(ZoneChoice("lte", "its", Mode.NONE),),
    )
    assert (lan_wan(found).effective, lan_wan(found).reasons) == (Mode.SOFTWARE, ())
    assert offloaded(found) == {("software", "lan", "wan")}
    assert ("software", "vrf0", "lan") in ways(found)


KEPT: dict[str, tuple[dict[str, Any], ReasonCode]] = {
    "an exempt of all of it": ({"exempts": (exempt_of("e", "e", "lan", "wan"),)}, ReasonCode.EXEMPT),
    "a faulty exempt": ({"exempts": (exempt_of("e", "e", "lan", faulty=True),)}, ReasonCode.EXEMPT_FAULT),
    "a rule that marks all of it": (
        {"mark_rules": (MarkRule("r", "r", (exempt_of("r", "r", "lan", "wan"),)),)},
        ReasonCode.MARKED,
    ),
    "a faulty section": (
        {"zone_choices": (ZoneChoice("lan", "its", Mode.HARDWARE, faulty=True),)},
        ReasonCode.CONFIG_FAULT,
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_hardware_is_not_requested_for_traffic_that_is_always_slow(name: str) -> None:
    words, why = KEPT[name]
    found = planned(ABLE, **words)
    pair = lan_wan(found)
    assert (pair.mode, pair.effective, pair.hardware) == (Mode.HARDWARE, Mode.NONE, False)
    assert [reason.code for reason in pair.reasons] == [why]
    assert [device.name for device in found.devices if device.hardware] == []


def test_a_pair_of_an_inverted_zone_has_that_reason() -> None:
    rest = Zone("rest", "@zone[3]", inverted=True)
    found = planned(zones=(*ZONES, rest), permissions=(Permission("rest", "wan", "f"),))
    assert [reason.code for pair in found.pairs for reason in pair.reasons] == [ReasonCode.ZONE_INVERTED]
    assert [reason.code for zone in found.zones if zone.name == "rest" for reason in zone.reasons] == [
        ReasonCode.ZONE_INVERTED
    ]


def elements(found: Plan) -> set[tuple[bool, str, str]]:
    """Of lan > wan in each table: whether it is hardware's, the family, and the ends where a port decides."""
    return {
        (table.hardware, element.policy.family, element.policy.stations)
        for table in found.tables
        for element in table.elements
    }


@pytest.mark.parametrize(
    ("chosen", "families", "ways", "codes"),
    [
        ("any", ["ipv6"], {(True, "ipv4", ""), (False, "ipv6", "")}, ["HARDWARE_FAMILY_GIVEN_UP"]),
        ("any", ["ipv4"], {(True, "ipv6", ""), (False, "ipv4", "")}, ["HARDWARE_FAMILY_GIVEN_UP"]),
        ("any", ["ipv4", "ipv6"], {(False, "any", "")}, ["HARDWARE_FAMILY_GIVEN_UP"] * 2),
        ("ipv4", ["ipv6"], {(True, "ipv4", "")}, []),
        ("ipv6", ["ipv6"], {(False, "ipv6", "")}, ["HARDWARE_FAMILY_GIVEN_UP"]),
    ],
)
def test_a_family_for_which_hardware_was_given_up_is_in_software(
    chosen: str, families: list[str], ways: set[tuple[bool, str, str]], codes: list[str]
) -> None:
    given_up = tuple(GivenUp(31, ("lan", "wan"), family=each) for each in families)
    wanted = Globals(mode=Mode.HARDWARE, family=Family(chosen))
    found = planned(replace(ABLE, given_up=given_up), globals=wanted)
    assert elements(found) == ways
    assert [reason.code.name for reason in lan_wan(found).reasons] == codes


def test_where_a_port_decides_software_takes_the_family_that_was_given_up() -> None:
    bridge = Snapshot(
        links=(
            Link("lan", "bridge"),
            Link("lan1", "dsa", master="lan", hw_tc_offload=True),
            Link("ap0", master="lan"),
            Link("wan", hw_tc_offload=True),
        ),
        given_up=(GivenUp(31, ("lan", "wan"), family="ipv6"),),
    )
    assert elements(planned(bridge)) == {(True, "ipv4", "from"), (False, "any", "from")}


FOUR, SIX, ANY = Family.IPV4, Family.IPV6, Family.ANY
# The families that the firewall gives two zones of one device, the modes chosen for them, and what the device's element
# and the two pairs get.
ONE_DEVICE: dict[str, tuple[tuple[Family, Family], tuple[Mode, Mode], str, tuple[Mode, Mode]]] = {
    "a family each": ((FOUR, SIX), (Mode.SOFTWARE, Mode.SOFTWARE), "any", (Mode.SOFTWARE, Mode.SOFTWARE)),
    "one of both": ((ANY, SIX), (Mode.SOFTWARE, Mode.SOFTWARE), "any", (Mode.SOFTWARE, Mode.SOFTWARE)),
    "one family": ((FOUR, FOUR), (Mode.SOFTWARE, Mode.SOFTWARE), "ipv4", (Mode.SOFTWARE, Mode.SOFTWARE)),
    "a family each, one slow": ((FOUR, SIX), (Mode.NONE, Mode.SOFTWARE), "ipv6", (Mode.NONE, Mode.SOFTWARE)),
    "one of both, that slow": ((ANY, SIX), (Mode.NONE, Mode.SOFTWARE), "", (Mode.NONE, Mode.NONE)),
    "one of both, the other slow": ((ANY, SIX), (Mode.SOFTWARE, Mode.NONE), "ipv4", (Mode.SOFTWARE, Mode.NONE)),
}


@pytest.mark.parametrize("name", ONE_DEVICE)
def test_zones_of_one_device_do_not_decide_the_family_of_the_other(name: str) -> None:
    families, modes, element, effective = ONE_DEVICE[name]
    twins = [
        Zone(zone, f"@zone[{zone}]", devices=("wan",), family=family)
        for zone, family in zip(("wan", "wan6"), families, strict=True)
    ]
    found = planned(
        zones=(ZONES[0], *twins),
        permissions=(*FORWARDINGS, Permission("lan", "wan6", "@forwarding[1]")),
        zone_choices=tuple(ZoneChoice(zone, zone, mode) for zone, mode in zip(("wan", "wan6"), modes, strict=True)),
        globals=Globals(mode=Mode.SOFTWARE),
    )
    elements = [each.policy.family for table in found.tables for each in table.elements]
    assert elements == ([element] if element else [])
    assert tuple(pair.effective for pair in found.pairs) == effective
    codes = {reason.code for pair in found.pairs for reason in pair.reasons}
    slower = Mode.SOFTWARE in effective and Mode.NONE in effective and ANY in families
    assert (ReasonCode.SHARED_DEVICES in codes) is (slower or effective == (Mode.NONE, Mode.NONE))
    assert ReasonCode.SHARED_FAMILY not in codes


def test_a_zone_without_a_mode_is_not_said_to_be_slow_because_of_another() -> None:
    """Of wan the pair with guest is slow by guest's mode, that with lan because no zone has one."""
    both = (*FORWARDINGS, Permission("guest", "wan", "@forwarding[1]"))
    slow = (ZoneChoice("guest", "its", Mode.NONE),)
    found = planned(permissions=both, zone_choices=slow, globals=Globals(mode=Mode.NONE))
    zones = {zone.name: [reason.text for reason in zone.reasons] for zone in found.zones}
    devices = {device.name: [reason.text for reason in device.reasons] for device in found.devices}
    assert zones["wan"] == devices["wan"] == ["no mode was chosen for zone wan"]
    assert zones["guest"] == devices["guest"] == ["mode none was chosen for zone guest"]


def test_what_holds_for_every_pair_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Snapshot]()

    def counted(snapshot: Snapshot) -> bool:
        asked.append(snapshot)
        return True

    monkeypatch.setattr("offload.compiler.offload.plan.firewall_loaded", counted)
    permissions = tuple(
        Permission(src, dest, "") for src in ("lan", "guest") for dest in ("guest", "wan") if src != dest
    )
    assert len(planned(permissions=permissions).pairs) > 1
    assert len(asked) == 1


def test_a_name_that_nft_cannot_take_is_compared_with_nothing() -> None:
    """Names of VRFs are read from the kernel, which allows more characters than nft text."""
    links = (Link("lan"), Link("wan"), Link('vrf"0', kind="vrf"), Link("guest", master='vrf"0'))
    permissions = (*FORWARDINGS, Permission("guest", "wan", "@forwarding[1]"))
    choices = (ZoneChoice("guest", "its", Mode.NONE),)
    found = planned(Snapshot(links=links), permissions=permissions, zone_choices=choices)
    (table,) = found.tables
    assert (table.common, table.absent) == ("", "")
    plain = planned(permissions=permissions, zone_choices=choices)
    assert [each.absent for each in plain.tables] == ["guest"]
