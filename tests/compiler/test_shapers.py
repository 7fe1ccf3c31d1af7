"""Which devices are shaped: by a qdisc of their own, or on the ifb that their ingress leads to."""

from offload.compiler.offload.pairs.shapers import shapers
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
    assert shapers(Snapshot(links=IFB, qdiscs=qdiscs[:1], filters=filters)) == {}, "nothing shapes there"
    other = (Link("ifb0", "ifb"),)
    branched = (Qdisc("wan", "clsact"), Qdisc("ifb0", "tbf"))
    assert shapers(Snapshot(links=other, qdiscs=branched, filters=filters)) == {"wan": "tbf on ifb0"}
