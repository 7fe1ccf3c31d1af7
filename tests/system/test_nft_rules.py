"""What rules compare and do: as this machine's nft and kernel have them, and over any bytes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.live_rule import LiveRule
from offload.nouns import replace
from offload.system.netlink.wire import attribute
from offload.system.nft.nfnetlink import rule_runs, tables
from offload.system.nft.nfnetlink.rules import live_chain, live_rule
from offload.system.nft.verdict_maps import resolved

# A rule, and the fields read from its expressions: does, targets, matches, mark, ip_only
RULES: dict[str, tuple[list[str], list[str], list[str], list[int | None] | None, bool]] = {
    "meta mark & 0xff == 0x1 drop": (["drop"], [], [], [1, 0xFF], False),
    "meta mark 5 limit rate over 10 mbytes/second drop": (["limit", "drop"], [], [], [5, 0xFFFFFFFF], False),
    "meta mark 0x10-0x20 reject": (["reject"], [], [], [None, 0xFFFFFFFF], False),
    "meta mark { 1, 2 } jump other": ([], ["other"], [], [None, 0xFFFFFFFF], False),
    "meta mark vmap { 7 : drop }": (["vmap"], [], [], [None, 0xFFFFFFFF], False),
    "meta mark and 0xf0 == 0x10 meta mark set 4 accept": (["mark", "accept"], [], [], [0x10, 0xF0], False),
    "meta mark set meta mark and 0xff or 0x1": (["mark"], [], [], None, False),
    "meta mark set ct mark": (["mark"], [], ["connection"], None, False),
    **{
        f"ct {each} drop": (["drop"], [], ["connection"], None, False)
        for each in ("mark 5", "mark & 0xf0 == 0x10", "expiration < 9s")
    },
    "ct bytes < 1000 accept": (["accept"], [], ["bytes"], None, False),
    "ct avgpkt > 1000 return": (["return"], [], ["bytes"], None, False),
    "meta priority set 1:1": (["priority"], [], [], None, False),
    "ip dscp set ef": (["dscp"], [], [], None, False),
    "ip6 dscp set cs1": (["dscp"], [], [], None, False),
    "ip frag-off set 0": (["change"], [], [], None, False),
    "udp checksum set 0": (["change"], [], [], None, False),
    "ip daddr set 10.0.0.1": (["change"], [], [], None, False),
    "ip ecn set ce": (["dscp"], [], [], None, False),
    "tcp flags syn tcp option maxseg size set rt mtu": ([], [], [], None, False),
    "ip saddr 10.0.0.1 ct count over 9 drop": (["limit", "drop"], [], [], None, False),
    "ip ttl set 65": (["ttl"], [], [], None, False),
    "ip6 hoplimit set 65": (["ttl"], [], [], None, False),
    "ip saddr 10.0.0.1 drop": (["drop"], [], [], None, False),
    "ip length > 1000 drop": (["drop"], [], ["length"], None, False),
    "udp length 1000-2000 drop": (["drop"], [], ["length"], None, False),
    "ip ttl 1 drop": (["drop"], [], ["ttl"], None, False),
    "tcp flags syn / fin,syn log": (["log"], [], [], None, False),
    "tcp flags & psh == psh limit rate over 9/second drop": (["limit", "drop"], [], ["flags"], None, False),
    "tcp flags { ack, psh } drop": (["drop"], [], ["flags"], None, False),
    "ip dscp ef drop": (["drop"], [], ["dscp"], None, False),
    "ip6 dscp != cs0 reject": (["reject"], [], ["dscp"], None, False),
    "ip saddr . ip dscp { 10.0.0.1 . ef } drop": (["drop"], [], ["dscp"], None, False),
    "ip dscp vmap { ef : drop, cs1 : accept }": (["vmap"], [], ["dscp"], None, False),
    "ip saddr vmap { 10.0.0.1 : accept }": (["vmap"], [], [], None, False),
    "@th,64,32 0x1 drop": (["drop"], [], ["contents"], None, False),
    "@th,0,48 0x1 drop": (["drop"], [], ["contents"], None, False),
    "@nh,224,32 0x1 drop": (["drop"], [], ["contents"], None, False),
    "@ll,160,16 0x1 drop": (["drop"], [], ["contents"], None, False),
    "ip id 5 drop": (["drop"], [], ["contents"], None, False),
    "tcp sequence 5 drop": (["drop"], [], ["contents"], None, False),
    "tcp window < 5 drop": (["drop"], [], ["contents"], None, False),
    "udp checksum 0 drop": (["drop"], [], ["contents"], None, False),
    "tcp option timestamp exists drop": (["drop"], [], ["contents"], None, False),
    "tcp option maxseg size 1-500 drop": (["drop"], [], [], None, False),
    "ip option rr exists drop": (["drop"], [], [], None, False),
    "ip frag-off & 0x1fff != 0 drop": (["drop"], [], [], None, False),
    "ip hdrlength > 5 drop": (["drop"], [], [], None, False),
    "ip6 flowlabel 5 drop": (["drop"], [], [], None, False),
    "ether saddr 02:00:00:00:00:01 drop": (["drop"], [], [], None, False),
    "th dport { 53, 853 } drop": (["drop"], [], [], None, False),
    "numgen inc mod 2 0 drop": (["drop"], [], ["chance"], None, False),
    "meta random 0-1000 drop": (["drop"], [], ["chance"], None, False),
    "quota over 10 mbytes drop": (["quota", "drop"], [], [], None, False),
    "meta l4proto icmp limit rate 5/second accept": (["limit", "accept"], [], [], None, True),
    "meta l4proto gre limit rate 5/second accept": (["limit", "accept"], [], [], None, False),
    "ct state established,related accept": (["accept"], [], ["state"], None, False),
    "ct bytes > 100000 drop": (["drop"], [], ["bytes"], None, False),
    "update @hosts { ip saddr limit rate over 9/second } drop": (["limit", "drop"], [], [], None, False),
    'meta day "Saturday" drop': (["drop"], [], ["time"], None, False),
    'accept comment "!fw4: Allow"': (["accept"], [], [], None, False),
}
# A rule, and what it compares for equality; then the bits of the mark it writes, and whether only openings match it.
MATCHES: dict[str, tuple[dict[str, object], int, bool]] = {
    'iifname "br-guest" oifname "wan" limit rate over 1 mbytes/second drop': (
        {"iif": "br-guest", "oif": "wan"},
        0,
        False,
    ),
    'iifname "br-*" oifname != "wan" drop': ({}, 0, False),
    'iifname { "a", "b" } drop': ({}, 0, False),
    "ip saddr 192.168.3.7 drop": ({"family": "ipv4", "src": "192.168.3.7/32"}, 0, False),
    "ip saddr 192.168.3.0/24 quota over 1 mbytes drop": ({"family": "ipv4", "src": "192.168.3.0/24"}, 0, False),
    "ip daddr 10.0.0.0/11 drop": ({"family": "ipv4", "dest": "10.0.0.0/11"}, 0, False),
    "ip saddr != 10.0.0.1 drop": ({"family": "ipv4"}, 0, False),
    "ip saddr 10.0.0.1-10.0.0.9 drop": ({"family": "ipv4"}, 0, False),
    "ip6 daddr 2001:db8::/33 drop": ({"family": "ipv6", "dest": "2001:db8::/33"}, 0, False),
    "ip6 saddr 2001:db8::5 drop": ({"family": "ipv6", "src": "2001:db8::5/128"}, 0, False),
    "udp dport 443 drop": ({"proto": "udp", "dport": 443}, 0, False),
    "tcp sport 22 tcp dport 1-9 drop": ({"proto": "tcp", "sport": 22}, 0, False),
    "limit rate 9/second ip saddr 10.0.0.1 drop": ({"family": "ipv4"}, 0, False),
    "meta nfproto ipv6 drop": ({"family": "ipv6"}, 0, False),
    "meta mark set 4": ({}, 0xFFFFFFFF, False),
    "meta mark set meta mark and 0xffff00ff or 0x100": ({}, 0xFF00, False),
    "meta mark set ct mark": ({}, 0xFFFFFFFF, False),
    "ct state new limit rate 9/second accept": ({}, 0, True),
    "ct state invalid drop": ({}, 0, True),
    "ct state established,related accept": ({}, 0, False),
    "ct state != established drop": ({}, 0, True),
    "ct state ! new drop": ({}, 0, False),
    "ct state ! established drop": ({}, 0, True),
    "ct packets < 9 log": ({}, 0, False),
    "tcp flags syn drop": ({"proto": "tcp"}, 0, True),
    "tcp flags & (fin|syn) == (fin|syn) drop": ({"proto": "tcp"}, 0, True),
    "tcp flags & (fin|syn|rst|psh|ack|urg) < fin drop": ({"proto": "tcp"}, 0, True),
    "tcp flags & ack != ack drop": ({"proto": "tcp"}, 0, True),
    "tcp flags != syn drop": ({"proto": "tcp"}, 0, False),
    "tcp flags & (fin|syn|rst) == 0 drop": ({"proto": "tcp"}, 0, False),
    "tcp flags >= ack drop": ({"proto": "tcp"}, 0, False),
}
PROGRAM = """
import json
from offload.nouns import asdict
from offload.system.nft.nfnetlink.messages import RULES
from offload.system.nft.nfnetlink.plain_rules import plain
from offload.system.nft.nfnetlink.rules import live_rule
from offload.system.nft.nfnetlink.tables import dump, ruleset
(chains, _), _ = ruleset({})
found = list(dump(RULES, 0))
rules = [live_rule(*each) for each in found]
print(json.dumps([[each.does, each.targets, sorted(each.matches), each.mark, each.ip_only] for each in rules]))
print(json.dumps([[each.family, each.table, each.name, each.hook, each.priority] for each in chains]))
print(json.dumps([each.comment for each in rules]))
own = [{name: value for name, value in asdict(each.match).items() if value} for each in rules]
print(json.dumps([[match, each.marks, each.opening] for match, each in zip(own, rules)], default=str))
print(json.dumps([sorted(each.edges) for each in rules]))
print(json.dumps([plain(each[4]) is not None for _, each in found]))
"""
# A rule with lookups, and what is resolved with their elements: targets, opening, ends.
RESOLVED: dict[str, list[object]] = {
    'iifname vmap { "br-lan" : jump other, "wan" : goto third, "lo" : accept }': [["other", "third"], False, False],
    "ct state vmap { established : jump other, new : jump third, related : accept }": [["other"], False, False],
    "ct state vmap { established : accept, related : accept, invalid : drop }": [[], False, True],
    "ct state vmap { invalid : drop, new : jump other }": [[], True, False],
    "ct state vmap { new : accept, * : jump third }": [["third"], False, False],
    'ct state . iifname vmap { established . "wan" : jump other, new . "wan" : accept }': [
        ["f", "other", "third"],
        False,
        False,
    ],
    "ct state { established, related } accept": [[], False, True],
    "ct state != { established, related } accept": [[], True, False],
    "ct state { new, invalid } accept": [[], True, False],
    "ct state != { new, invalid } accept": [[], False, True],
    "ct state established,related counter accept": [[], False, True],
    'iifname "wan" ct state established accept': [[], False, False],
    "ct state established limit rate 9/second accept": [[], False, False],
    "ct state established jump other": [["other"], False, False],
}
TARGETS = """
import json
from offload.system.nft.nfnetlink.tables import ruleset
(_, rules), _ = ruleset({})
print(json.dumps([[sorted(each.targets), each.opening, each.ends] for each in rules]))
print(json.dumps([each.does for each in rules]))
"""
OF_DEVICES = """
import json
from offload.system.nft.nfnetlink.tables import ruleset
(chains, rules), _ = ruleset({})
print(json.dumps([[each.family, each.name, each.hook, each.devices] for each in chains]))
print(json.dumps([[each.family, each.chain, each.does, each.match.family] for each in rules]))
"""
# A rule, and the seconds of a day in UTC at which it may begin or end to match; the last second belongs to a span.
EDGES: dict[str, list[int]] = {
    'meta hour "08:00"-"12:00" drop': [8 * 3600, 12 * 3600 + 1],
    'meta hour >= "08:00" drop': [8 * 3600],
    'meta hour > "08:00" drop': [8 * 3600 + 1],
    'meta hour < "08:00" drop': [8 * 3600],
    'meta hour <= "08:00" drop': [8 * 3600 + 1],
    'meta day "Saturday" drop': [0],
    "tcp dport 5 drop": [],
}
# Rules that compare and decide, in the bytes of this machine's kernel; and some that are more.
PLAIN = (
    "ip saddr 10.0.0.1 drop",
    "ip saddr 10.0.0.0/9 ip daddr != 10.9.0.0/16 counter drop",
    'iifname "br-lan" oifname "wan" tcp dport 22 counter accept comment "!fw4: ssh"',
    "ip6 saddr 2001:db8::/48 ip6 daddr 2001:db9::1 reject",
    "ether saddr 02:00:00:00:00:01 return",
    "tcp dport { 22, 80-90 } counter drop",
    "ip saddr . tcp dport { 10.0.0.1 . 22 } accept",
    "udp dport 9-99 reject with icmpx admin-prohibited",
    "ip protocol tcp reject with tcp reset",
    "meta l4proto { tcp, udp } th dport 53 accept",
    "icmpv6 type echo-request counter",
    "counter",
    "ip saddr @bans drop",
    'iifname "wan" oifname "lan" tcp dport 22 ip saddr @bans counter drop',
)
TREATING = (
    "ip saddr @bans meta l4proto icmp drop",
    "meta mark 1 drop",
    "meta length > 1000 drop",
    "ip ttl 1 drop",
    "ip dscp ef drop",
    "@th,64,32 1 drop",
    "@th,16,32 1 drop",
    "@nh,224,32 1 drop",
    "@ll,160,16 1 drop",
    "tcp window 5 drop",
    "meta random 5 drop",
    "numgen inc mod 2 0 drop",
    "tcp flags syn drop",
    "ct state new drop",
    'meta hour "08:00"-"12:00" drop',
    "ip dscp set ef",
    "meta mark set 1",
    "limit rate 9/second accept",
    "log",
    "tcp dport vmap { 22 : drop }",
    "jump other",
    "counter counter drop",
)


def read(rules: Iterable[str], program: str = PROGRAM) -> list[Any]:
    """What a kernel's rules are read as."""
    text = "table inet t {\nset bans { type ipv4_addr; }\nset hosts { type ipv4_addr; flags dynamic; }\n"
    text += "limit slow { rate 9/second; }\ncounter some { }\nchain other { }\nchain third { }\n"
    text += "chain f {\ntype filter hook forward priority -5;\n" + "\n".join(rules) + "\n}\n}\n"
    return asked(text, program)


def asked(text: str, program: str) -> list[Any]:
    """What a program prints, a line of JSON each, in a network namespace with this ruleset."""
    if not all(map(shutil.which, ("unshare", "nft"))):
        pytest.skip("needs the programs unshare and nft")
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("may not make network namespaces here")
    command = f'printf %s "$TEXT" | nft -f - && exec {sys.executable} -c "$PROGRAM"'
    environment = {"PROGRAM": program, "TEXT": text, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", command],
        env=environment | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines()))


def test_the_kernel_s_rules_are_read() -> None:
    rules, chains, comments, *_ = read(RULES)
    assert dict(zip(RULES, map(tuple, rules), strict=True)) == RULES
    assert sorted(chains) == [
        ["inet", "t", "f", "forward", -5],
        ["inet", "t", "other", "", 0],
        ["inet", "t", "third", "", 0],
    ]
    assert comments[-1] == "!fw4: Allow"


def test_where_lookups_lead_established_packets() -> None:
    found, _ = read(RESOLVED, TARGETS)
    assert dict(zip(RESOLVED, found, strict=True)) == RESOLVED


def test_what_the_objects_of_a_map_do_is_read() -> None:
    rules = ('limit name ip saddr map { 10.0.0.1 : "slow" } drop', "counter name ip saddr map { 10.0.0.1 : some }")
    assert read(rules, TARGETS)[1] == [["limit", "drop"], []]


def test_a_map_of_verdicts_drops_and_accepts_where_one_of_them_does() -> None:
    rules = ("ip dscp vmap { ef : drop, cs1 : accept }", "ip dscp vmap { ef : accept, cs1 : jump other }")
    assert [set(does) for does in read(rules, TARGETS)[1]] == [{"vmap", "drop", "accept"}, {"vmap", "accept"}]


def test_a_map_that_cannot_be_read_may_lead_anywhere() -> None:
    jumps = LiveRule("inet", "t", "f", ("vmap",), asked=(("__map0", "vmap"),))
    states = replace(jumps, ends=True, asked=(("__map0", "state vmap"),))
    accepts = replace(jumps, does=("accept",), ends=True, asked=(("__set0", "state"),))
    found = list(resolved([jumps, states, accepts], {("inet", "t"): ["a", "b"]}, lambda _: None, lambda _: 0))
    assert [(each.targets, each.ends, each.opening) for each in found] == [
        (("a", "b"), False, False),
        (("a", "b"), False, False),
        ((), False, False),
    ]
    assert [set(each.does) for each in found] == [{"vmap", "drop", "accept", "return"}, {"vmap"}, {"accept"}]


def test_chains_of_devices_and_their_rules_are_read() -> None:
    text = """table netdev own {
	chain in { type filter hook ingress device "lo" priority 0; ip ttl set 65; }
	chain ins { type filter hook ingress devices = { "lo" } priority 1; ip6 dscp set ef; }
}
table inet own {
	chain in { type filter hook ingress device "lo" priority 2; meta protocol ip ip ttl set 65; }
}
"""
    chains, rules = asked(text, OF_DEVICES)
    assert sorted(chains) == [
        ["inet", "in", "ingress", ["lo"]],
        ["netdev", "in", "ingress", ["lo"]],
        ["netdev", "ins", "ingress", ["lo"]],
    ]
    assert sorted(rules) == [
        ["inet", "in", ["ttl"], "ipv4"],
        ["netdev", "in", ["ttl"], "ipv4"],
        ["netdev", "ins", ["dscp"], "ipv6"],
    ]


def test_when_the_kernel_s_rules_begin_and_end_is_read() -> None:
    *_, edges, _ = read(EDGES)
    assert dict(zip(EDGES, edges, strict=True)) == EDGES


def test_which_of_the_kernel_s_rules_are_plain() -> None:
    *_, found = read([*PLAIN, *TREATING])
    assert dict(zip([*PLAIN, *TREATING], found, strict=True)) == dict.fromkeys(PLAIN, True) | dict.fromkeys(
        TREATING, False
    )


def test_what_the_kernel_s_rules_compare_is_read() -> None:
    assert dict(zip(MATCHES, map(tuple, read(MATCHES)[3]), strict=True)) == MATCHES


names = st.sampled_from(
    ["meta", "ct", "payload", "bitwise", "byteorder", "cmp", "lookup", "immediate", "objref", "dynset", "x"]
)
numbers = st.integers(0, 33).map(lambda number: number.to_bytes(4, "big"))
data = st.lists(st.builds(attribute, st.integers(1, 8), numbers | st.binary(max_size=20)), max_size=5).map(b"".join)
expressions = st.builds(
    lambda name, held: attribute(1, attribute(1, name.encode() + b"\0") + attribute(2, held)), names, data
)


@given(st.sampled_from([1, 2, 5, 10]), st.lists(expressions | st.binary(max_size=20), max_size=6), st.integers(0, 200))
def test_no_rule_breaks_it(family: int, found: list[bytes], cut: int) -> None:
    for held in (b"".join(found), b"".join(found)[:cut]):
        assert live_rule(family, {4: held}) is not None


@given(st.integers(0, 12), st.dictionaries(st.integers(0, 8), st.binary(max_size=40)))
def test_no_attributes_break_it(family: int, found: dict[int, bytes]) -> None:
    for reader in (live_chain, live_rule):
        assert (reader(family, found) is None) == (family not in {1, 2, 5, 7, 10})


rules_of_a_dump = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 5, 10]), st.dictionaries(st.integers(1, 8), st.sampled_from([b"a\0", b"b\0", b"\0"]))
    )
)


@given(rules_of_a_dump, rules_of_a_dump)
def test_a_rule_of_the_same_bytes_is_what_it_was(
    first: list[tuple[int, dict[int, bytes]]], second: list[tuple[int, dict[int, bytes]]]
) -> None:
    """Whatever its handle is, and whatever else has changed."""
    with pytest.MonkeyPatch.context() as patch:
        held: list[tuple[int, dict[int, bytes]]] = []
        patch.setattr(tables, "dump", lambda *_: [])
        patch.setattr(tables, "_rules", lambda: held)
        before: rule_runs.Rules = {}
        for held in (first, second):
            (_, rules), before = tables.ruleset(before)
            assert list(rules) == [rule for rule in (live_rule(*each) for each in held) if rule]


def test_after_a_reload_only_changed_rules_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [(1, {1: b"fw4\0", 2: b"input\0", 3: bytes([number]), 4: b"x" * number}) for number in range(1, 21)]
    monkeypatch.setattr(tables, "dump", lambda *_: [])
    monkeypatch.setattr(tables, "_rules", lambda: rules)
    _, before = tables.ruleset({})
    rules[:] = [(family, found | {3: b"new"}) for family, found in rules]  # another handle
    rules[7] = (1, rules[7][1] | {4: b"changed"})
    read: list[bytes] = []

    def reading(family: int, found: dict[int, bytes]) -> object:
        read.append(found[4])
        return live_rule(family, found)

    monkeypatch.setattr(rule_runs, "live_rule", reading)
    assert len(tables.ruleset(before)[0][1]) == 20
    assert read == [b"changed"]
