"""Each option type: valid values, what they become, and the fault for others."""

from ipaddress import ip_network
from typing import Any

import pytest

from offload.config.choices import options
from offload.config.fw4.options import fw4_values, fw4_words
from offload.config.schema import Bad, Parser
from offload.model.config import Family, Mode
from offload.model.problems.problem import ProblemCode
from offload.model.problems.remedies import REMEDIES
from offload.model.sections import kinds
from offload.model.sections.fields import FIELDS
from offload.model.sections.match import Bits, Item
from offload.model.text.networks import as_address
from offload.service.bus.arguments import ArgumentError, exempt

# What sentences call the conditions of an exempt.
CALLED = {
    kinds.NETWORK: "address",
    kinds.PORT: "port",
    kinds.MAC: "MAC",
    kinds.PROTOCOL: "protocol",
    kinds.MARK: "mark",
    kinds.DSCP: "DSCP",
}


@pytest.mark.parametrize("sentence", [ProblemCode.EXEMPT_OF_NOTHING.value, REMEDIES["EXEMPT"]])
def test_a_sentence_about_what_an_exempt_may_name_has_all_of_it(sentence: str) -> None:
    assert [each.name for each in FIELDS if CALLED[each.kind] not in sentence] == []


def test_the_sentence_about_what_a_timed_exempt_needs_has_all_of_it_and_no_more() -> None:
    with pytest.raises(ArgumentError) as raised:
        exempt({"proto": "tcp"}, ())
    needs = str(raised.value).partition(" in front;")[0].partition("needs ")[2]
    assert {name for kind, name in CALLED.items() if name in needs} == {
        CALLED[each.kind] for each in FIELDS if each.type
    }


GOOD: list[tuple[Parser, str, Any]] = [
    *((options.boolean, word, True) for word in ("1", "on", "true", "yes")),
    *((options.boolean, word, False) for word in ("0", "off", "false", "no")),
    *((options.mode, mode.value, mode) for mode in Mode),
    (options.family, "any", Family.ANY),
    (options.family, "ipv6", Family.IPV6),
    (options.number(0, 65535), "0", 0),
    (options.number(0, 65535), "65535", 65535),
    (options.identifier, "_my-zone.2/x", "_my-zone.2/x"),
    (options.zone, "*", "*"),
    (options.device, "br-lan.10", "br-lan.10"),
    (options.device, "a" * 15, "a" * 15),
    (options.network, "192.168.1.50", as_address(ip_network("192.168.1.50/32"))),
    (options.network, "192.168.1.50/24", as_address(ip_network("192.168.1.0/24"))),
    (options.network, "10.0.0.0/255.0.0.0", as_address(ip_network("10.0.0.0/8"))),
    (options.network, "10.0.0.0/0.0.0.0", as_address(ip_network("0.0.0.0/0"))),
    (options.network, "2001:DB8::1", as_address(ip_network("2001:db8::1/128"))),
    (options.network, "::/0", as_address(ip_network("::/0"))),
    (options.network, "::ffff:192.0.2.1", as_address(ip_network("192.0.2.1/32"))),
    (options.network, "::ffff:a00:1/104", as_address(ip_network("10.0.0.0/8"))),
    (options.network, "::fffe:0:0/95", as_address(ip_network("::fffe:0:0/95"))),
    (options.mac, "AA-bb-CC-dd-EE-ff", Item("aa:bb:cc:dd:ee:ff")),
    (options.ports, "80", Item("80")),
    (options.ports, "8000-8080", Item("8000-8080")),
    (options.ports, "1:2", Item("1-2")),
    (options.ports, "0-65535", Item("0-65535")),
    (options.protocol, "tcpudp", (Item("tcp"), Item("udp"))),
    (options.protocol, "UDP", (Item("udp"),)),
    (options.protocol, "6", (Item("tcp"),)),
    (options.protocol, "all", ()),
    (options.mark, "16", Bits(16, 0xFFFFFFFF)),
    (options.mark, "0x10/0xF0", Bits(0x10, 0xF0)),
    (options.mark, "0/0", Bits(0, 0)),
    (options.mark, "007", Bits(7, 0xFFFFFFFF)),
    (options.dscp, "EF", Bits(46, 63)),
    (options.dscp, "cs0", Bits(0, 63)),
    (options.dscp, "AF41", Bits(34, 63)),
    (options.dscp, "63", Bits(63, 63)),
    (options.negatable(options.ports), "443", Item("443")),
    (options.negatable(options.ports), "!8000:8080", Item("8000-8080", negated=True)),
    (options.negatable(options.mac), "! AA:bb:cc:dd:ee:ff", Item("aa:bb:cc:dd:ee:ff", negated=True)),
    (options.negatable(options.network), "!fd00::1", as_address(ip_network("fd00::1/128"))._replace(negated=True)),
    (options.negatable(options.mark), "!0x10/0xf0", Bits(0x10, 0xF0, negated=True)),
    (options.negatable(options.dscp), "!EF", Bits(46, 63, negated=True)),
]
BAD: list[tuple[Parser, tuple[str, ...], ProblemCode]] = [
    (options.boolean, ("", "TRUE", "2", "enabled", " 1"), ProblemCode.BAD_BOOL),
    (options.mode, ("", "fast", "none "), ProblemCode.BAD_CHOICE),
    (options.family, ("", "inet", "IPv4", "4", "neither"), ProblemCode.BAD_FAMILY),
    (options.number(1, 100), ("", "0", "101", "-1", "1e1", "٣", "0x1", " 1", "1" * 99), ProblemCode.BAD_NUMBER),
    (options.identifier, ("", "0lan", "a b", 'a"', "a\n", "é", "x" * 123), ProblemCode.BAD_NAME),
    (options.device, ("", ".", "..", "a" * 16, "a/b", "a b", 'a"', "a\n", "ü", "a*"), ProblemCode.BAD_DEVICE),
    (
        options.network,
        ("", "1.2.3", "1.2.3.4/33", "1.2.3.4-5", "!1.2.3.4", "host", "fe80::1%lo", "::/129", "1.2.3.4/", "01.2.3.4"),
        ProblemCode.BAD_ADDRESS,
    ),
    # Python takes the first three for the inverse of a mask, which they are not for fw4
    (
        options.network,
        ("192.168.1.5/0.0.0.255", "0.0.0.5/0.0.0.255", "1.2.3.4/127.255.255.255", "1.2.3.4/255.0.255.0", "::1/::ff"),
        ProblemCode.BAD_ADDRESS,
    ),
    (
        options.mac,
        ("", "00:11:22:33:44", "00:11:22:33:44:5g", "001122334455", "00:11:22:33:44:55\n"),
        ProblemCode.BAD_MAC,
    ),
    (options.ports, ("", "-", "1-", "2-1", "65536", "http", "1-2-3", "1,2", " 1"), ProblemCode.BAD_PORT),
    (options.protocol, ("icmp", "ICMPv6", "58", "esp"), ProblemCode.NEVER_OFFLOADED),
    (options.protocol, ("", "ospf", "89", "tcp,udp", "!gre"), ProblemCode.BAD_PROTOCOL),
    (
        options.mark,
        ("", "0x", "0x1g", "1/2/3", "4294967296", "-1", "!1", "1/", "0x123456789", "0x10/0x0f"),
        ProblemCode.BAD_MARK,
    ),
    (options.negatable(options.ports), ("!", "!!80", "!http", "80!", "!2-1"), ProblemCode.BAD_PORT),
    (options.dscp, ("", "64", "-1", "cs8", "af14", "0x2e"), ProblemCode.BAD_DSCP),
]


def test_the_sentence_on_names_gives_the_allowed_characters() -> None:
    assert (
        f"at most {options.LONGEST_ZONE_NAME} of A-Z a-z 0-9 / _ . -, the first none of 0-9 / -"
        in ProblemCode.BAD_NAME.value
    )
    ascii_ = [chr(code) for code in range(128)]
    first = {char for char in ascii_ if not isinstance(options.identifier(char), Bad)}
    later = {char for char in ascii_ if not isinstance(options.identifier("x" + char), Bad)}
    assert later == {char for char in ascii_ if char.isalnum()} | set("/_.-")
    assert later - first == set("0123456789/-")


def name(word: object) -> str:
    return str(getattr(word, "__qualname__", repr(word))).partition(".<locals>")[0]


FW4: list[tuple[Parser, str, Any]] = [
    (fw4_words.family, "*", 0),
    (fw4_words.family, "inet", 4),
    (fw4_words.family, "inet6", 6),
    (fw4_words.family, "ipv46", 4),  # fw4's own reading
    *((fw4_words.family, word, None) for word in ("", "ip", "klingon")),
    (fw4_words.policy, "ACCEPT", "accept"),
    (fw4_words.policy, "rej", "reject"),
    (fw4_words.policy, "D", "drop"),
    *((fw4_words.policy, word, None) for word in ("accepted", "x")),
    (fw4_values.device, "wg+", Item("wg+")),
    (fw4_values.device, "wg*", Item("wg+")),
    (fw4_values.device, "!eth1", Item("eth1", negated=True)),
    (fw4_values.device, "*", Item("+")),
    *((fw4_values.device, word, None) for word in ("", "!", "a b", "a" * 16 + "+", 'x"+')),
]


@pytest.mark.parametrize(("parse", "word", "value"), FW4, ids=name)
def test_a_value_of_the_firewall(parse: Parser, word: str, value: object) -> None:
    assert parse(word) == value


@pytest.mark.parametrize(("parse", "word", "value"), GOOD, ids=name)
def test_what_it_takes(parse: Parser, word: str, value: object) -> None:
    assert parse(word) == value


@pytest.mark.parametrize(
    ("parse", "word", "fault"), [(parse, word, fault) for parse, words, fault in BAD for word in words], ids=name
)
def test_what_it_refuses(parse: Parser, word: str, fault: ProblemCode) -> None:
    refused = parse(word)
    assert isinstance(refused, Bad)
    assert refused.fault is fault
    assert refused.words["value"] == word
    problem = fault.at("offload", "globals", "option", consequence="it stays slow", **refused.words)
    assert str(problem).startswith("offload.globals.option: ")
    assert problem.text.endswith("; it stays slow")
