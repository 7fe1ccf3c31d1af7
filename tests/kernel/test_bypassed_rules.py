"""Rules that copy packets or change headers, and flowtables of others: what is bypassed, `offload check` names."""

import json
from collections.abc import Iterator

import pytest

from kernel.house import House, Shape
from kernel.inside import choose, decided, observed
from kernel.netns import Namespace
from kernel.sides import bridge, port
from kernel.test_limits_anywhere import FORWARD, MOST, RATE, passed
from offload.service import reconcile
from offload.system.config.uci import Uci

PACKETS, FIRST = 60, 15
COUNTING = """counter hits {{ }}
chain count {{
	type filter hook {} priority -10
	udp dport 7007 {} counter name "hits"
}}
"""
CHANGING = """chain f {
	type filter hook forward priority -5
	udp dport 7007 dup to 192.168.1.9 device "br-lan"
	udp dport 7007 ip frag-off set 0
}
"""


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


def codes(lab: House) -> set[str]:
    """What `offload check` finds of rules."""
    found = reconcile.findings(decided(lab.router, observed(lab.router)), Uci(lab.router.config))
    return {each.code.name for each in found if each.code.name.startswith("RULE_")}


def treated(lab: House, counting: Namespace, mode: str) -> int:
    """Of PACKETS datagrams of a conversation that has begun, those that were counted."""
    choose(lab.router, mode)
    talk = lab.call("lan", "wan", proto="udp")
    before = hits(counting)
    talk.echo(PACKETS)
    return hits(counting) - before


def hits(host: Namespace) -> int:
    listed = json.loads(host.run("nft", "-j", "list", "counters"))["nftables"]
    return sum(each["counter"]["packets"] for each in listed if each.get("counter", {}).get("name") == "hits")


def test_copies_and_changed_headers_are_those_of_the_first_packets(lab: House) -> None:
    server = lab.hosts["wan"]
    lab.router.nft(f"table ip own {{\n{CHANGING}{COUNTING.format('output', '')}}}\n")
    server.nft(f"table inet own {{\n{COUNTING.format('prerouting', 'ip frag-off 0')}}}\n")
    try:
        for counting in (lab.router, server):
            assert treated(lab, counting, "none") == PACKETS
            assert treated(lab, counting, "software") < FIRST
        assert codes(lab) == {"RULE_COPIES", "RULE_CHANGES"}
    finally:
        lab.router.nft("delete table ip own\n")
        server.nft("delete table inet own\n")


def test_a_flowtable_of_others_bypasses_what_is_kept_slow(lab: House) -> None:
    adds = (
        'flowtable others { hook ingress priority 10; devices = { "br-lan", "wan" }; }\n'
        "chain adds {\ntype filter hook forward priority -20\nct state established flow add @others\n}\n"
    )
    lab.router.nft(f"table inet limits {{\nchain f {{\n{FORWARD}\n{RATE}\n}}\n}}\n")
    try:
        assert passed(lab) < MOST
        assert "RULE_OFFLOADS" not in codes(lab)
        lab.router.nft(f"table inet others {{\n{adds}}}\n")
        assert passed(lab) > 2 * MOST
        assert "RULE_OFFLOADS" in codes(lab)
    finally:
        lab.router.nft("delete table inet limits\nadd table inet others\ndelete table inet others\n")
