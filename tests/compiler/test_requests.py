"""Which pairs exist, and what the user requests for each."""

from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest

from exempts import exempt_of
from offload.compiler.devices import resolve
from offload.compiler.offload.pairs.requests import existing, pair_requests, zone_modes
from offload.compiler.offload.pairs.warnings import warnings
from offload.model.config import (
    Config,
    Family,
    Globals,
    Mode,
    PairChoice,
    Permission,
    Policy,
    Zone,
    ZoneChoice,
)
from offload.model.network import Address, Link, Network, Snapshot
from offload.model.problems.reason import ReasonCode

LAN, GUEST, WAN = (Zone(name, f"@zone[{i}]", devices=(name,)) for i, name in enumerate(("lan", "guest", "wan")))
SNAPSHOT = Snapshot(
    links=tuple(map(Link, ("lan", "guest", "wan", "wan2"))),
    addresses=(Address("lan", ip_interface("192.168.1.1/24")), Address("guest", ip_interface("192.168.2.1/24"))),
    networks=(Network("inside", l3_device="lan"), Network("visitors", l3_device="guest"), Network("parted", up=False)),
)


def pairs(*permissions: Permission, zones: tuple[Zone, ...] = (LAN, GUEST, WAN), **more: Any) -> list[str]:
    config = Config(zones=zones, permissions=permissions, **more)
    return [f"{src}>{dest}" for src, dest in existing(config, resolve(config, SNAPSHOT), SNAPSHOT)]


def test_nothing_permitted_nothing_there() -> None:
    assert pairs() == []


def test_pairs_come_in_the_order_of_their_zones() -> None:
    assert pairs(Permission("wan", "lan", "@redirect[0]"), Permission("lan", "wan", "@forwarding[0]")) == [
        "lan>wan",
        "wan>lan",
    ]


def test_a_star_is_every_zone() -> None:
    assert pairs(Permission("lan", "*", "@forwarding[0]")) == ["lan>lan", "lan>guest", "lan>wan"]
    assert pairs(Permission("*", "lan", "@rule[0]")) == ["lan>lan", "guest>lan", "wan>lan"]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.168.2.9", ["wan>guest"]),
        ("192.168.2.9/32", ["wan>guest"]),
        ("10.0.0.1", []),
        ("inside", ["wan>lan"]),
        ("visitors", ["wan>guest"]),
        ("parted", []),
        ("lan", []),
        ("2001:db8::1", []),
        ("172.16.0.9", ["wan>vpn"]),
        ("", []),
    ],
)
def test_a_port_forward_without_dest_leads_to_the_zone_of_its_address(address: str, found: list[str]) -> None:
    """Of a network's name these are the router's addresses there; of a zone its `subnet` counts too."""
    vpn = Zone("vpn", "@zone[3]", subnets=(ip_network("0.0.0.0/0"), ip_network("172.16.0.0/12")))
    assert pairs(Permission("wan", "", "@redirect[0]", dest_ip=address), zones=(LAN, GUEST, vpn, WAN)) == found


def test_the_zone_of_an_address_is_reflected_into_itself() -> None:
    assert pairs(Permission("", "", "@redirect[0]", dest_ip="192.168.2.9")) == ["guest>guest"]
    assert pairs(Permission("", "", "@redirect[0]", dest_ip="10.0.0.1")) == []


@pytest.mark.parametrize("forward", Policy)
def test_a_zone_with_itself_is_a_pair_where_its_own_forward_accepts(forward: Policy) -> None:
    """That option is fw4's policy between the devices of a zone, however many these are."""
    for devices in (("wan",), ("wan", "wan2")):
        wan = Zone("wan", "@zone[0]", devices=devices, forward=forward)
        assert pairs(zones=(wan,)) == (["wan>wan"] if forward is Policy.ACCEPT else [])
        assert pairs(Permission("wan", "wan", "@rule[0]"), zones=(wan,)) == ["wan>wan"]


def test_defaults_that_accept_open_every_pair_between_zones() -> None:
    """Within a zone the zone's own policy decides."""
    every = ["lan>guest", "lan>wan", "guest>lan", "guest>wan", "wan>lan", "wan>guest"]
    assert pairs(forward=Policy.ACCEPT) == every
    assert pairs(forward=Policy.REJECT) == []


def test_a_section_makes_its_pair_whatever_lets_it_through() -> None:
    upnp = PairChoice("wan", "lan", "upnp", Mode.SOFTWARE)
    faulty = PairChoice("wan", "*", "faulty", Mode.NONE, faulty=True)
    assert pairs(Permission("lan", "wan", "@forwarding[0]"), pair_choices=(upnp, faulty)) == ["lan>wan", "wan>lan"]


def test_a_section_of_every_zone_makes_no_pair() -> None:
    every = PairChoice("*", "wan", "p", Mode.SOFTWARE)
    assert pairs(Permission("lan", "wan", "@forwarding[0]"), pair_choices=(every,)) == ["lan>wan"]


def asked(config: Config, src: str = "lan", dest: str = "wan") -> tuple[Mode, Family, int, list[ReasonCode]]:
    (request,) = pair_requests(config, [(src, dest)])
    return request.mode, request.family, request.after_packets, [reason.code for reason in request.reasons]


SOFTWARE = Globals(mode=Mode.SOFTWARE)


def choice(zone: str, mode: Mode | None = None, **more: object) -> ZoneChoice:
    return ZoneChoice(zone, f"its_{zone}", mode, **more)  # type: ignore[arg-type] # words of the case


CASES: dict[str, tuple[Config, tuple[Mode, Family, int, list[ReasonCode]]]] = {
    "globals": (Config(globals=SOFTWARE), (Mode.SOFTWARE, Family.ANY, 0, [])),
    "no zone has a mode": (Config(), (Mode.NONE, Family.ANY, 0, [ReasonCode.MODE_UNSET])),
    "one zone has a mode, and the other holds nothing back": (
        Config(zone_choices=(choice("lan", Mode.SOFTWARE),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "the mode of globals counts only where no zone has one": (
        Config(globals=SOFTWARE, zone_choices=(choice("lan", Mode.HARDWARE),)),
        (Mode.HARDWARE, Family.ANY, 0, []),
    ),
    "a section without a mode chooses none": (
        Config(zone_choices=(choice("lan", Mode.SOFTWARE), choice("wan", after_packets=3))),
        (Mode.SOFTWARE, Family.ANY, 3, []),
    ),
    "the lower of two chosen modes": (
        Config(zone_choices=(choice("lan", Mode.HARDWARE), choice("wan", Mode.SOFTWARE))),
        (Mode.SOFTWARE, Family.ANY, 0, [ReasonCode.LOWER_MODE]),
    ),
    "none beside software": (
        Config(zone_choices=(choice("lan", Mode.SOFTWARE), choice("wan", Mode.NONE))),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.MODE_NONE]),
    ),
    "one zone in mode none": (
        Config(globals=SOFTWARE, zone_choices=(choice("wan", Mode.NONE),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.MODE_NONE]),
    ),
    "a pair is stronger, upward": (
        Config(pair_choices=(PairChoice("lan", "wan", "p", Mode.HARDWARE),)),
        (Mode.HARDWARE, Family.ANY, 0, []),
    ),
    "a pair is stronger, downward": (
        Config(globals=SOFTWARE, pair_choices=(PairChoice("lan", "wan", "p", Mode.NONE),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.PAIR_MODE_NONE]),
    ),
    "a pair the other way": (
        Config(globals=SOFTWARE, pair_choices=(PairChoice("wan", "lan", "p", Mode.NONE),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "the larger wait and the common family": (
        Config(
            globals=Globals(mode=Mode.SOFTWARE, after_packets=9, family=Family.IPV4),
            zone_choices=(choice("lan", after_packets=3, family=Family.ANY),),
        ),
        (Mode.SOFTWARE, Family.IPV4, 9, []),
    ),
    "no common family": (
        Config(
            globals=SOFTWARE,
            zone_choices=(choice("lan", family=Family.IPV4), choice("wan", family=Family.IPV6)),
        ),
        (Mode.SOFTWARE, Family.NEITHER, 0, []),
    ),
    "files that cannot be read": (
        Config(globals=SOFTWARE, readable=False),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.CONFIG_UNREADABLE]),
    ),
    "a faulty zone section": (
        Config(globals=SOFTWARE, zone_choices=(choice("lan", Mode.SOFTWARE, faulty=True),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.CONFIG_FAULT]),
    ),
    "a pair section of every zone": (
        Config(globals=SOFTWARE, pair_choices=(PairChoice("*", "wan", "p", Mode.NONE),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.PAIR_MODE_NONE]),
    ),
    "the pair section that names it most exactly": (
        Config(
            pair_choices=(
                PairChoice("*", "*", "p", Mode.NONE),
                PairChoice("lan", "wan", "q", Mode.HARDWARE),
                PairChoice("lan", "*", "r", Mode.SOFTWARE),
            )
        ),
        (Mode.HARDWARE, Family.ANY, 0, []),
    ),
    "of two that are as exact the slower": (
        Config(pair_choices=(PairChoice("lan", "*", "p", Mode.HARDWARE), PairChoice("*", "wan", "q", Mode.SOFTWARE))),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "the family of a zone of the firewall": (
        Config(
            zones=(replace(LAN, family=Family.IPV4), WAN),
            globals=SOFTWARE,
            zone_choices=(choice("wan", family=Family.ANY),),
        ),
        (Mode.SOFTWARE, Family.IPV4, 0, []),
    ),
    "globals that cannot be relied on": (
        Config(globals=Globals(mode=None)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.CONFIG_FAULT]),
    ),
    "globals that one zone does not need": (
        Config(globals=Globals(mode=None), zone_choices=(choice("wan", Mode.SOFTWARE),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "globals that a pair does not need": (
        Config(globals=Globals(mode=None), pair_choices=(PairChoice("lan", "wan", "p", Mode.SOFTWARE),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "globals that no zone relies on": (
        Config(
            globals=Globals(mode=None),
            zone_choices=(choice("lan", Mode.SOFTWARE), choice("wan", Mode.SOFTWARE)),
        ),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "a faulty pair that may mean this one": (
        Config(globals=SOFTWARE, pair_choices=(PairChoice("*", "wan", "p", Mode.SOFTWARE, faulty=True),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.CONFIG_FAULT]),
    ),
    "a faulty pair that means another": (
        Config(globals=SOFTWARE, pair_choices=(PairChoice("guest", "*", "p", Mode.NONE, faulty=True),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "a faulty exempt": (
        Config(globals=SOFTWARE, exempts=(exempt_of("e", "e", src="lan", faulty=True),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.EXEMPT_FAULT]),
    ),
    "an exempt of all of it": (
        Config(globals=SOFTWARE, exempts=(exempt_of("e", "e", dest="wan"),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.EXEMPT]),
    ),
    "an exempt of both protocols": (
        Config(globals=SOFTWARE, exempts=(exempt_of("e", "e", dest="wan", proto=("tcp", "udp")),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.EXEMPT]),
    ),
    "an exempt of one protocol": (
        Config(globals=SOFTWARE, exempts=(exempt_of("e", "e", dest="wan", proto=("udp",)),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
    "an exempt of no bit of the mark": (
        Config(globals=SOFTWARE, exempts=(exempt_of("e", "e", dest="wan", mark=(0, 0)),)),
        (Mode.NONE, Family.ANY, 0, [ReasonCode.EXEMPT]),
    ),
    "an exempt of some of it": (
        Config(globals=SOFTWARE, exempts=(exempt_of("e", "e", dest="wan", dscp=0),)),
        (Mode.SOFTWARE, Family.ANY, 0, []),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_asked(name: str) -> None:
    config, expected = CASES[name]
    assert asked(config) == expected


def test_a_pair_section_without_its_pair_is_reported() -> None:
    sections = (PairChoice("lan", "wan", "used", Mode.NONE), PairChoice("wan", "lan", "unused", Mode.NONE))
    faulty = PairChoice("guest", "*", "faulty", Mode.NONE, faulty=True)  # its own Problem is reported already
    there = (Permission("lan", "wan", "@forwarding[0]"),)
    config = Config(zones=(LAN, GUEST, WAN), permissions=there, pair_choices=(*sections, faulty))
    (problem,) = warnings(config, resolve(config, SNAPSHOT), SNAPSHOT)
    assert str(problem).startswith("offload.unused: /etc/config/firewall permits no forwarding from wan to lan")


def test_a_missing_device_is_reported() -> None:
    common = Globals(devices=("lan", "wan9", "wan9"), exclude_devices=("usb0",))
    config = Config(zones=(LAN,), globals=common)
    found = [str(each) for each in warnings(config, resolve(config, SNAPSHOT), SNAPSHOT)]
    assert found == [
        "offload.globals.device: there is no device 'wan9' now (did you mean 'wan'?); it is taken in when it comes",
        "offload.globals.exclude_device: there is no device 'usb0' now; nothing is kept out by it",
    ]
    assert warnings(config, resolve(config, Snapshot()), Snapshot()) == []  # it is not known what the router has


def test_an_exempt_of_a_zone_without_devices_or_subnets_is_reported() -> None:
    rest = Zone("rest", "@zone[3]", inverted=True)
    known = (
        exempt_of("a", "a", src="lan", dscp=0),
        exempt_of("b", "b", src="rest"),
        exempt_of("c", "c", "rest", faulty=True),
    )
    config = Config(zones=(LAN, rest), exempts=(*known, exempt_of("d", "d", src="*", dest="rest", dscp=0)))
    (problem,) = warnings(config, resolve(config, SNAPSHOT), SNAPSHOT)
    assert str(problem).startswith("offload.d.dest: zone rest excludes networks or devices")


def test_the_zones_of_files_that_cannot_be_read() -> None:
    assert zone_modes(Config(zones=(LAN,), readable=False)) == {"lan": (None, (ReasonCode.CONFIG_UNREADABLE(),))}


FORWARDED = (Permission("lan", "wan", "@forwarding[0]"), Permission("guest", "wan", "@forwarding[1]"))
UPGRADED: dict[str, tuple[Config, list[str]]] = {
    "one choice": (
        Config(zone_choices=(choice("lan", Mode.SOFTWARE),)),
        ["lan > wan has mode software now and had none"],
    ),
    "the zone beside it chose too": (
        Config(zone_choices=(choice("lan", Mode.SOFTWARE), choice("wan", Mode.NONE))),
        [],
    ),
    "a pair section": (
        Config(
            zone_choices=(choice("lan", Mode.SOFTWARE),), pair_choices=(PairChoice("lan", "wan", "p", Mode.SOFTWARE),)
        ),
        [],
    ),
    "held by an exempt": (
        Config(zone_choices=(choice("lan", Mode.SOFTWARE),), exempts=(exempt_of("e", "e", src="lan"),)),
        [],
    ),
    "higher than globals": (
        Config(globals=SOFTWARE, zone_choices=(choice("wan", Mode.HARDWARE),)),
        [
            "lan > wan has mode hardware now and had software",
            "guest > wan has mode hardware now and had software",
        ],
    ),
    "lower than globals": (Config(globals=SOFTWARE, zone_choices=(choice("wan", Mode.NONE),)), []),
}


@pytest.mark.parametrize("name", UPGRADED)
def test_pairs_that_are_faster_than_version_0_1_0_made_them_are_listed(name: str) -> None:
    config, expected = UPGRADED[name]
    for old in (True, False):
        common = replace(config.globals, old_rule=old)
        router = replace(config, zones=(LAN, GUEST, WAN), permissions=FORWARDED, globals=common)
        found = warnings(router, resolve(router, SNAPSHOT), SNAPSHOT)
        assert [each.text.partition(" in version")[0] for each in found] == (expected if old else [])
