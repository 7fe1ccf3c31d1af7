"""Exemptions as sets and rules: one rule per shape, no overlap in a set, nothing lost, and always the same."""

from ipaddress import ip_network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempts import conditions, exempt_of
from nft_text import LINE
from offload.compiler.offload.exempts.exempt_sets import exempt_rules
from offload.model.plan import ExemptMatch, TimedExempt
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import FIELDS
from offload.model.sections.match import Match
from strategies import gate


def match(iifs: tuple[str, ...] = (), oifs: tuple[str, ...] = (), **words: Any) -> ExemptMatch:
    """An exempt in UCI's words: networks blank separated."""
    for option in ("src_ip", "dest_ip"):
        given = words.get(option, "").split()
        words[option] = tuple(word if word.startswith("!") else ip_network(word) for word in given)
    return ExemptMatch(exempt_of("name", "@exempt[0]", **words), iifs, oifs)


def rules(*matches: ExemptMatch) -> list[str]:
    """The rules, with each set's name replaced by its elements."""
    made = exempt_rules(matches)
    elements = {each.name: ", ".join(each.elements) for each in made.sets}
    cut = [rule.rpartition("@") for rule in made.rules]
    return [f"{head}{_listed(name, elements)}" if at else name for head, at, name in cut]


def _listed(rest: str, elements: dict[str, str]) -> str:
    """The rest of a rule that begins with the name of a set."""
    name, blank, more = rest.partition(" ")
    return f"{{{elements[name]}}}{blank}{more}"


MAC = "00:11:22:33:44:55"
CASES: dict[str, tuple[ExemptMatch, list[str]]] = {
    "an address": (match(src_ip="10.0.0.1"), ["ip saddr {10.0.0.1}"]),
    "a network": (match(dest_ip="10.1.2.3/32 10.0.0.0/8"), ["ip daddr {10.1.2.3}", "ip daddr {10.0.0.0/8}"]),
    "both families": (match(src_ip="10.0.0.1 2001:db8::1"), ["ip saddr {10.0.0.1}", "ip6 saddr {2001:db8::1}"]),
    "the family both lists have": (
        match(src_ip="10.0.0.1 2001:db8::1", dest_ip="2001:db8::2"),
        ["ip6 saddr . ip6 daddr {2001:db8::1 . 2001:db8::2}"],
    ),
    "a MAC": (match(src_mac=(MAC,)), [f"ether saddr {{{MAC}}}"]),
    "a protocol": (match(proto=("udp",)), ["meta l4proto udp"]),
    "GRE": (match(proto=("gre",), src_ip="10.0.0.1"), ["meta l4proto 47 ip saddr {10.0.0.1}"]),
    "a protocol and an address": (
        match(proto=("udp",), src_ip="10.0.0.1"),
        ["meta l4proto udp ip saddr {10.0.0.1}"],
    ),
    "a port": (match(proto=("tcp",), dest_port=((443, 443),)), ["tcp dport {443}"]),
    "ports of both protocols": (
        match(proto=("tcp", "udp"), dest_port=((53, 53),)),
        ["tcp dport {53}", "udp dport {53}"],
    ),
    "a range of ports": (match(proto=("tcp",), src_port=((1, 9),)), ["tcp sport {1-9}"]),
    "a mark": (match(mark=(16, 0xFFFFFFFF)), ["meta mark {0x00000010}"]),
    "a mark with a mask": (match(mark=(0x12, 0xF0)), ["meta mark & 0x000000f0 == 0x00000010"]),
    "DSCP": (match(dscp=46), ["ip dscp 46", "ip6 dscp 46"]),
    "DSCP zero of one family": (match(dscp=0, src_ip="10.0.0.1"), ["ip dscp 0 ip saddr {10.0.0.1}"]),
    "devices": (
        match(("br-lan",), ("eth1", "wg0"), proto=("tcp",)),
        ['iifname { "br-lan" } oifname { "eth1", "wg0" } meta l4proto tcp'],
    ),
    "more fields than a key holds": (
        match(
            src_ip="10.0.0.1",
            dest_ip="10.0.0.2",
            src_mac=(MAC,),
            proto=("tcp",),
            mark=(7, 0xFFFFFFFF),
            src_port=((1, 1),),
            dest_port=((2, 2),),
        ),
        [
            (
                "meta mark & 0xffffffff == 0x00000007 ip saddr . ip daddr . tcp sport . tcp dport . ether saddr "
                f"{{10.0.0.1 . 10.0.0.2 . 1 . 2 . {MAC}}}"
            )
        ],
    ),
    "all but an address": (match(src_ip="!10.0.0.1"), ["ip saddr != 10.0.0.1"]),
    "all but addresses of both families": (
        match(src_ip="!10.0.0.1 !10.1.0.0/16 !2001:db8::1"),
        ["ip saddr != { 10.0.0.1, 10.1.0.0/16 }", "ip6 saddr != 2001:db8::1"],
    ),
    "a network but one of its addresses": (
        match(src_ip="10.0.0.0/8 !10.0.0.1"),
        ["ip saddr {10.0.0.0/8} ip saddr != 10.0.0.1"],
    ),
    "an address and all ports but one": (
        match(src_ip="10.0.0.1", proto=("tcp", "udp"), dest_port=("!443",)),
        ["ip saddr {10.0.0.1} tcp dport != 443", "ip saddr {10.0.0.1} udp dport != 443"],
    ),
    "ports of both ends": (
        match(proto=("tcp",), src_port=("!1",), dest_port=("!2",)),
        ["tcp sport != 1 tcp dport != 2-2"],
    ),
    "all but a MAC": (match(src_mac=(f"!{MAC}",)), [f"ether saddr != {MAC}"]),
    "all but a mark": (match(mark="!0x10/0xf0", proto=("udp",)), ["meta l4proto udp meta mark & 0xf0 != 0x10"]),
    "all but a DSCP class": (
        match(dscp="!46"),
        ["meta nfproto ipv4 ip dscp != 0x2e", "meta nfproto ipv6 ip6 dscp != 0x2e"],
    ),
    "every combination of its lists": (
        match(src_ip="10.0.0.1 10.0.0.2", proto=("tcp",), dest_port=((1, 1), (2, 2))),
        ["ip saddr . tcp dport {10.0.0.1 . 1, 10.0.0.1 . 2, 10.0.0.2 . 1, 10.0.0.2 . 2}"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_shape(name: str) -> None:
    given_match, expected = CASES[name]
    assert rules(given_match) == expected


def test_a_thousand_exempts_of_one_shape_are_one_rule() -> None:
    made = exempt_rules(match(src_ip=f"10.0.{i >> 8}.{i & 255}") for i in range(1000))
    assert (len(made.rules), len(made.sets), len(made.sets[0].elements)) == (1, 1, 1000)


def test_what_another_one_contains_needs_no_set() -> None:
    nested = match(src_ip="10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 10.1.2.0/24 11.0.0.0/8")
    assert rules(nested) == ["ip saddr {10.0.0.0/8, 11.0.0.0/8}"]


def test_ranges_of_one_exempt_that_overlap_are_one() -> None:
    ports = ((5, 20), (1, 10), (15, 15), (21, 30), (443, 443), (443, 443))
    assert rules(match(proto=("tcp",), dest_port=ports)) == ["tcp dport {443}", "tcp dport {1-20, 21-30}"]


def test_ranges_of_several_that_overlap_are_spread_over_sets() -> None:
    ports = ((1, 10), (5, 20), (11, 30), (21, 40))
    assert rules(*(match(proto=("tcp",), dest_port=(each,)) for each in ports)) == [
        "tcp dport {1-10, 11-30}",
        "tcp dport {5-20, 21-40}",
    ]


def test_a_timed_exempt_inside_another_one_has_its_own_timeout() -> None:
    exempts = [exempt_of(text, "", src_ip=(ip_network(text),)) for text in ("10.0.0.0/8", "10.1.0.0/16")]
    timed_exempts = [ExemptMatch(each, timed_exempt=TimedExempt(i, each, 60, 60)) for i, each in enumerate(exempts)]
    assert [each.keys for each in exempt_rules(timed_exempts).sets] == [("10.0.0.0/8",), ("10.1.0.0/16",)]


networks4 = st.builds(
    lambda address, size: f"{address}/{size}", st.ip_addresses(v=4, network="10.0.0.0/22"), st.integers(20, 32)
).map(lambda text: str(ip_network(text, strict=False)))
spans = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda ends: (min(ends), max(ends)))
some_exempts = st.lists(
    st.builds(
        lambda src, dest, ports, mac, mark: match(
            src_ip=" ".join(src),
            dest_ip=" ".join(dest),
            proto=("tcp",),
            dest_port=tuple(ports),
            src_mac=(MAC,) * mac,
            mark=mark,
        ),
        st.lists(networks4, max_size=3),
        st.lists(networks4, max_size=2),
        st.lists(spans, max_size=3),
        st.integers(0, 1),
        st.sampled_from([None, (1, 0xFFFFFFFF), (1, 1)]),
    ),
    max_size=6,
)


def parsed(element: str) -> list[tuple[int, int]]:
    """The spans of an element's fields."""

    def span(field: str) -> tuple[int, int]:
        if ":" in field or field.startswith("0x"):
            return (int(field.replace(":", ""), 16),) * 2
        if "." in field:
            network = ip_network(field)
            return int(network[0]), int(network[-1])
        low, _, high = field.partition("-")
        return int(low), int(high or low)

    return [span(field) for field in element.split(" . ")]


@gate
@given(exempts=some_exempts, shuffle=st.randoms(use_true_random=False))
def test_no_order_matters_and_no_two_elements_of_a_set_overlap(exempts: list[ExemptMatch], shuffle: Any) -> None:
    made = exempt_rules(exempts)
    assert exempt_rules(shuffle.sample(exempts, len(exempts))) == made
    assert len({each.name for each in made.sets}) == len(made.sets)
    for each in made.sets:
        assert len(each.elements) == len(set(each.elements))
        for one, other in combinations(map(parsed, each.elements), 2):
            apart = any(a[1] < b[0] or b[1] < a[0] for a, b in zip(one, other, strict=True))
            assert apart or not each.interval, each.elements
    for rule in made.rules:
        assert LINE.fullmatch(f'\t\t{rule} accept comment "offload 0123456789ab"')


@gate
@given(exempts=some_exempts, source=st.ip_addresses(v=4, network="10.0.0.0/22"), port=st.integers(0, 20))
def test_a_packet_is_exempt_exactly_where_an_exempt_means_it(
    exempts: list[ExemptMatch], source: Any, port: int
) -> None:
    """Of the exempts by source and port alone."""
    source_network = ip_network(source)
    simple = [each for each in exempts if not {"dest_ip", "src_mac", "mark"} & conditions(each.exempt).keys()]
    meant = any(
        any(source in net for net in words.get("src_ip", (source_network,)))
        and any(low <= port <= high for low, high in words.get("dest_port", ((port, port),)))
        for words in (conditions(each.exempt) for each in simple)
    )
    made = exempt_rules(simple)
    packet = {"ip saddr": int(source), "tcp dport": port}
    elements = {each.name: each.elements for each in made.sets}

    def matches(rule: str) -> bool:
        keys, at, name = rule.removeprefix("meta l4proto tcp").strip().partition(" @")
        wanted = [packet[key] for key in keys.split(" . ")] if at else []
        return not at or any(
            all(low <= value <= high for value, (low, high) in zip(wanted, parsed(element), strict=True))
            for element in elements[name]
        )

    assert any(map(matches, made.rules)) == meant


def test_every_condition_of_an_exempt_is_a_row_of_the_table() -> None:
    given = Exempt("", "")
    assert {each.name for each in FIELDS} <= set(Match._fields)
    assert not any(each.narrows(given.match) for each in FIELDS) and given.everything
