"""The exempts for MARK and DSCP rules of the firewall, which must see every packet."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.packages import ZONES, Options, loaded
from exempts import conditions
from offload.model.config import Family
from offload.model.sections.exempts import Exempt
from strategies import gate

HERE = ("zone", {"name": "guest"})
FULL = 0xFFFFFFFF


def mark_rules(*rules: Options, globals_: Options | None = None) -> list[Exempt]:
    sections = tuple(("rule", rule) for rule in rules)
    config, _ = loaded(("globals", globals_ or {}), firewall=(*ZONES, HERE, *sections))
    return [exempt for each in config.mark_rules for exempt in each.exempts]


def dscp(**more: str | tuple[str, ...]) -> Options:
    return {"src": "lan", "dest": "wan", "target": "DSCP", "set_dscp": "EF", **more}


def mark(**more: str | tuple[str, ...]) -> Options:
    return {"src": "lan", "dest": "wan", "target": "mark", "set_xmark": "0x10/0xf0", **more}


NET, HOST = (ip_network("192.168.1.0/24"),), (ip_network("203.0.113.9/32"),)
# the rule, the conditions of the exempt from lan to wan, and of the one from wan to lan
CASES: dict[str, tuple[Options, dict[str, Any], dict[str, Any]]] = {
    "nothing but zones": (dscp(), {}, {}),
    "ports of both protocols": (
        dscp(dest_port="53"),
        {"proto": ("tcp", "udp"), "dest_port": ((53, 53),)},
        {"proto": ("tcp", "udp"), "src_port": ((53, 53),)},
    ),
    "every protocol": (dscp(proto="all", dest_port="80"), {}, {}),
    "addresses": (
        mark(src_ip="192.168.1.7/24", dest_ip=("203.0.113.9",)),
        {"src_ip": NET, "dest_ip": HOST},
        {"src_ip": HOST, "dest_ip": NET},
    ),
    "a condition that nftables cannot express, without which fw4 takes the rule": (dscp(monthdays="1"), {}, {}),
    "ports": (
        mark(proto="udp", src_port="53", dest_port="80 8000-8080"),
        {"proto": ("udp",), "src_port": ((53, 53),), "dest_port": ((80, 80), (8000, 8080))},
        {"proto": ("udp",), "src_port": ((80, 80), (8000, 8080)), "dest_port": ((53, 53),)},
    ),
    "a protocol that is never offloaded beside tcp": (
        dscp(proto=("icmp", "6")),
        {"proto": ("tcp",)},
        {"proto": ("tcp",)},
    ),
    "a protocol negated, which fw4 reads without the !, and offload-firewall with it": (dscp(proto="!udp"), {}, {}),
    "GRE, which is offloaded without NAT": (
        dscp(proto="gre", dest_ip="203.0.113.9"),
        {"proto": ("gre",), "dest_ip": HOST},
        {"proto": ("gre",), "src_ip": HOST},
    ),
    "GRE by number, whose ports fw4 ignores": (
        dscp(proto="47", dest_port="80"),
        {"proto": ("gre",)},
        {"proto": ("gre",)},
    ),
    "GRE beside TCP": (dscp(proto="tcp gre"), {"proto": ("gre", "tcp")}, {"proto": ("gre", "tcp")}),
    "GRE beside TCP and UDP": (dscp(proto="tcpudp gre"), {}, {}),
    "a MAC stands on packets from there only": (
        dscp(src_mac="00-11-22-33-44-55"),
        {"src_mac": ("00:11:22:33:44:55",)},
        {},
    ),
    "a mark that another rule set": (dscp(mark="0x1"), {"mark": (1, FULL)}, {}),
    "a mark that the rule itself changes": (mark(mark="0x1"), {}, {}),
    "a DSCP class": (mark(dscp="cs1"), {"dscp": 8}, {}),
    "a DSCP class that the rule itself changes": (dscp(dscp="cs1"), {}, {}),
    "one family": (
        dscp(family="ipv4"),
        {"src_ip": (ip_network("0.0.0.0/0"),)},
        {"dest_ip": (ip_network("0.0.0.0/0"),)},
    ),
    "one family of its addresses": (
        dscp(family="ipv4", src_ip=("192.168.1.0/24", "2001:db8::/64")),
        {"src_ip": NET},
        {"dest_ip": NET},
    ),
    "conditions that an exempt does not have": (
        dscp(
            src_ip="!192.168.1.0/24",
            dest_ip="10.0.0.1-10.0.0.9",
            ipset="bad",
            weekdays="Sat",
            limit="9/s",
            dest_port="!1",
        ),
        {},
        {},
    ),
    "one that an exempt does not have among others": (dscp(dest_ip=("203.0.113.9", "lan")), {}, {}),
    "one excluded among others": (
        dscp(dest_ip=("203.0.113.9", "!203.0.113.1")),
        {"dest_ip": HOST},
        {"src_ip": HOST},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule(name: str) -> None:
    rule, there, back = CASES[name]
    first, second = mark_rules(rule)
    assert [(first.src, first.dest), (second.src, second.dest)] == [("lan", "wan"), ("wan", "lan")]
    assert [conditions(first), conditions(second)] == [there, back]
    assert {first.section, second.section} == {"@rule[0]"}


def test_of_gre_beside_protocols_with_ports_everything_stays_slow() -> None:
    ported = {"proto": ("tcp",), "dest_port": ((80, 80),)}, {"proto": ("tcp",), "src_port": ((80, 80),)}
    found = mark_rules(dscp(proto="tcp gre", dest_port="80"))
    assert [conditions(each) for each in found] == [*ported, {"proto": ("gre",)}, {"proto": ("gre",)}]
    assert [(each.src, each.dest) for each in found] == [("lan", "wan"), ("wan", "lan")] * 2
    negated = mark_rules(dscp(proto="!icmp", dest_port="80"))
    assert [conditions(each)["proto"] for each in negated] == [("tcp", "udp"), ("tcp", "udp"), ("gre",), ("gre",)]


@pytest.mark.parametrize(
    "rule",
    [
        dscp(set_dscp=""),  # fw4 skips it, as it does for any value that it cannot read
        mark(set_xmark="one"),
        dscp(src_ip="10.0.0.300"),
        {"src": "lan", "dest": "wan", "target": "MARK", "set_dscp": "EF"},
        {"src": "lan", "target": "DSCP", "set_dscp": "EF"},  # packets to the router itself
        {"dest": "wan", "target": "DSCP", "set_dscp": "EF"},
        {"src": "lan", "dest": "wan", "target": "ACCEPT", "limit": "1/s", "mark": "1"},
        {"src": "lan", "dest": "wan", "target": "DROP", "ipset": "bad"},
        dscp(proto="icmp"),
        dscp(enabled="0"),
        dscp(dest="moon"),
        dscp(family="ipv6", src_ip="192.168.1.0/24"),
    ],
)
def test_a_rule_that_marks_nothing_offloadable(rule: Options) -> None:
    assert mark_rules(rule) == []


def test_where_a_rule_sees_destinations_before_they_are_translated_they_are_left_out() -> None:
    words = {"dest": "*", "proto": "tcp", "dest_ip": "203.0.113.9", "dest_port": "80"}
    # whatever the zone: reflection and SNAT translate where neither masq nor a port forward names it
    for src in ("lan", "wan", "guest"):
        there, back = mark_rules(dscp(**words, src=src))
        assert [conditions(there), conditions(back)] == [{"proto": ("tcp",)}, {"proto": ("tcp",)}]
    own = mark_rules(dscp(**words, src_ip="192.168.1.0/24"))
    assert [conditions(each) for each in own] == [
        {"proto": ("tcp",), "src_ip": NET},
        {"proto": ("tcp",), "dest_ip": NET},
    ]
    expected = {"proto": ("tcp",), "dest_ip": HOST, "dest_port": ((80, 80),)}
    assert conditions(mark_rules(dscp(**words, src="*"))[0]) == expected  # in mangle_forward, where they are
    assert conditions(mark_rules(dscp(**{**words, "dest": "wan"}, src="*"))[0]) == expected  # in mangle_postrouting


def test_lists_that_make_too_many_elements_are_left_out_longest_first() -> None:
    sources = tuple(f"10.0.{i}.0/25" for i in range(100))
    (there, _) = mark_rules(dscp(proto="tcp", src_ip=sources, dest_port=tuple(str(port) for port in range(1, 100))))
    assert {name: len(values) for name, values in conditions(there).items()} == {"proto": 1, "dest_port": 99}


def test_auto_exempt_switches_them_off() -> None:
    assert mark_rules(dscp(), globals_={"auto_exempt": "0"}) == []
    assert len(mark_rules(dscp(), globals_={"auto_exempt": "perhaps"})) == 2


ADDRESSES = ("192.168.1.7", "192.168.1.9", "203.0.113.9", "10.0.0.3")
WORDS = ("192.168.1.0/24", "!192.168.1.9", "10.0.0.1-10.0.0.9", "203.0.113.9", "lan")
PORTS = ("80", "!80", "50-90", "443")


def fits(words: tuple[str, ...], value: Any) -> bool:
    """Whether fw4's list matches a value: one of the plain words does, and none with `!`; `lan` matches any value."""

    def one(word: str) -> bool:
        if word == "lan":
            return True
        if "/" in word:
            return value in ip_network(word)
        read: Any = ip_address if "." in word else int
        low, _, high = word.partition("-")
        return bool(read(low) <= value <= read(high or low))

    plain = [word for word in words if not word.startswith("!")]
    return (not plain or any(map(one, plain))) and not any(one(word[1:]) for word in words if word.startswith("!"))


words_of = st.fixed_dictionaries(
    {option: st.lists(st.sampled_from(WORDS), max_size=2).map(tuple) for option in ("src_ip", "dest_ip")}
    | {option: st.lists(st.sampled_from(PORTS), max_size=2).map(tuple) for option in ("src_port", "dest_port")}
)
packets = st.fixed_dictionaries(
    {option: st.sampled_from(ADDRESSES).map(ip_address) for option in ("src_ip", "dest_ip")}
    | {option: st.sampled_from((79, 80, 443)) for option in ("src_port", "dest_port")}
)
TURNED = {"src_ip": "dest_ip", "dest_ip": "src_ip", "src_port": "dest_port", "dest_port": "src_port"}


@gate
@given(rule=words_of, packet=packets)
def test_no_packet_that_a_rule_marks_is_missed(rule: dict[str, tuple[str, ...]], packet: dict[str, Any]) -> None:
    """Nor is a packet of the other direction missed, which belongs to the exempt of its connection's first packet."""
    if not all(fits(words, packet[option]) for option, words in rule.items()):
        return
    there, back = mark_rules(dscp(proto="tcp", **rule))

    def matches(exempt: Exempt, seen: dict[str, Any]) -> bool:
        words = conditions(exempt)
        nets = all(any(seen[o] in net for net in words[o]) for o in ("src_ip", "dest_ip") if o in words)
        ports = ("src_port", "dest_port")
        return nets and all(any(low <= seen[o] <= high for low, high in words[o]) for o in ports if o in words)

    assert matches(there, packet)
    assert matches(back, {option: packet[other] for option, other in TURNED.items()})


BITS: dict[str, tuple[dict[str, str], tuple[int, int] | None]] = {
    "a whole mark": ({"set_mark": "0x1"}, (1, FULL)),
    "a part": ({"set_mark": "0x100/0xff00"}, (0x100, 0xFF00)),
    "bits beside the mask are set too": ({"set_mark": "0x101/0xff00"}, (0x101, 0xFF01)),
    "exclusive or, within the mask": ({"set_xmark": "0x10/0xf0"}, (0x10, 0xF0)),
    "exclusive or of other bits": ({"set_xmark": "0x11/0xf0"}, None),
    "set_mark before set_xmark, as in fw4": ({"set_xmark": "0x10/0xf0", "set_mark": "2"}, (2, FULL)),
    "a mask of nothing": ({"set_mark": "0/0"}, None),
}


@pytest.mark.parametrize("name", BITS)
def test_the_bits_that_a_rule_sets(name: str) -> None:
    words, bits = BITS[name]
    rule: Options = {"src": "lan", "dest": "wan", "target": "MARK", **words}
    config, _ = loaded(firewall=(*ZONES, ("rule", rule)))
    assert [each.sets for each in config.mark_rules] == [bits]


def test_dscp_sets_no_mark() -> None:
    config, _ = loaded(firewall=(*ZONES, ("rule", dscp(set_mark="1"))))
    assert [each.sets for each in config.mark_rules] == [None]


SETS: dict[str, tuple[dict[str, str], dict[str, str], Family]] = {
    "a set is of IPv4": ({}, {}, Family.IPV4),
    "or of what it says": ({"family": "ipv6"}, {}, Family.IPV6),
    "a set that is excluded has a family too": ({}, {"ipset": "!bad"}, Family.IPV4),
    "a set with directions": ({}, {"ipset": "bad dest"}, Family.IPV4),
    "the rule's family is the same": ({}, {"family": "ipv4"}, Family.IPV4),
    "a set that is not here may have any": ({}, {"ipset": "other"}, Family.ANY),
    "a family that cannot be read may be any": ({"family": "ipx"}, {}, Family.ANY),
}


@pytest.mark.parametrize("name", SETS)
def test_a_rule_has_the_family_of_its_set(name: str) -> None:
    words, more, family = SETS[name]
    config, _ = loaded(
        firewall=(*ZONES, ("ipset", {"name": "bad", **words}), ("rule", mark(**{"ipset": "bad", **more})))
    )
    (found,) = config.mark_rules
    assert found.family is family
    whole = {Family.IPV4: "0.0.0.0/0", Family.IPV6: "::/0"}.get(family)
    nets = [(ip_network(whole),)] if whole else []
    assert [list(conditions(each).values()) for each in found.exempts] == [nets, nets]


def test_a_rule_of_another_family_than_its_set_marks_nothing() -> None:
    config, _ = loaded(firewall=(*ZONES, ("ipset", {"name": "bad"}), ("rule", mark(ipset="bad", family="ipv6"))))
    assert config.mark_rules == ()
