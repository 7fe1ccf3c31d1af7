"""The traffic of a table that stays slow: exempts with their zones resolved, and zones without devices."""

from ipaddress import ip_network
from typing import Any

import pytest

from exempts import conditions, exempt_of
from offload.compiler.devices import resolve
from offload.compiler.offload.plan import plan
from offload.model.config import (
    Config,
    Family,
    Globals,
    MarkRule,
    Mode,
    PairChoice,
    Permission,
    Zone,
    ZoneChoice,
)
from offload.model.network import Link, Network, Snapshot
from offload.model.plan import Plan, TimedExempt
from offload.model.problems.reason import ReasonCode
from offload.model.sections.exempts import Exempt

KIDS = (ip_network("192.168.1.128/25"), ip_network("2001:db8::/64"))
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
LAN, GUEST, WAN = (Zone(name, f"@zone[{i}]", devices=(name,)) for i, name in enumerate(("lan", "guest", "wan")))
ZONES = (LAN, GUEST, WAN, Zone("kids", "@zone[3]", subnets=KIDS), Zone("rest", "@zone[4]", inverted=True))
SNAPSHOT = Snapshot(links=tuple(map(Link, ("lan", "guest", "wan"))), networks=(Network("down", up=False),))
FORWARDINGS = tuple(Permission(src, "wan", src) for src in ("lan", "guest", "kids"))
Match = tuple[str, tuple[str, ...], tuple[str, ...], tuple[Any, ...], tuple[Any, ...]]


def planned(
    *exempts: Exempt, timed_exempts: tuple[TimedExempt, ...] = (), zones: tuple[Zone, ...] = ZONES, **more: Any
) -> Plan:
    words: dict[str, Any] = {"globals": Globals(mode=Mode.SOFTWARE), "permissions": FORWARDINGS} | more
    config = Config(zones=zones, exempts=exempts, **words)
    return plan(config, resolve(config, SNAPSHOT), SNAPSHOT, timed_exempts)


def addresses(exempt: Exempt) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Its sources and destinations."""
    return conditions(exempt).get("src_ip", ()), conditions(exempt).get("dest_ip", ())


def matches(found: Plan, table: str = "sw") -> list[Match]:
    """(name, devices in and out, sources, destinations) of each exempt of a table."""
    return [
        (each.zone or each.exempt.name, each.iifs, each.oifs, *addresses(each.exempt))
        for one in found.tables
        if one.flowtable == table
        for each in one.exempts
    ]


def chosen(mode: Mode | None = None, **more: Any) -> dict[str, Any]:
    return {"zone_choices": (ZoneChoice("kids", "its", mode, **more),)}


ALL_OF_KIDS = [("kids", (), (), KIDS, ()), ("kids", (), (), (), KIDS)]
LIMITED = [("kids", (), ("wan",), KIDS, ()), ("kids", ("wan",), (), (), KIDS)]
EVERY_PAIR = tuple(Permission(src, dest, "f") for src in ("lan", "wan") for dest in ("lan", "wan"))
SUBNETS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "mode none": (chosen(Mode.NONE), ALL_OF_KIDS),
    "the mode of its neighbours": (chosen(Mode.SOFTWARE), []),
    "more than its neighbours": (chosen(Mode.HARDWARE), []),
    "one address family of two": (chosen(family=Family.IPV4), ALL_OF_KIDS),
    "a longer wait": (chosen(after_packets=9), ALL_OF_KIDS),
    "a section with a fault": (chosen(faulty=True), ALL_OF_KIDS),
    "one pair in mode none": (
        {"pair_choices": (PairChoice("kids", "wan", "p", Mode.NONE),), "permissions": EVERY_PAIR},
        [("kids", (), ("wan",), KIDS, ())],
    ),
    "one pair faster than the rest": (
        {
            **chosen(Mode.NONE),
            "pair_choices": (
                PairChoice("kids", "lan", "p", Mode.SOFTWARE),
                PairChoice("lan", "kids", "p", Mode.SOFTWARE),
            ),
            "permissions": EVERY_PAIR,
        },
        LIMITED,
    ),
}


@pytest.mark.parametrize("name", SUBNETS)
def test_a_zone_of_subnets_has_what_was_asked_for_it(name: str) -> None:
    more, expected = SUBNETS[name]
    assert matches(planned(**more)) == expected


def test_the_faster_table_alone_is_denied() -> None:
    links = tuple(Link(name, hw_tc_offload=True) for name in ("lan", "guest", "wan"))
    choices = (ZoneChoice("guest", "g", Mode.SOFTWARE), ZoneChoice("kids", "k", Mode.SOFTWARE))
    config = Config(zones=ZONES, globals=Globals(mode=Mode.HARDWARE), zone_choices=choices, permissions=FORWARDINGS)
    snapshot = Snapshot(links=links)
    found = plan(config, resolve(config, snapshot), snapshot)
    assert (matches(found, "hw"), matches(found)) == (ALL_OF_KIDS, [])


DENIED: dict[str, tuple[dict[str, Any], tuple[Any, ...], Mode, list[ReasonCode]]] = {
    "a part": (chosen(Mode.NONE), KIDS, Mode.SOFTWARE, [ReasonCode.SUBNETS_PART]),
    "nothing": (chosen(Mode.SOFTWARE), KIDS, Mode.SOFTWARE, []),
    "all, for they may be any address": (chosen(Mode.NONE), EVERYWHERE, Mode.NONE, [ReasonCode.SUBNETS_ANY]),
    "nothing, though they may be any address": (chosen(Mode.SOFTWARE), EVERYWHERE, Mode.SOFTWARE, []),
    "every address of one family": (chosen(Mode.NONE), EVERYWHERE[:1], Mode.SOFTWARE, [ReasonCode.SUBNETS_FAMILY]),
    "every address of one family, some of the other": (
        chosen(Mode.NONE),
        (EVERYWHERE[0], KIDS[1]),
        Mode.SOFTWARE,
        [ReasonCode.SUBNETS_FAMILY, ReasonCode.SUBNETS_PART],
    ),
    "no address of the only family": (
        {**chosen(Mode.NONE), "globals": Globals(mode=Mode.SOFTWARE, family=Family.IPV6)},
        KIDS[:1],
        Mode.SOFTWARE,
        [],
    ),
    "every address of the only family": (
        {**chosen(Mode.NONE), "globals": Globals(mode=Mode.SOFTWARE, family=Family.IPV4)},
        EVERYWHERE[:1],
        Mode.NONE,
        [ReasonCode.SUBNETS_FAMILY],
    ),
    "every address of another family": (
        {**chosen(Mode.NONE), "globals": Globals(mode=Mode.SOFTWARE, family=Family.IPV6)},
        (*EVERYWHERE[:1], KIDS[1]),
        Mode.SOFTWARE,
        [ReasonCode.SUBNETS_PART],
    ),
    "other pairs alone": (
        {"pair_choices": (PairChoice("kids", "lan", "p", Mode.NONE),), "permissions": EVERY_PAIR},
        KIDS,
        Mode.SOFTWARE,
        [],
    ),
}


@pytest.mark.parametrize("name", DENIED)
def test_a_pair_has_a_reason_for_what_a_zone_of_subnets_keeps_slow(name: str) -> None:
    more, subnets, effective, reasons = DENIED[name]
    zones = (LAN, GUEST, WAN, Zone("kids", "@zone[3]", subnets=subnets))
    (pair,) = (each for each in planned(zones=zones, **more).pairs if (each.src, each.dest) == ("lan", "wan"))
    assert (pair.effective, [reason.code for reason in pair.reasons]) == (effective, reasons)


def test_two_zones_of_a_family_each_keep_a_pair_slow() -> None:
    subnets = [Zone(f"kids{i}", f"@zone[{3 + i}]", subnets=(each,)) for i, each in enumerate(EVERYWHERE)]
    choices = tuple(ZoneChoice(zone.name, zone.name, Mode.NONE) for zone in subnets)
    found = planned(zones=(LAN, WAN, *subnets), zone_choices=choices, permissions=FORWARDINGS[:1]).pairs
    (pair,) = (each for each in found if (each.src, each.dest) == ("lan", "wan"))
    assert (pair.effective, [reason.text.rpartition(": ")[2] for reason in pair.reasons]) == (
        Mode.NONE,
        ["all ipv4 of the pair stays slow", "all ipv6 of the pair stays slow"],
    )


def test_a_zone_of_any_address_in_software_slows_a_pair_in_hardware() -> None:
    links = tuple(Link(name, hw_tc_offload=True) for name in ("lan", "guest", "wan"))
    zones = (LAN, WAN, Zone("kids", "@zone[3]", subnets=EVERYWHERE))
    choices = (ZoneChoice("kids", "k", Mode.SOFTWARE),)
    config = Config(zones=zones, globals=Globals(mode=Mode.HARDWARE), zone_choices=choices, permissions=FORWARDINGS[:1])
    (pair,) = plan(config, resolve(config, Snapshot(links=links)), Snapshot(links=links)).pairs
    assert (pair.effective, [reason.code for reason in pair.reasons]) == (Mode.NONE, [ReasonCode.SUBNETS_ANY])


def test_a_pair_that_is_excluded_from_one_of_its_two_tables() -> None:
    """Lan goes the way of twin's software by lan2; the zone of any address has software as well."""
    able = Snapshot(links=tuple(Link(name, hw_tc_offload=True) for name in ("lan", "lan2", "wan")))
    lan, twin = Zone("lan", "@zone[0]", devices=("lan", "lan2")), Zone("twin", "@zone[1]", devices=("lan2",))
    zones = (lan, twin, WAN, Zone("kids", "@zone[3]", subnets=EVERYWHERE))
    choices = tuple(ZoneChoice(name, name, Mode.SOFTWARE) for name in ("kids", "twin"))
    forwardings = tuple(Permission(src, "wan", src) for src in ("lan", "twin"))
    config = Config(zones=zones, globals=Globals(mode=Mode.HARDWARE), zone_choices=choices, permissions=forwardings)
    found = plan(config, resolve(config, able), able).pairs
    (pair,) = (each for each in found if (each.src, each.dest) == ("lan", "wan"))
    assert (pair.effective, pair.reasons[-1].code) == (Mode.SOFTWARE, ReasonCode.SUBNETS_ANY)


def test_subnets_that_may_be_any_address_are_called_so() -> None:
    zones = (LAN, GUEST, WAN, Zone("kids", "@zone[3]", subnets=EVERYWHERE))
    called = {match.called for match in planned(zones=zones, **chosen(Mode.NONE)).tables[0].exempts}
    assert called == {"zone kids, whose subnets may be any address,"}


def test_an_exempt_of_all_of_it_holds_for_its_addresses() -> None:
    assert matches(planned(exempt_of("e", "e", src="kids"))) == ALL_OF_KIDS[:1]


def test_the_zone_and_its_pair_have_the_reason_of_a_missing_device() -> None:
    found = planned()
    (zone,) = (each for each in found.zones if each.name == "kids")
    (pair,) = (each for each in found.pairs if each.src == "kids")
    assert [reason.code for reason in zone.reasons] == [ReasonCode.ZONE_OF_SUBNETS]
    assert (pair.effective, [reason.code for reason in pair.reasons]) == (Mode.NONE, [ReasonCode.ZONE_OF_SUBNETS])


HOST = (ip_network("192.168.1.200/32"),)
EXEMPTS: dict[str, tuple[Exempt, list[Match]]] = {
    "zones with devices": (exempt_of("e", "e", "lan", "wan", dscp=1), [("e", ("lan",), ("wan",), (), ())]),
    "from subnets": (exempt_of("e", "e", "kids", "wan", dscp=1), [("e", (), ("wan",), KIDS, ())]),
    "to subnets": (exempt_of("e", "e", dest="kids", dscp=1), [("e", (), (), (), KIDS)]),
    "a host of the subnets": (exempt_of("e", "e", "kids", src_ip=HOST, dscp=1), [("e", (), (), HOST, ())]),
    "all of the subnets but a host": (
        exempt_of("e", "e", "kids", src_ip=("!192.168.1.200",), dscp=1),
        [("e", (), (), (*KIDS, "!192.168.1.200"), ())],
    ),
    "what nothing tells": (exempt_of("e", "e", "rest", "wan", dscp=1), [("e", (), ("wan",), (), ())]),
    "a zone whose network is down": (exempt_of("e", "e", "down", dscp=1), []),
}


@pytest.mark.parametrize("name", EXEMPTS)
def test_an_exempt_of_zones(name: str) -> None:
    exempt, expected = EXEMPTS[name]
    down = Zone("down", "@zone[5]", networks=("down",))
    assert matches(planned(exempt, zones=(*ZONES, down))) == expected


def test_each_has_its_name() -> None:
    exempt, rule = exempt_of("Console", "@exempt[0]", dscp=1), mark_rule(exempt_of("Calls", "@rule[2]", dscp=46))
    timed_exempt = TimedExempt(7, exempt_of("run-time 7", "", src_ip=HOST), 60, 60)
    found = planned(exempt, mark_rules=(rule,), timed_exempts=(timed_exempt,), **chosen(Mode.NONE)).tables[0].exempts
    assert [match.called for match in found] == [
        "exempt @exempt[0]",
        "rule 'Calls' of /etc/config/firewall",
        "timed exempt 7",
        *["zone kids, whose subnets it is in,"] * 2,
    ]


def mark_rule(exempt: Exempt) -> MarkRule:
    return MarkRule(exempt.name, exempt.section, (exempt,))


def test_reasons_of_a_part_come_last() -> None:
    """`explain` gives a slow flow the first Reason of its pair."""
    rule = mark_rule(exempt_of("r", "@rule[0]", "lan", "wan", dscp=1))
    found = planned(globals=Globals(mode=Mode.HARDWARE), mark_rules=(rule,))
    assert [reason.code for reason in found.pairs[0].reasons] == [ReasonCode.HARDWARE_UNCOVERED, ReasonCode.MARKED_PART]


def test_a_timed_exempt_of_subnets_is_matched_like_an_exempt_and_has_its_own_name() -> None:
    timed_exempt = TimedExempt(1, exempt_of("run-time 1", "", "kids", src_mac=("00:11:22:33:44:55",)), 60, 60)
    (match,) = planned(timed_exempts=(timed_exempt,)).tables[0].exempts
    assert (addresses(match.exempt)[0], match.timed_exempt) == (KIDS, timed_exempt)
