"""Which devices are shaped: by a qdisc of their own, or on the ifb that ingress leads to; and which pairs pass them."""

from dataclasses import replace
from pathlib import Path

import pytest

from offload.compiler.devices import resolve
from offload.compiler.findings.shapers import of_shapers
from offload.compiler.offload.pairs.shapers import shapers
from offload.compiler.offload.plan import plan
from offload.model.config import Config, Globals, Mode, Permission, Zone
from offload.model.kernel.live_rule import PacketRule, RuleMatch
from offload.model.network import Filter, Link, Network, Qdisc, Snapshot
from offload.model.problems.finding import FindingCode
from offload.model.problems.finding_form import Severity
from offload.service import reconcile
from offload.system.config.uci import Uci
from offload.system.directory.router_directory import RouterDirectory

KEPT_IN_HARDWARE = RouterDirectory(Path(__file__).parents[1] / "golden/28-shaped-wan-kept-in-hardware")

IFB = (Link("ifb4wan", "ifb"), Link("ifb4lan", "ifb"))


def test_a_qdisc_that_shapes_and_one_that_does_not() -> None:
    assert shapers(Snapshot(qdiscs=(Qdisc("wan", "cake"), Qdisc("lan1", "fq_codel"), Qdisc("lan2", "mq")))) == {
        "wan": "cake"
    }


def test_the_outermost_qdisc_of_a_device_is_named() -> None:
    assert shapers(Snapshot(qdiscs=(Qdisc("wan", "htb"), Qdisc("wan", "cake")))) == {"wan": "htb"}


def test_ingress_that_leads_to_an_ifb() -> None:
    qdiscs = (Qdisc("wan", "ingress"), Qdisc("ifb4wan", "cake"), Qdisc("ifb4lan", "htb"))
    filters = (Filter("wan", "matchall"),)
    assert shapers(Snapshot(links=IFB, qdiscs=qdiscs, filters=filters)) == {"wan": "cake on ifb4wan"}
    assert shapers(Snapshot(links=IFB, qdiscs=qdiscs)) == {}, "nothing leads there"
    counting = (Filter("wan", "matchall", treats=False),)
    assert shapers(Snapshot(links=IFB, qdiscs=qdiscs, filters=counting)) == {}, "it only counts"
    assert shapers(Snapshot(links=IFB, qdiscs=qdiscs[:1], filters=filters)) == {"wan": "a tc filter (matchall)"}
    other = (Link("ifb0", "ifb"),)
    branched = (Qdisc("wan", "clsact"), Qdisc("ifb0", "tbf"))
    assert shapers(Snapshot(links=other, qdiscs=branched, filters=filters)) == {"wan": "tbf on ifb0"}


def test_a_tc_filter_may_police_what_no_qdisc_shapes() -> None:
    seen = Snapshot(links=IFB, filters=(Filter("wan", "u32"), Filter("ifb4wan", "u32")))
    assert shapers(seen) == {"wan": "a tc filter (u32)"}


def test_a_tc_filter_of_hardware_or_of_the_bridge_changes_nothing() -> None:
    assert (
        shapers(Snapshot(filters=(Filter("lan1", "flower", treats=False), Filter("lan1", "bpf", treats=False)))) == {}
    )


def test_chains_of_a_device_that_change_packets() -> None:
    rules = (
        PacketRule("netdev own", "in", "ingress", "limit", RuleMatch(iif="lan1")),
        PacketRule("netdev own", "out", "egress", "ttl", RuleMatch(oif="wan")),
        PacketRule("inet own", "forward", "forward", "ttl", RuleMatch(oif="wan2")),
    )
    found = {"lan1": "chain in of table netdev own", "wan": "chain out of table netdev own"}
    assert shapers(Snapshot(packet_rules=rules)) == found


@pytest.mark.parametrize(
    ("device", "pair"),
    [("lan2", "lan wan"), ("br-lan", "lan wan"), ("lan4", "guest wan"), ("wan", "guest wan"), ("eth0", "")],
)
def test_the_finding_names_a_pair_whose_packets_pass_the_device(device: str, pair: str) -> None:
    uci = Uci(KEPT_IN_HARDWARE.confdir)
    shaped = replace(KEPT_IN_HARDWARE.snapshot(), qdiscs=(Qdisc(device, "cake"),), filters=())
    found = reconcile.findings(reconcile.decide(reconcile.read(uci), shaped), uci)
    remedies = [each.remedy for each in found if each.code is FindingCode.SHAPER]
    assert [each.rpartition("offload pair ")[2] for each in remedies] == [f"{pair} software"] * bool(pair)


CARRIED = Snapshot(
    links=(Link("lan"), Link("pppoe-wan", "ppp"), Link("eth1.7", "vlan", lower=("eth1",)), Link("eth1")),
    networks=(Network("wan", l3_device="pppoe-wan", device="eth1.7", proto="pppoe"),),
    qdiscs=(Qdisc("pppoe-wan", "clsact"),),
    filters=(Filter("pppoe-wan", "bpf"),),
)
OWN = {"wan": "pppoe-wan", "tv": "eth1.7", "modem": "eth1"}
LISTED: dict[str, tuple[Globals, set[str], list[Severity], list[str]]] = {
    "by itself": (Globals(mode=Mode.SOFTWARE), {"pppoe-wan", "eth1.7"}, [Severity.NOTICE], ["lan > modem"]),
    "switched off": (
        Globals(mode=Mode.SOFTWARE, auto_software=False),
        {"pppoe-wan", "eth1.7", "eth1"},
        [Severity.PROBLEM],
        [],
    ),
    "listed by the user": (
        Globals(mode=Mode.SOFTWARE, devices=("eth1",)),
        {"pppoe-wan", "eth1.7", "eth1"},
        [Severity.PROBLEM],
        [],
    ),
    "excluded by the user": (
        Globals(mode=Mode.SOFTWARE, exclude_devices=("eth1",)),
        {"pppoe-wan", "eth1.7"},
        [],
        ["lan > modem"],
    ),
}


@pytest.mark.parametrize("name", LISTED)
def test_a_zone_s_own_device_is_left_out_where_packets_of_a_shaped_one_arrive(name: str) -> None:
    """`eth1.7`, between the two, takes none of their flows."""
    choice, devices, severities, slow = LISTED[name]
    zones = tuple(Zone(zone, zone, devices=(device,)) for zone, device in {"lan": "lan", **OWN}.items())
    config = Config(
        globals=choice, zones=zones, permissions=tuple(Permission("lan", zone, zone) for zone in OWN), readable=True
    )
    made = plan(config, resolve(config, CARRIED), CARRIED)
    assert [set(table.devices) - {"lan"} for table in made.tables] == [devices]
    found = of_shapers(config, CARRIED, made, {})
    assert [each.severity for each in found if each.code is FindingCode.SHAPER_BYPASSED] == severities
    assert [f"{pair.src} > {pair.dest}" for pair in made.pairs if pair.effective is Mode.NONE] == slow


def test_a_bridge_takes_no_flows_of_a_vlan_on_it() -> None:
    links = (Link("wan"), Link("br", "bridge"), Link("lan1", master="br"), Link("br.20", "vlan", lower=("br",)))
    hooks = {"qdiscs": (Qdisc("br.20", "clsact"),), "filters": (Filter("br.20", "bpf"),)}
    snapshot = Snapshot(links=links, **hooks)  # type: ignore[arg-type]  # of fields
    zones = tuple(Zone(zone, zone, devices=(device,)) for zone, device in (("wan", "wan"), ("a", "br"), ("b", "br.20")))
    config = Config(
        globals=Globals(mode=Mode.SOFTWARE),
        zones=zones,
        permissions=(Permission("a", "wan", "a"), Permission("b", "wan", "b")),
        readable=True,
    )
    made = plan(config, resolve(config, snapshot), snapshot)
    assert [table.devices for table in made.tables] == [("br", "br.20", "wan")]
    assert list(of_shapers(config, snapshot, made, {})) == []
