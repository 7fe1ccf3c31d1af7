"""Which rules of the live ruleset established packets meet, and which of those treat them by mark or one by one."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from offload.compiler.offload.foreign_rules import (
    MOST_RULES,
    deciding,
    ingress_last,
    mark_readers,
    packet_rules,
    treatment,
)
from offload.compiler.offload.rule_ways import MOST_WAYS
from offload.model.kernel.live_rule import LiveChain, LiveRule, MarkReader, PacketRule, RuleMatch

FULL = 0xFFFFFFFF
FORWARD = LiveChain("inet", "x", "forward", "forward", 0)
DROPS = LiveRule("inet", "x", "forward", ("drop",), mark=(1, FULL))
ESTABLISHED = LiveRule("inet", "x", "forward", ("accept",), matches=frozenset({"state"}), ends=True)
READER = MarkReader("inet x", "forward", "drop", 1, FULL)


def test_a_rule_that_drops_by_the_mark_is_a_reader() -> None:
    assert mark_readers([FORWARD], [DROPS], []) == (READER,)
    assert mark_readers([replace(FORWARD, hook="postrouting")], [DROPS], []) == (READER,)


def test_rules_that_only_route_by_it_are_none() -> None:
    marks = replace(DROPS, does=("mark",))
    returns = replace(DROPS, does=())
    accepts = replace(DROPS, does=("accept",))
    assert mark_readers([FORWARD], [marks, returns, accepts, replace(DROPS, mark=(0, 0))], []) == ()


def test_our_own_rules_and_those_of_the_configuration_are_none() -> None:
    assert mark_readers([FORWARD], [DROPS], ["x"]) == ()
    assert mark_readers([FORWARD], [replace(DROPS, comment="!fw4: Block")], []) == ()


def test_what_established_packets_do_not_meet_is_none() -> None:
    assert mark_readers([FORWARD], [ESTABLISHED, DROPS], []) == ()
    assert mark_readers([FORWARD], [DROPS, ESTABLISHED], []) == (READER,)
    assert mark_readers([replace(FORWARD, hook="input")], [DROPS], []) == ()
    assert mark_readers([replace(FORWARD, hook="")], [DROPS], []) == ()


def test_what_a_chain_does_that_is_jumped_to_counts() -> None:
    jumps = replace(DROPS, does=(), targets=("a",))
    chain = [
        replace(DROPS, chain="a", does=(), mark=None, targets=("b", "a")),
        replace(DROPS, chain="b", does=("limit",), mark=None),
    ]
    assert mark_readers([FORWARD], [jumps, *chain], []) == (replace(READER, does="limit"),)
    assert mark_readers([FORWARD], [jumps, chain[0]], []) == ()
    below = [replace(DROPS, mark=None, does=(), targets=("a",)), replace(DROPS, chain="a")]
    assert mark_readers([FORWARD], below, []) == (replace(READER, chain="a"),)
    opens = replace(DROPS, does=("accept",), mark=None, matches=frozenset({"state"}), opening=True)
    assert mark_readers([FORWARD], [opens, DROPS], []) == (READER,), "what only openings match ends nothing"
    assert mark_readers([FORWARD], [replace(DROPS, opening=True)], []) == ()


LIMIT = LiveRule("inet", "x", "forward", ("limit", "drop"), match=RuleMatch(iif="br-guest"), comment="guests")
LIMITED = PacketRule("inet x", "forward", "forward", "limit", RuleMatch(iif="br-guest"), "guests")


@pytest.mark.parametrize(
    ("does", "matches", "found"),
    [
        (("limit", "drop"), (), "limit"),
        (("limit", "accept"), (), "limit"),
        (("limit", "log"), (), "log"),
        (("limit", "log", "drop"), (), "limit"),
        (("limit", "drop"), ("flags",), "limit"),
        (("quota", "drop"), (), "quota"),
        (("priority",), (), "priority"),
        (("dscp",), (), "dscp"),
        (("mark",), (), "mark"),
        (("ttl",), (), "ttl"),
        *(((each,), (), each) for each in ("change", "dup", "offload")),
        (("queue",), (), "queue"),
        (("queue",), ("packets",), ""),
        *((("drop",), (each,), "drop") for each in ("length", "flags", "dscp", "contents", "connection", "ipset")),
        (("reject",), ("ttl",), "drop"),
        (("drop",), ("time",), "time"),
        (("log",), (), "log"),
        (("log", "drop"), ("state",), ""),
        (("drop",), (), ""),
        (("accept",), (), ""),
    ],
)
def test_what_a_rule_does_with_each_packet(does: tuple[str, ...], matches: tuple[str, ...], found: str) -> None:
    rule = replace(LIMIT, does=does, matches=frozenset(matches))
    assert treatment(rule) == found
    assert treatment(replace(rule, ip_only=True)) == treatment(replace(rule, opening=True)) == ""


def test_rules_that_treat_packets_one_by_one_are_found_where_those_come_by() -> None:
    assert packet_rules([FORWARD], [LIMIT], []) == (LIMITED,)
    assert packet_rules([FORWARD], [LIMIT], ["x"]) == ()
    assert packet_rules([FORWARD], [ESTABLISHED, LIMIT], []) == ()
    assert packet_rules([FORWARD], [replace(LIMIT, comment="!fw4: Rule")], []) == ()
    for hook, there in (("prerouting", True), ("postrouting", True), ("input", False), ("egress", False)):
        assert bool(packet_rules([replace(FORWARD, hook=hook)], [LIMIT], [])) == there


def test_what_a_jump_compares_counts_for_the_rules_it_leads_to() -> None:
    jump = LiveRule("inet", "x", "forward", targets=("slow",), match=RuleMatch(oif="wan", proto="tcp"))
    below = replace(LIMIT, chain="slow")
    (found,) = packet_rules([FORWARD], [jump, below], [])
    assert found == replace(LIMITED, chain="slow", match=RuleMatch(iif="br-guest", oif="wan", proto="tcp"))


def test_many_ways_to_a_chain_and_many_rules_are_widened() -> None:
    jumps = [
        LiveRule("inet", "x", "forward", targets=("slow",), match=RuleMatch(oif=f"eth{number}"))
        for number in range(MOST_WAYS + 5)
    ]
    found = packet_rules([FORWARD], [*jumps, replace(LIMIT, chain="slow")], [])
    assert len(found) == MOST_WAYS + 1
    assert found[-1].match == RuleMatch(iif="br-guest")
    hosts = [replace(LIMIT, match=RuleMatch(iif="br-guest", sport=port)) for port in range(1, MOST_RULES + 9)]
    assert packet_rules([FORWARD], hosts, []) == (replace(LIMITED, comment=""),)


def test_rules_that_drop_by_a_set_are_bans() -> None:
    ban = LiveRule("inet", "x", "forward", ("drop",), sets=("blocked",), match=RuleMatch("wan", dport=80))
    (found,) = packet_rules([FORWARD], [ban, replace(ban, sets=("more",), match=RuleMatch("wan"))], [])
    assert (found.does, found.match) == ("ban", RuleMatch("wan"))
    assert not packet_rules([FORWARD], [replace(ban, sets=("__set0",))], [])
    assert not packet_rules([FORWARD], [replace(ban, does=("accept",))], [])
    below = LiveRule("inet", "x", "refuse", ("reject",))
    assert packet_rules([FORWARD], [replace(ban, does=(), targets=("refuse",)), below], []) == (found,)


def test_what_chains_of_a_device_do_to_packets() -> None:
    out = LiveChain("netdev", "own", "out", "egress", devices=("wan", "wan2"))
    rule = LiveRule("netdev", "own", "out", ("ttl",))
    found = packet_rules([out], [rule], [])
    assert [(each.hook, each.does, each.match) for each in found] == [
        ("egress", "ttl", RuleMatch(oif="wan")),
        ("egress", "ttl", RuleMatch(oif="wan2")),
    ]
    (came_in,) = packet_rules([replace(out, hook="ingress", devices=("lan1",))], [rule], [])
    assert came_in.match == RuleMatch(iif="lan1")
    for harmless in (("mark",), ("log",)):
        assert packet_rules([out], [replace(rule, does=harmless)], []) == ()


@pytest.mark.parametrize(
    ("family", "hook", "behind"),
    [
        ("inet", "prerouting", False),
        ("ip", "forward", False),
        ("inet", "postrouting", True),
        ("bridge", "prerouting", False),
        ("bridge", "input", False),
        ("bridge", "output", True),
        ("bridge", "postrouting", True),
        ("netdev", "ingress", False),
        ("netdev", "egress", True),
    ],
)
def test_what_drops_behind_our_chain_must_see_each_packet(family: str, hook: str, behind: bool) -> None:
    """Our chain takes replies that come by for accepted, and a flowtable would deliver the next ones."""
    chain = LiveChain(family, "x", "c", hook, devices=("wan",) if family == "netdev" else ())
    drops = LiveRule(family, "x", "c", ("drop",), match=RuleMatch(sport=53))
    for rule in (replace(drops, matches=frozenset({"time"})), replace(drops, does=("reject",))):
        found = [one.does for one in packet_rules([chain], [rule], [])]
        assert ("drop" in found) is behind
    banned = packet_rules([chain], [replace(drops, sets=("blocked",))], [])
    assert ("drop" in [each.does for each in banned]) is (behind and family != "netdev")  # "ban" keeps out of hardware
    assert [each.does for each in packet_rules([chain], [drops], [])] == ["drop"] * behind
    assert packet_rules([chain], [replace(drops, ip_only=True)], []) == ()
    assert packet_rules([chain], [replace(drops, opening=True)], []) == ()
    assert packet_rules([chain], [replace(drops, comment="!fw4: Rule")], []) == ()
    closed = packet_rules([replace(chain, drops=True)], [], [])
    assert [each.does for each in closed] == ["drop"] * behind
    ends = replace(drops, does=("accept",), match=RuleMatch(), matches=frozenset({"state"}), ends=True)
    assert packet_rules([replace(chain, drops=True)], [ends], []) == ()


def test_a_chain_at_the_last_priority_is_behind_ours() -> None:
    drops = LiveRule("inet", "x", "forward", ("drop",))
    found = {each: packet_rules([replace(FORWARD, priority=each)], [drops], []) for each in (0, 5000, 2**31 - 1)}
    assert [each for each in found if found[each]] == [2**31 - 1]


def test_the_last_chain_on_an_ingress_hook() -> None:
    first = LiveChain("netdev", "x", "in", "ingress", -100, ("lan1",))
    last = replace(first, family="inet", priority=100)
    assert ingress_last([FORWARD, replace(first, hook="egress", priority=300)]) is None
    assert ingress_last([replace(first, devices=())]) is None
    assert ingress_last([first]) == -100
    assert ingress_last([last, first, FORWARD]) == 100


def test_routed_packets_pass_four_hooks_of_a_bridge() -> None:
    chain, rule = LiveChain("bridge", "x", "forward"), replace(LIMIT, family="bridge")
    hooks = ("prerouting", "input", "forward", "output", "postrouting")
    found = {hook: packet_rules([replace(chain, hook=hook)], [rule], []) for hook in hooks}
    assert [hook for hook in hooks if found[hook]] == ["prerouting", "input", "output", "postrouting"]


@pytest.mark.parametrize("count", ["packets", "bytes"])
def test_a_drop_by_the_size_of_a_connection_is_a_quota(count: str) -> None:
    assert treatment(replace(LIMIT, does=("drop",), matches=frozenset({count}))) == "quota"
    assert treatment(replace(LIMIT, does=("queue",), matches=frozenset({"packets"}))) == ""


def test_a_ban_on_the_way_out_of_a_device_is_bypassed_by_hardware() -> None:
    for hook, counts in (("egress", True), ("ingress", False)):
        chain = LiveChain("netdev", "bans", "c", hook, devices=("wan",))
        rule = LiveRule("netdev", "bans", "c", ("drop",), sets=("blocked",))
        found = packet_rules([chain], [rule], [])
        assert [each.does for each in found] == (["ban"] if counts else [])


def test_a_drop_in_a_chain_that_a_rule_jumps_to_is_its_own() -> None:
    jumps = LiveRule("inet", "x", "forward", targets=("away",), matches=frozenset({"contents"}))
    away = LiveRule("inet", "x", "away", ("reject",))
    found = PacketRule("inet x", "forward", "forward", "drop")
    assert packet_rules([FORWARD], [jumps, away], []) == (found,)
    assert packet_rules([FORWARD], [jumps, replace(away, does=("accept",))], []) == ()
    assert packet_rules([FORWARD], [replace(jumps, matches=frozenset()), away], []) == ()


def test_a_drop_on_a_device_s_hook_is_bypassed_in_hardware() -> None:
    chain = LiveChain("netdev", "own", "c", "ingress", 0, ("lan1",))
    drops = LiveRule("netdev", "own", "c", ("drop",), matches=frozenset({"length"}))
    assert [each.does for each in packet_rules([chain], [drops], [])] == ["drop"]


def test_verdict_maps_that_packets_meet_are_known() -> None:
    leads = LiveRule("inet", "x", "forward", ("vmap",), sets=("hosts",))
    assert deciding([FORWARD], [leads], []).maps == {("x", "hosts")}
    assert deciding([FORWARD], [replace(leads, chain="elsewhere")], []).maps == frozenset()
    assert deciding([FORWARD], [leads], ["x"]).maps == frozenset()


QUOTA = LiveRule("inet", "x", "forward", ("accept",), matches=frozenset({"bytes"}), match=RuleMatch(iif="br-guest"))
DROP_ALL = LiveRule("inet", "x", "forward", ("drop",))


@pytest.mark.parametrize(
    ("given", "does"),
    [
        ({"bytes"}, "quota"),
        ({"packets"}, "quota"),
        ({"connection"}, "drop"),
        ({"ipset"}, "drop"),
        ({"time"}, "time"),
        (set(), ""),
        ({"state"}, ""),
    ],
)
def test_what_no_longer_accepts_is_as_a_drop(given: set[str], does: str) -> None:
    accept = replace(QUOTA, matches=frozenset(given))
    for verdict in ("accept", "return"):
        found = packet_rules([FORWARD], [replace(accept, does=(verdict,)), DROP_ALL], [])
        assert [(each.does, each.match.iif) for each in found] == [(does, "br-guest")] * bool(does)
    assert packet_rules([FORWARD], [accept], []) == ()
    assert packet_rules([FORWARD], [DROP_ALL, accept], []) == (), "what is dropped before was never accepted"
    assert bool(packet_rules([replace(FORWARD, drops=True)], [accept], [])) == bool(does)
    assert packet_rules([replace(FORWARD, drops=True)], [accept, ESTABLISHED], []) == ()
    jump = replace(accept, does=(), targets=("some",))
    into = replace(DROP_ALL, chain="some", does=("accept",))
    assert bool(packet_rules([FORWARD], [jump, into, DROP_ALL], [])) == bool(does)
    assert packet_rules([FORWARD], [jump, replace(into, does=("return",)), DROP_ALL], []) == ()


def test_a_drop_of_other_packets_makes_no_accept_hold() -> None:
    for other, met in (("br-iot", False), ("br-guest", True)):
        drop = replace(DROP_ALL, match=RuleMatch(iif=other))
        assert bool(packet_rules([FORWARD], [QUOTA, drop], [])) == met
    near, far = (RuleMatch(src=IPv4Network(net)) for net in ("192.168.1.0/24", "192.168.2.0/24"))
    assert packet_rules([FORWARD], [replace(QUOTA, match=near), replace(DROP_ALL, match=far)], []) == ()
    assert packet_rules([FORWARD], [replace(QUOTA, match=near), replace(DROP_ALL, ip_only=True)], []) == ()
    many = [replace(DROP_ALL, match=RuleMatch(iif=f"eth{number}")) for number in range(99)]
    assert packet_rules([FORWARD], [QUOTA, *many], []), "of many drops the conditions are not compared"


def test_the_sets_and_times_of_what_no_longer_accepts_decide() -> None:
    allowed = replace(QUOTA, matches=frozenset({"time"}), sets=("allowed",), edges=frozenset({60}))
    found = deciding([FORWARD], [allowed, DROP_ALL], [])
    assert found.sets == frozenset({("x", "allowed")}) and found.edges == frozenset({60})
    assert packet_rules([FORWARD], [replace(allowed, matches=frozenset()), DROP_ALL], [])[0].does == "ban"
    assert not deciding([FORWARD], [allowed], []).sets


def test_a_mark_that_changes_makes_drops_by_it_hold() -> None:
    restores = replace(QUOTA, does=("mark",), marks=0xFF, matches=frozenset({"connection"}), match=RuleMatch())
    drop = replace(DROPS, mark=(1, 0xF))
    assert [each.does for each in packet_rules([FORWARD], [restores, drop], [])] == ["mark", "drop"]
    for writes, reads in (
        (restores, replace(drop, mark=(0x100, 0xF00))),
        (replace(restores, matches=frozenset()), drop),
    ):
        assert [each.does for each in packet_rules([FORWARD], [writes, reads], [])] == ["mark"]
    by_name = replace(restores, matches=frozenset(), sets=("late",))
    assert packet_rules([FORWARD], [by_name, drop], [])[-1].does == "drop"
