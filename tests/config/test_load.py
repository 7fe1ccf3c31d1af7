"""Files and choices -> Config: missing and faulty options, and the safe direction for each."""

from ipaddress import ip_network
from typing import Any

import pytest

from config.packages import ZONES, Options, loaded, package
from exempts import conditions, exempt_of
from offload.config.load import load
from offload.model.config import Config, Family, Mode, PairChoice, ZoneChoice
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Section


def test_an_empty_router() -> None:
    config, problems = load({})
    assert [problem.fault for problem in problems] == [ProblemCode.FILE_MISSING]
    assert config == Config()


@pytest.mark.parametrize("fault", [ProblemCode.FILE_SYNTAX, ProblemCode.FILE_UNREADABLE])
@pytest.mark.parametrize("name", ["firewall", "network", "offload"])
def test_a_file_that_cannot_be_read_makes_the_whole_unreadable(name: str, fault: ProblemCode) -> None:
    packages: dict[str, tuple[Section, ...] | Problem] = {"firewall": package("firewall", *ZONES)}
    config, problems = load(packages | {name: fault.at(name, detail="odd")})
    assert not config.readable
    assert problems[0].fault is fault


def test_a_bad_value_that_stands_twice_is_one_problem() -> None:
    _, faults = loaded(("exempt", {"src_ip": ("bad", "10.0.0.1", "bad"), "proto": "tcp"}))
    assert len(faults) == 1


def test_globals() -> None:
    config, faults = loaded(("globals", {"mode": "hardware", "after_packets": "7", "family": "ipv6", "device": "a b"}))
    found = config.globals
    assert (found.mode, found.after_packets, found.family) == (Mode.HARDWARE, 7, Family.IPV6)
    assert (found.devices, found.enabled, faults) == (("a", "b"), True, [])


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("mode", "x", "mode"),
        ("after_packets", "x", "after_packets"),
        ("family", "x", "family"),
        ("unheard", "of", "mode"),
    ],
)
def test_no_zone_relies_on_globals_with_a_fault(option: str, value: str, field: str) -> None:
    config, faults = loaded(("globals", {option: value}))
    assert getattr(config.globals, field) is None
    assert config.globals.mode is None
    assert len(faults) == 1


def test_enabled_that_cannot_be_read_is_off() -> None:
    config, _ = loaded(("globals", {"enabled": "perhaps"}))
    assert not config.globals.enabled


@pytest.mark.parametrize(
    ("options", "held"),
    [
        ({"exclude_device": ("lan1", "br-lan,lan1")}, True),
        ({"exclude_device": "way_too_long_a_name"}, True),
        ({"enabled": "perhaps"}, True),
        ({"exclude_devices": "lan1"}, False),
        ({"device": "br-lan,lan1"}, False),
    ],
)
def test_a_fault_that_may_mean_any_zone_keeps_all_pairs_slow_with_a_reason(options: Options, *, held: bool) -> None:
    sections = package("offload", ("globals", options), ("zone", {"name": "lan", "mode": "software"}))
    config, problems = load({"firewall": package("firewall", *ZONES), "offload": sections})
    assert config.pair_choices == (PairChoice("*", "*", "@globals[0]", Mode.NONE, faulty=True),) * held
    consequence = {True: "nothing is offloaded", False: "zones without a mode of their own stay on the slow path"}
    assert [consequence[held] in problem.text for problem in problems] == [True]


def test_of_two_globals_the_slower_value_of_each_option_counts() -> None:
    first = {"enabled": "0", "mode": "hardware", "family": "ipv4", "exclude_device": "lan1", "auto_exempt": "1"}
    second = {"enabled": "1", "mode": "software", "after_packets": "20", "exclude_device": "lan2", "auto_exempt": "0"}
    for sections in ((first, second), (second, first)):
        config, faults = loaded(*(("globals", options) for options in sections))
        found = config.globals
        assert (found.enabled, found.mode, found.auto_exempt) == (False, Mode.SOFTWARE, True)
        assert (found.family, found.after_packets) == (Family.IPV4, 20)
        assert (set(found.exclude_devices), faults) == ({"lan1", "lan2"}, [ProblemCode.DUPLICATE_SECTION])


def test_a_list_with_problems_has_its_valid_values() -> None:
    config, faults = loaded(("globals", {"exclude_device": ("eth1", "a b", 'x"', "eth2")}))
    assert config.globals.exclude_devices == ("eth1", "eth2")
    assert faults == [ProblemCode.BAD_DEVICE, ProblemCode.BAD_DEVICE]


ZONE_CASES: dict[str, tuple[list[Options], list[ZoneChoice], list[ProblemCode]]] = {
    "good": (
        [{"name": "lan", "mode": "software", "family": "ipv4", "after_packets": "3"}],
        [ZoneChoice("lan", "@zone[0]", Mode.SOFTWARE, Family.IPV4, 3)],
        [],
    ),
    "a bad value": (
        [{"name": "lan", "mode": "x", "family": "ipv4"}],
        [ZoneChoice("lan", "@zone[0]", None, Family.IPV4, faulty=True)],
        [ProblemCode.BAD_CHOICE],
    ),
    "twice": (
        [{"name": "lan", "mode": "hardware"}, {"name": "lan", "mode": "software"}],
        [ZoneChoice("lan", "@zone[0]", Mode.SOFTWARE)],
        [ProblemCode.DUPLICATE_SECTION],
    ),
    "twice, each with something of its own": (
        [
            {"name": "lan", "mode": "software", "family": "ipv4"},
            {"name": "lan", "mode": "software", "after_packets": "9"},
        ],
        [ZoneChoice("lan", "@zone[0]", Mode.SOFTWARE, Family.IPV4, 9)],
        [ProblemCode.DUPLICATE_SECTION],
    ),
    "twice, and one without a mode": (
        [{"name": "lan", "mode": "software"}, {"name": "lan", "family": "ipv4", "after_packets": "9"}],
        [ZoneChoice("lan", "@zone[0]", Mode.SOFTWARE, Family.IPV4, 9)],
        [ProblemCode.DUPLICATE_SECTION],
    ),
    "twice, and both as globals say": (
        [{"name": "lan"}, {"name": "lan"}],
        [ZoneChoice("lan", "@zone[0]")],
        [ProblemCode.DUPLICATE_SECTION],
    ),
    "without a name": (
        [{"mode": "none"}],
        [],
        [ProblemCode.MISSING_OPTION],
    ),
    "with a list as a name": (
        [{"name": ("lan", "wan"), "mode": "none"}],
        [],
        [ProblemCode.NOT_A_LIST],
    ),
    "in capitals": ([{"name": "lan", "mode": "Software"}], [ZoneChoice("lan", "@zone[0]", Mode.SOFTWARE)], []),
    "switched off": ([{"name": "lan", "mode": "x", "enabled": "0"}], [], []),
}


@pytest.mark.parametrize("name", ZONE_CASES)
def test_zone_choices(name: str) -> None:
    sections, choices, expected = ZONE_CASES[name]
    config, faults = loaded(*(("zone", options) for options in sections))
    assert (list(config.zone_choices), faults) == (choices, expected)


def test_a_section_without_a_name_option_is_of_the_zone_that_it_is_named_after() -> None:
    sections = (Section("offload", "zone", "lan", "lan", {"mode": "software"}),)
    config, problems = load({"firewall": package("firewall", *ZONES), "offload": sections})
    assert (config.zone_choices, problems) == ((ZoneChoice("lan", "lan", Mode.SOFTWARE),), ())


def test_of_two_sections_the_one_that_relies_on_faulty_globals_keeps_its_zone_slow() -> None:
    config, _ = loaded(
        ("globals", {"family": "x"}), ("zone", {"name": "lan", "family": "ipv4"}), ("zone", {"name": "lan"})
    )
    assert config.zone_choices == (ZoneChoice("lan", "@zone[0]"),)
    assert config.globals.family is None


OFF = ("zone", {"name": "guest", "enabled": "0"})


@pytest.mark.parametrize(
    "section",
    [
        ("zone", {"name": "guest", "mode": "x"}),
        ("pair", {"src": "guest", "dest": "wan", "mode": "none"}),
        ("pair", {"src": "moon", "dest": "guest", "mode": "x"}),
        ("exempt", {"src": "guest", "src_ip": "10.0.0.5"}),
        ("exempt", {"dest": "guest", "src_ip": "10.0.0.500"}),
    ],
)
def test_a_section_of_a_disabled_zone_has_no_effect(section: tuple[str, Options]) -> None:
    config, faults = loaded(section, firewall=(*ZONES, OFF))
    assert (config.zone_choices, config.pair_choices, config.exempts) == ((), (), ())
    assert faults == [ProblemCode.DISABLED_ZONE]


def test_globals_with_the_name_of_a_disabled_zone_still_switch_offload_off() -> None:
    config, faults = loaded(("globals", {"enabled": "0", "src": "guest"}), firewall=(*ZONES, OFF))
    assert (config.globals.enabled, faults) == (False, [ProblemCode.UNKNOWN_OPTION])


def test_a_zone_of_which_one_section_is_not_disabled_is_there() -> None:
    config, faults = loaded(("exempt", {"src": "lan"}), firewall=(*ZONES, ("zone", {"name": "lan", "enabled": "no"})))
    assert (config.exempts[0].faulty, faults) == (False, [])


def test_a_zone_that_is_not_there_harms_no_other() -> None:
    config, faults = loaded(("zone", {"name": "moon", "mode": "none"}))
    assert not any(choice.faulty and choice.name in {"lan", "wan", "*"} for choice in config.zone_choices)
    assert faults == [ProblemCode.UNKNOWN_ZONE]


PAIR_CASES: dict[str, tuple[list[Options], list[tuple[str, str, Mode, bool]], list[ProblemCode]]] = {
    "good": (
        [{"src": "lan", "dest": "wan", "mode": "hardware"}],
        [("lan", "wan", Mode.HARDWARE, False)],
        [],
    ),
    "twice": (
        [{"src": "lan", "dest": "wan", "mode": "hardware"}, {"src": "lan", "dest": "wan", "mode": "none"}],
        [("lan", "wan", Mode.NONE, False)],
        [ProblemCode.DUPLICATE_SECTION],
    ),
    "an unknown zone": (
        [{"src": "lan", "dest": "moon", "mode": "hardware"}],
        [],
        [ProblemCode.UNKNOWN_ZONE],
    ),
    "every zone": ([{"src": "*", "dest": "wan", "mode": "hardware"}], [("*", "wan", Mode.HARDWARE, False)], []),
    "every zone, with a fault": ([{"src": "*", "dest": "wan", "mode": "x"}], [], [ProblemCode.BAD_CHOICE]),
    "switched off": ([{"src": "lan", "dest": "wan", "mode": "x", "enabled": "off"}], [], []),
    "without a mode": (
        [{"src": "lan", "dest": "wan"}],
        [("lan", "wan", Mode.NONE, True)],
        [ProblemCode.MISSING_OPTION],
    ),
    "faulty, then good": (
        [{"src": "lan", "dest": "wan", "mode": "x"}, {"src": "lan", "dest": "wan", "mode": "software"}],
        [("lan", "wan", Mode.NONE, True)],
        [ProblemCode.BAD_CHOICE],
    ),
}


@pytest.mark.parametrize("name", PAIR_CASES)
def test_pair_choices(name: str) -> None:
    sections, choices, expected = PAIR_CASES[name]
    config, faults = loaded(*(("pair", options) for options in sections))

    def fields(choice: PairChoice) -> tuple[str, str, Mode, bool]:
        return choice.src, choice.dest, choice.mode, choice.faulty

    assert ([fields(choice) for choice in config.pair_choices], faults) == (choices, expected)


HOST = (ip_network("10.0.0.1"),)
EXEMPT_CASES: dict[str, tuple[Options, dict[str, Any] | None, list[ProblemCode]]] = {
    "a name": ({"name": "Console", "src": "lan"}, {"name": "Console", "src": "lan"}, []),
    "without a name": ({"dscp": "ef"}, {"name": "@exempt[0]", "dscp": 46}, []),
    "all protocols among others": ({"src": "lan", "proto": ("tcp", "all")}, {"src": "lan", "proto": ()}, []),
    "protocols once": ({"proto": "tcpudp 6 udp"}, {"proto": ("tcp", "udp")}, []),
    "several ports in one option": (
        {"proto": "tcp", "dest_port": "80 443-444"},
        {"proto": ("tcp",), "dest_port": ((80, 80), (443, 444))},
        [],
    ),
    "ports without a protocol are of both, as in fw4": (
        {"dest_port": "80"},
        {"dest_port": ((80, 80),), "proto": ("tcp", "udp")},
        [],
    ),
    "and so are ports of all protocols": (
        {"src_port": "1", "proto": "all"},
        {"src_port": ((1, 1),), "proto": ("tcp", "udp")},
        [],
    ),
    "switched off, whatever is wrong with it": ({"enabled": "0", "src_ip": "x", "speed": "9"}, None, []),
    "switched on": ({"enabled": "1", "src_ip": "10.0.0.1"}, {"src_ip": HOST}, []),
    "neither on nor off": ({"enabled": "maybe", "src_ip": "10.0.0.1"}, {"src_ip": HOST}, [ProblemCode.BAD_BOOL]),
    # 1. bad values of a list are left out
    "one bad address of many": ({"src_ip": ("10.0.0.1", "x")}, {"src_ip": HOST}, [ProblemCode.BAD_ADDRESS]),
    "one protocol that is never offloaded": (
        {"proto": ("tcp", "icmp"), "src": "lan"},
        {"proto": ("tcp",), "src": "lan"},
        [ProblemCode.NEVER_OFFLOADED],
    ),
    # 2. a bad condition is left out where an address or MAC remains
    "a bad port beside an address": (
        {"src_ip": "10.0.0.1", "dest_port": "http"},
        {"src_ip": HOST},
        [ProblemCode.BAD_PORT],
    ),
    "an unknown option beside a MAC": (
        {"src_mac": "00:11:22:33:44:55", "src_ips": "x"},
        {"src_mac": ("00:11:22:33:44:55",)},
        [ProblemCode.UNKNOWN_OPTION],
    ),
    "an unknown zone beside an address": (
        {"src": "moon", "src_ip": "10.0.0.1"},
        {"src_ip": HOST},
        [ProblemCode.UNKNOWN_ZONE],
    ),
    "no common family": (
        {"src_ip": "10.0.0.1", "dest_ip": "::1"},
        {"src_ip": HOST},
        [ProblemCode.MIXED_FAMILIES],
    ),
    # 3. else its pair is held where it names both zones
    "both zones": (
        {"src": "lan", "dest": "wan", "dest_port": "http"},
        {"src": "lan", "dest": "wan", "faulty": True},
        [ProblemCode.BAD_PORT],
    ),
    # 4. else it has no effect
    "one zone": ({"src": "lan", "dest_port": "http"}, None, [ProblemCode.BAD_PORT]),
    "any zone to one": ({"src": "*", "dest": "wan", "mark": "x"}, None, [ProblemCode.BAD_MARK]),
    "an unknown zone": ({"src": "moon", "dest": "wan"}, None, [ProblemCode.UNKNOWN_ZONE]),
    # a blank value is that of an empty variable in a script
    "a blank address": ({"src": "lan", "src_ip": " "}, None, [ProblemCode.BAD_VALUE]),
    "a blank port beside an address": (
        {"src_ip": "10.0.0.1", "dest_port": "  "},
        {"src_ip": HOST},
        [ProblemCode.BAD_VALUE],
    ),
    "a blank protocol of a pair": (
        {"src": "lan", "dest": "wan", "proto": " "},
        {"src": "lan", "dest": "wan", "faulty": True},
        [ProblemCode.BAD_VALUE],
    ),
    # what is excluded
    "all but an address and a port": (
        {"src_ip": "!10.0.0.1", "dest_port": "!80"},
        {"src_ip": ("!10.0.0.1",), "dest_port": ("!80",), "proto": ("tcp", "udp")},
        [],
    ),
    "a bad value among excluded ones: what the list means is not known": (
        {"src_ip": "10.0.0.1", "dest_port": "!80 http"},
        {"src_ip": HOST},
        [ProblemCode.BAD_PORT],
    ),
    "an address that is excluded names no host": (
        {"src_ip": "!10.0.0.1", "dest_port": "http"},
        None,
        [ProblemCode.BAD_PORT],
    ),
    "an address of the other family is excluded": (
        {"src_ip": "10.0.0.1", "dest_ip": "!::1"},
        {"src_ip": HOST},
        [ProblemCode.MIXED_FAMILIES],
    ),
    "GRE": ({"src_ip": "10.0.0.1", "proto": "GRE"}, {"src_ip": HOST, "proto": ("gre",)}, []),
    "GRE has no ports": (
        {"src_ip": "10.0.0.1", "proto": "tcp 47", "dest_port": "80"},
        {"src_ip": HOST, "proto": ("tcp", "gre")},
        [ProblemCode.PORTS_OF_GRE],
    ),
    "GRE has no ports, and nothing names a host": (
        {"src": "lan", "dest": "wan", "proto": "gre", "src_port": "80", "dest_port": "!80"},
        {"src": "lan", "dest": "wan", "faulty": True},
        [ProblemCode.PORTS_OF_GRE] * 2,
    ),
    "a protocol cannot be excluded": ({"src": "lan", "proto": "!tcp"}, None, [ProblemCode.BAD_PROTOCOL]),
    "nothing": ({}, None, [ProblemCode.EXEMPT_OF_NOTHING]),
    "a name alone": ({"name": "x", "src": "*", "dest": "*"}, None, [ProblemCode.EXEMPT_OF_NOTHING]),
    "a protocol that is never offloaded": (
        {"src": "lan", "dest": "wan", "src_ip": "10.0.0.1", "proto": "icmp"},
        None,
        [ProblemCode.NEVER_OFFLOADED],
    ),
}


@pytest.mark.parametrize("name", EXEMPT_CASES)
def test_exempts(name: str) -> None:
    options, words, expected = EXEMPT_CASES[name]
    config, faults = loaded(("exempt", options))
    made = () if words is None else (exempt_of(**{"name": "@exempt[0]", "section": "@exempt[0]", **words}),)
    assert config.exempts == made
    assert faults == expected


@pytest.mark.parametrize(("proto", "ports", "much"), [("udp", 128, False), ("udp", 129, True), ("tcpudp", 65, True)])
def test_an_exempt_makes_no_more_combinations_than_can_be_meant(proto: str, ports: int, *, much: bool) -> None:
    """The longest list is left out; what it stood beside is then slow as a whole."""
    addresses = tuple(f"10.0.0.{number}" for number in range(64))
    many = tuple(str(number) for number in range(ports))
    config, faults = loaded(("exempt", {"src_ip": addresses, "dest_port": many, "proto": proto}))
    (found,) = config.exempts
    words = conditions(found)
    assert (len(words["src_ip"]), len(words.get("dest_port", ()))) == (64, 0 if much else ports)
    assert faults == [ProblemCode.TOO_MANY_COMBINATIONS] * much


def test_an_unknown_type_of_section_is_reported() -> None:
    assert loaded(("speed", {"mode": "fast"}))[1] == [ProblemCode.UNKNOWN_SECTION]


def test_interfaces_are_read_without_judgement() -> None:
    network = (
        Section("network", "interface", "lan", "lan", {"device": "br-lan", "proto": "static", "ipaddr": "x"}),
        Section("network", "interface", "odd", "odd", {"device": ("a", "b")}),
        Section("network", "device", "cfg1", "@device[0]", {"name": "br-lan"}),
    )
    config, problems = load({"firewall": package("firewall", *ZONES), "network": network})
    assert [(each.name, each.device, each.proto) for each in config.interfaces] == [
        ("lan", "br-lan", "static"),
        ("odd", "", ""),
    ]
    assert problems == ()
