"""Which devices are shaped: by a qdisc of their own, or on the ifb that their ingress leads to."""

from offload.compiler.offload.pairs.shapers import shapers
from offload.model.kernel.live_rule import PacketRule, RuleMatch
from offload.model.network import Filter, Link, Qdisc, Snapshot

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
