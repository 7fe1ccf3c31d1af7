"""The exempts for rules in nft: both directions, as exact as the hook allows, and never less than the rule."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempts import conditions
from nft_text import refused
from offload.compiler.offload.exempts.live_exempts import HOLDING, rules_to_exempt, with_live_exempts
from offload.compiler.offload.foreign_rules import packet_rules
from offload.model.config import Config, Globals
from offload.model.kernel.live_rule import LiveChain, LiveRule, PacketRule, RuleMatch
from offload.model.network import Filter, Qdisc, Snapshot
from offload.model.plan import ACCEPTED_PRIORITY
from offload.model.sections.exempts import Exempt
from offload.model.topology import ZoneDevices

HOST = ip_network("192.168.3.7/32")
ZONES = {"guest": ZoneDevices("guest", ("br-guest",)), "wan": ZoneDevices("wan", ("wan", "wwan"))}
RULE = PacketRule("inet limits", "forward", "forward", "limit", RuleMatch("br-guest", "wan"), "slow guests")


def exempts(*rules: PacketRule, auto_exempt: bool = True) -> list[Exempt]:
    config = with_live_exempts(Config(globals=Globals(auto_exempt=auto_exempt)), ZONES, Snapshot(packet_rules=rules))
    return [exempt for mark_rule in config.mark_rules for exempt in mark_rule.exempts]


def test_a_rule_keeps_both_directions_slow() -> None:
    assert [(each.src, each.dest) for each in exempts(RULE)] == [("guest", "wan"), ("wan", "guest")]
    assert all(each.everything for each in exempts(RULE))
    assert exempts(RULE, auto_exempt=False) == []


def test_a_rule_on_a_device_without_a_zone_makes_no_exempt() -> None:
    assert exempts(replace(RULE, match=RuleMatch("tun0"))) == []


def test_a_rule_of_a_bridge_s_port_keeps_the_bridge_s_zone_slow() -> None:
    zones = {"lan": ZoneDevices("lan", ("br-lan",), leaves={"br-lan": ("lan1", "wlan0")})}
    rule = replace(RULE, table="bridge limits", hook="input", match=RuleMatch("wlan0", dest=HOST, dport=5))
    (found,) = with_live_exempts(Config(), zones, Snapshot(packet_rules=(rule,))).mark_rules
    assert [(each.src, each.dest) for each in found.exempts] == [("lan", "*"), ("*", "lan")]
    assert all(each.everything for each in found.exempts), "before port forwards, destinations are others"


def test_hosts_and_ports_are_turned_round_for_replies() -> None:
    match = RuleMatch(src=HOST, family="ipv4", proto="udp", sport=5, dport=53)
    seen, answers = exempts(replace(RULE, match=match))
    proto = {"proto": ("udp",)}
    assert conditions(seen) == proto | {"src_ip": (HOST,), "src_port": ((5, 5),), "dest_port": ((53, 53),)}
    assert conditions(answers) == proto | {"dest_ip": (HOST,), "src_port": ((53, 53),), "dest_port": ((5, 5),)}


@pytest.mark.parametrize(("hook", "option"), [("prerouting", "src_ip"), ("postrouting", "dest_ip")])
def test_addresses_that_nat_changes_are_left_out(hook: str, option: str) -> None:
    match = RuleMatch(family="ipv4", src=HOST, dest=HOST)
    seen, _ = exempts(replace(RULE, hook=hook, match=match))
    assert [name for name in ("src_ip", "dest_ip") if name in conditions(seen)] == [option]


@pytest.mark.parametrize("hook", ["forward", "postrouting"])
def test_a_rule_where_packets_leave_keeps_slow_only_what_came_in_by_its_device(hook: str) -> None:
    chain = LiveChain("inet", "x", "c", hook, ACCEPTED_PRIORITY)
    drops = LiveRule("inet", "x", "c", ("drop",), match=RuleMatch("br-guest", "wan"))
    found = exempts(*packet_rules([chain], [drops], []))
    assert [(each.src, each.dest) for each in found] == [("guest", "wan"), ("wan", "guest")]


def test_a_rule_of_one_family_keeps_that_family_slow() -> None:
    seen, _ = exempts(replace(RULE, match=RuleMatch(family="ipv6")))
    assert conditions(seen) == {"src_ip": (ip_network("::/0"),)}


def test_marks_hold_where_something_reads_their_bits() -> None:
    marks = replace(RULE, does="mark", marks=0xFF00)
    for snapshot, there in (
        (Snapshot(), False),
        (Snapshot(qdiscs=(Qdisc("wan", "cake", 0xFF),)), False),
        (Snapshot(qdiscs=(Qdisc("wan", "cake", 0xF000),)), True),
        (Snapshot(filters=(Filter("wan", "fw", 0x100, 0x100),)), True),
    ):
        assert bool(list(rules_to_exempt(replace(snapshot, packet_rules=(marks,))))) == there


addresses = st.sampled_from([None, HOST, ip_network("2001:db8::/32")])
matches = st.builds(
    RuleMatch,
    st.sampled_from(["", "br-guest", "wwan"]),
    st.sampled_from(["", "wan"]),
    st.sampled_from(["", "ipv4", "ipv6"]),
    addresses,
    addresses,
    st.sampled_from(["", "tcp", "udp"]),
    st.integers(0, 65535),
    st.integers(0, 65535),
)


def test_a_port_of_any_protocol_is_one_of_tcp_and_udp() -> None:
    """`th dport 53`, which nft refuses in a set, so that it refused the whole table."""
    seen, answers = exempts(replace(RULE, match=RuleMatch("br-guest", "wan", dport=53)))
    assert conditions(seen) == {"proto": ("tcp", "udp"), "dest_port": ((53, 53),)}
    assert conditions(answers) == {"proto": ("tcp", "udp"), "src_port": ((53, 53),)}
    assert not refused([seen, answers])


@given(matches, st.sampled_from(["prerouting", "forward", "postrouting"]), st.sampled_from(sorted(HOLDING)))
def test_an_exempt_never_asks_for_more_than_its_rule(match: RuleMatch, hook: str, does: str) -> None:
    rule = PacketRule("inet x", "c", hook, does, match, marks=1)
    config = with_live_exempts(Config(), ZONES, Snapshot(packet_rules=(rule,), qdiscs=(Qdisc("wan", "cake", 1),)))
    (mark_rule,) = config.mark_rules
    for words in map(conditions, mark_rule.exempts[::2]):
        sources = words.get("src_ip", ())
        assert match.src in sources or not match.src or not sources or sources[0].prefixlen == 0
        assert "dest_ip" not in words or match.dest in words["dest_ip"]
        assert "src_port" not in words or match.sport
        ported = {"src_port", "dest_port"} & words.keys()
        assert words.get("proto", ()) == ((match.proto,) if match.proto else ("tcp", "udp") if ported else ())
    assert not refused(mark_rule.exempts)
