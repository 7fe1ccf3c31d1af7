"""What becomes of rules that treat packets one by one, in packets: of so many, how many were treated."""

import json
from collections.abc import Iterator

import pytest

from kernel.house import House, Shape
from kernel.inside import applied, decided, observed
from kernel.netns import Namespace
from kernel.rates import noted
from kernel.sides import bridge, port

SHAPE = Shape({"lan": bridge(port("lan1")), "wan": port("wan")})
PACKETS, FIRST = 60, 15
MODE = "config globals 'globals'\n\toption mode '{}'\n"
SEEN = """
table inet seen {{
	counter hits {{ }}
	chain pre {{
		type filter hook prerouting priority raw; policy accept;
		udp dport 7007 {} counter name "hits"
	}}
}}
"""
FORWARD = "table inet own {{\n\tchain forward {{\n\t\ttype filter hook forward priority -5;\n\t\t{}\n\t}}\n}}\n"
EGRESS = 'table netdev own {{\n\tchain out {{\n\t\ttype filter hook egress device "wan" priority 0;\n\t\t{}\n\t}}\n}}\n'
# Row: the table, what its rule does, what the server then sees of a packet, whether all of them with offload, and why.
ROWS = {
    "DSCP set in the forward path": (FORWARD, "ip dscp set ef", "ip dscp ef", True, "its traffic stays slow"),
    "TTL set in the forward path": (FORWARD, "ip ttl set 65", "ip ttl 65", False, "offload check names it"),
    "TTL set on the egress hook of wan": (EGRESS, "ip ttl set 65", "ip ttl 65", True, "nothing: it is kept"),
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


def hits(host: Namespace) -> int:
    """What its counter has."""
    listed = json.loads(host.run("nft", "-j", "list", "counter", "inet", "seen", "hits"))["nftables"]
    return int(next(each["counter"]["packets"] for each in listed if "counter" in each))


def treated(lab: House, counting: Namespace, mode: str) -> int:
    """Of PACKETS datagrams of a conversation that has begun, those that were counted."""
    lab.router.write("offload", MODE.format(mode))
    applied(lab.router, decided(lab.router, observed(lab.router)))
    talk = lab.call("lan", "wan", proto="udp")
    before = hits(counting)
    talk.echo(PACKETS)
    return hits(counting) - before


@pytest.mark.parametrize("row", ROWS)
def test_what_a_rule_does_with_packets(lab: House, row: str) -> None:
    table, does, seen, all_of_them, did = ROWS[row]
    server = lab.hosts["wan"]
    server.nft(SEEN.format(seen))
    lab.router.nft(table.format(does))
    try:
        slow, fast = (treated(lab, server, mode) for mode in ("none", "software"))
    finally:
        lab.router.nft("delete table " + table.split("{")[0].removeprefix("table "))
        server.nft("delete table inet seen")
    assert slow == PACKETS
    assert fast == PACKETS if all_of_them else fast < FIRST
    noted(row, "software", f"{slow} of {PACKETS} packets", f"{fast} of {PACKETS} packets", did)


def test_a_rule_s_counter_has_the_first_packets(lab: House) -> None:
    lab.router.nft(SEEN.format("").replace("prerouting priority raw", "forward priority -5"))
    try:
        slow, fast = (treated(lab, lab.router, mode) for mode in ("none", "software"))
    finally:
        lab.router.nft("delete table inet seen")
    assert slow == PACKETS and fast < FIRST
    counted = [f"{number} of {PACKETS} packets" for number in (slow, fast)]
    noted("counter of a rule in the forward path", "software", counted[0], counted[1], "nothing: connections count all")


def test_connections_count_their_packets(lab: House) -> None:
    """The counters that nlbwmon and the page read."""
    found = {}
    for mode in ("none", "software"):
        lab.router.write("offload", MODE.format(mode))
        applied(lab.router, decided(lab.router, observed(lab.router)))
        talk = lab.call("lan", "wan", proto="udp")
        talk.echo(PACKETS)
        listed = lab.router.run("conntrack", "-L", "-p", "udp", "--orig-port-src", str(talk.near[1]))
        found[mode] = int(listed.split("packets=")[1].split()[0]) - (talk.packets().original - PACKETS)
    assert found == {"none": PACKETS, "software": PACKETS}
    counted = [f"{found[mode]} of {PACKETS} packets" for mode in found]
    noted("counters of connections (nlbwmon)", "software", counted[0], counted[1], "the flowtable counts")
