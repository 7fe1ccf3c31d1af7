"""Rules that treat each packet (drop, mark, count), with offload: how many packets of a flow they still treat."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.house import House, Shape
from kernel.inside import choose
from kernel.netns import Namespace
from kernel.rates import compared
from kernel.sides import bridge
from kernel.traffic import Talk

Did = str | Mapping[str, str]  # what offload does, or what it does by path
ENGINE = ("lan1", "wan")
SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan")})
PACKETS, FIRST = 60, 15
MODES = ("none", "software", "hardware")
SEEN = """
table inet seen {{
	counter hits {{ }}
	chain pre {{
		type filter hook prerouting priority raw; policy accept;
		udp dport 7007 {} counter name "hits"
	}}
}}
"""
ON_DEVICE = """
table netdev seen {{
	counter hits {{ }}
	chain c {{
		type filter hook {} priority -10; policy accept;
		udp dport 7007 counter name "hits"
	}}
}}
"""
FORWARD = "table inet own {{\n\tchain forward {{\n\t\ttype filter hook forward priority -5;\n\t\t{}\n\t}}\n}}\n"
EGRESS = 'table netdev own {{\n\tchain out {{\n\t\ttype filter hook egress device "wan" priority 0;\n\t\t{}\n\t}}\n}}\n'
KEPT: Did = {"software": "nothing: it is kept", "hardware": "the pair is in software"}
# Row: the table, what its rule does, what the server then sees of a packet, the mode in which packets pass it by, and
# what offload does.
ROWS: dict[str, tuple[str, str, str, Sequence[str], Did]] = {
    "DSCP set in the forward path": (FORWARD, "ip dscp set ef", "ip dscp ef", (), "its traffic stays slow"),
    "TTL set in the forward path": (FORWARD, "ip ttl set 65", "ip ttl 65", MODES[1:], "offload check names it"),
    "TTL set on the egress hook of wan": (EGRESS, "ip ttl set 65", "ip ttl 65", (), KEPT),
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


def hits(host: Namespace) -> int:
    """What its counter has."""
    listed = json.loads(host.run("nft", "-j", "list", "counters"))["nftables"]
    return sum(each["counter"]["packets"] for each in listed if each.get("counter", {}).get("table") == "seen")


def begun(lab: House, mode: str, *, fast: bool) -> Talk:
    """A conversation in this mode, once the chip has it where it is to be there."""
    choose(lab.router, mode)
    talk = lab.call("lan", "wan", proto="udp")
    return chip.settled(lab.router, ENGINE, talk) if fast and mode == "hardware" else talk


def treated(lab: House, counting: Namespace, mode: str, *, fast: bool = True) -> int:
    """Of PACKETS datagrams of a conversation that has begun, those that were counted."""
    talk = begun(lab, mode, fast=fast)
    before = hits(counting)
    talk.echo(PACKETS)
    return hits(counting) - before


def of_all(found: dict[str, int]) -> dict[str, str]:
    return {mode: f"{count} of {PACKETS} packets" for mode, count in found.items()}


@pytest.mark.parametrize("row", ROWS)
def test_what_a_rule_does_with_packets(lab: House, row: str) -> None:
    table, does, seen, passed, did = ROWS[row]
    server = lab.hosts["wan"]
    server.nft(SEEN.format(seen))
    lab.router.nft(table.format(does))
    try:
        found = {mode: treated(lab, server, mode, fast=mode in passed) for mode in MODES}
    finally:
        lab.router.nft("delete table " + table.split("{")[0].removeprefix("table "))
        server.nft("delete table inet seen")
    for mode, count in found.items():
        assert count < FIRST if mode in passed else count == PACKETS, found
    compared(row, of_all(found), did)


def test_a_rule_s_counter_has_the_first_packets(lab: House) -> None:
    lab.router.nft(SEEN.format("").replace("prerouting priority raw", "forward priority -5"))
    try:
        found = {mode: treated(lab, lab.router, mode) for mode in MODES}
    finally:
        lab.router.nft("delete table inet seen")
    assert found["none"] == PACKETS and max(found[mode] for mode in MODES[1:]) < FIRST
    compared("counter of a rule in the forward path", of_all(found), "nothing: connections count all")


@pytest.mark.parametrize("hook", ['ingress device "lan1"', 'egress device "wan"'])
def test_a_counter_of_one_device_has_what_the_processor_forwards(lab: House, hook: str) -> None:
    lab.router.nft(ON_DEVICE.format(hook))
    try:
        found = {mode: treated(lab, lab.router, mode) for mode in MODES}
    finally:
        lab.router.nft("delete table netdev seen")
    assert found["none"] == found["software"] == PACKETS and found["hardware"] < FIRST
    did = {"software": "nothing: it is kept", "hardware": "nothing: connections count all"}
    compared(f"counter in a chain on a device's {hook.split(maxsplit=1)[0]} hook", of_all(found), did)


def test_connections_count_their_packets(lab: House) -> None:
    """The counters that nlbwmon and the page read; the kernel asks the chip for its own now and then."""
    found = {}
    lab.router.sysctl({"net/netfilter/nf_flowtable_udp_timeout": 5})  # it asks after a tenth of it
    for mode in MODES:
        talk = begun(lab, mode, fast=True)
        talk.echo(PACKETS)
        wait_until(partial(counts_all, lab, talk), "the chip's own packets")
        found[mode] = counted(lab, talk) - (talk.packets().original - PACKETS)
    lab.router.sysctl({"net/netfilter/nf_flowtable_udp_timeout": 30})
    assert found == dict.fromkeys(MODES, PACKETS)
    did = {"software": "the flowtable counts", "hardware": "nothing: the kernel asks the chip"}
    compared("counters of connections (nlbwmon)", of_all(found), did)


def counts_all(lab: House, talk: Talk) -> bool:
    return counted(lab, talk) >= talk.packets().original


def counted(lab: House, talk: Talk) -> int:
    """Packets of the connection's original direction that conntrack has counted."""
    listed = lab.router.run("conntrack", "-L", "-p", "udp", "--orig-port-src", str(talk.near[1]))
    return int(listed.split("packets=")[1].split()[0])
