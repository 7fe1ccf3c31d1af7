"""Marks that only choose a route keep no traffic slow; marks that anything else compares do."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempts import exempt_of
from offload.compiler.devices import resolve
from offload.compiler.offload.exempts.marks import mark_restorers, of_connmarks, only_routes, without_routing
from offload.compiler.offload.plan import plan
from offload.model.config import Config, Family, Globals, MarkRule, Mode, Permission, Zone
from offload.model.kernel.live_rule import MarkReader
from offload.model.network import Filter, Link, Qdisc, RoutingRule, Snapshot
from offload.model.plan import Element, PolicyKey
from offload.model.problems.reason import ReasonCode
from strategies import gate

FULL = 0xFFFFFFFF
IPV4 = ip_network("0.0.0.0/0")


def mark_rule(sets: tuple[int, int] | None = (1, FULL), family: Family = Family.ANY) -> MarkRule:
    return MarkRule("r", "@rule[0]", (exempt_of("r", "@rule[0]", "lan", "*", src_ip=(IPV4,)),), sets, family)


def routed(fwmark: int = 1, fwmask: int = FULL, family: str = "ipv4", inverted: bool = False) -> Snapshot:
    return Snapshot(rules=(RoutingRule(family, fwmark, fwmask, 100, inverted),))


# what the rule marks, the router, and whether the mark only routes
CASES: dict[str, tuple[MarkRule, Snapshot, bool]] = {
    "a routing rule compares it": (mark_rule(), routed(), True),
    "no routing rule": (mark_rule(), Snapshot(), False),
    "a routing rule for another mark": (mark_rule(), routed(2), False),
    "a routing rule for other bits": (mark_rule((0x100, 0xFF00)), routed(0x1, 0xFF), False),
    "a routing rule for the same bits among others": (mark_rule((0x100, 0xFF00)), routed(0x101, 0xFFFF), True),
    "a routing rule for a part of the bits": (mark_rule((0x1100, 0xFF00)), routed(0x1000, 0xF000), True),
    "a routing rule for all other marks": (mark_rule(), routed(2, inverted=True), True),
    "a routing rule for all other marks, of other bits": (
        mark_rule((1, 0xF)),
        routed(0x10, 0xF0, inverted=True),
        False,
    ),
    "a routing rule of the other family": (mark_rule(family=Family.IPV6), routed(), False),
    "a routing rule of one of its families": (mark_rule(), routed(family="ipv6"), True),
    "DSCP": (mark_rule(None), routed(), False),
    "a filter compares it": (mark_rule(), replace(routed(), filters=(Filter("wan", "fw", 1, FULL),)), False),
    "a filter for another mark": (mark_rule(), replace(routed(), filters=(Filter("wan", "fw", 2, FULL),)), True),
    "a filter of the same bits": (mark_rule(), replace(routed(), filters=(Filter("wan", "fw", 0x11, 0xF),)), False),
    "a filter for any mark": (mark_rule(), replace(routed(), filters=(Filter("wan", "bpf", None, FULL),)), False),
    "a filter that reads no mark": (mark_rule(), replace(routed(), filters=(Filter("wan", "flower", None, 0),)), True),
    "cake sorts by it": (mark_rule(), replace(routed(), qdiscs=(Qdisc("wan", "cake", 0xFF),)), False),
    "cake sorts by other bits": (
        mark_rule((0x100, 0xFF00)),
        replace(routed(0x100), qdiscs=(Qdisc("wan", "cake", 0xFF),)),
        True,
    ),
    "cake sorts by none": (mark_rule(), replace(routed(), qdiscs=(Qdisc("wan", "cake"),)), True),
    "a rule in nft drops by it": (
        mark_rule(),
        replace(routed(), mark_readers=(MarkReader("inet x", "forward", "drop", 1, FULL),)),
        False,
    ),
    "a rule in nft for another mark": (
        mark_rule(),
        replace(routed(), mark_readers=(MarkReader("inet x", "forward", "drop", 2, FULL),)),
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_only_routes(name: str) -> None:
    rule, snapshot, expected = CASES[name]
    assert only_routes(rule, snapshot) is expected
    assert without_routing(Config(mark_rules=(rule,)), snapshot).mark_rules == (() if expected else (rule,))


def planned(snapshot: Snapshot) -> Any:
    zones = tuple(Zone(name, name, devices=(name,)) for name in ("lan", "wan"))
    permissions = (Permission("lan", "wan", "f"),)
    config = Config(
        zones=zones, permissions=permissions, globals=Globals(mode=Mode.SOFTWARE), mark_rules=(mark_rule(),)
    )
    found = replace(snapshot, links=(Link("lan"), Link("wan")))
    return plan(config, resolve(config, found), found)


def test_a_plan_exempts_nothing_for_a_mark_that_routes() -> None:
    assert [len(table.exempts) for table in planned(Snapshot()).tables] == [1]
    assert [each.code for each in planned(Snapshot()).pairs[0].reasons] == [ReasonCode.MARKED_PART]
    assert [len(table.exempts) for table in planned(routed()).tables] == [0]
    assert planned(routed()).pairs[0].reasons == ()


words = st.integers(0, FULL)


@gate
@given(words, words, words, words, words)
def test_a_packet_that_passes_a_comparison_is_never_overlooked(
    value: int, mask: int, fwmark: int, fwmask: int, before: int
) -> None:
    """Whatever mark a packet had: where the marked packet fits the filter and the unmarked may not, it is a reader."""
    after = before & ~mask | value & mask
    snapshot = replace(routed(0, FULL, inverted=True), filters=(Filter("wan", "fw", fwmark & fwmask, fwmask),))
    if after & fwmask == fwmark & fwmask and mask & fwmask:
        assert not only_routes(mark_rule((value & mask, mask)), snapshot)


ELEMENTS = [Element("br-lan", "wan", PolicyKey(0, "any"), ("lan", "wan"))]
RESTORING = (Filter("wan", "matchall", restores=True), Filter("lan1", "u32", restores=True), Filter("wan", "fw"))


def test_connections_with_a_mark_stay_slow_where_it_is_restored_on_packets_that_leave() -> None:
    router = Snapshot(links=(Link("lan1", master="br-lan"),), filters=RESTORING)
    assert list(mark_restorers(router, ELEMENTS)) == [("wan", ("wan",)), ("lan1", ("br-lan",))]
    found = [(each.iifs, each.oifs) for each in of_connmarks(Config(), router, ELEMENTS) if each.connmark]
    assert found == [((), ("wan",)), (("wan",), ()), ((), ("br-lan",)), (("br-lan",), ())]
    assert not list(of_connmarks(Config(globals=Globals(auto_exempt=False)), router, ELEMENTS))
    assert not list(mark_restorers(router, []))
