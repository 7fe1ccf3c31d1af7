"""Marks with two wans: one that only routes keeps nothing slow, and its traffic its wan; one that others compare does.

docs/kernel.md has what the kernel does with marks of offloaded packets.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kernel.evidence import Sighting
from kernel.house import House, Shape
from kernel.inside import observed
from kernel.sides import bridge, port
from kernel.traffic import Proto, Talk
from offload.model.network import Filter, MarkReader, Qdisc, RoutingRule

FAR = "192.0.2.1"  # both providers lead there
ENOUGH = 60
FULL = 0xFFFFFFFF
MARKS = """
table inet marks {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
		iifname "br-lan" meta mark set 1
	}
}
"""
RULE = """
config rule
	option name 'By the second wan'
	option src 'lan'
	option dest '*'
	option proto 'all'
	option target 'MARK'
	option set_mark '0x1'
	option family 'ipv4'
"""
LIMIT = "table inet limits {{\n\tchain forward {{\n\t\ttype filter hook forward priority 5;\n\t\t{}\n\t}}\n}}\n"
SHAPER = (
    "qdisc add dev eth2 root handle 1: htb default 20",
    "class add dev eth2 parent 1: classid 1:10 htb rate 100mbit",
    "class add dev eth2 parent 1: classid 1:20 htb rate 100mbit",
)
FILTERS = {
    "at the root": "filter add dev eth2 parent 1: protocol ip handle 1 fw classid 1:10",
    "at a class": "filter add dev eth2 parent 1:10 protocol ip handle 0x11/0xf fw classid 1:10",
}


@pytest.fixture(name="wans", scope="module")
def _wans(house: House) -> Iterator[House]:
    shape = Shape({"lan": bridge(port("lan1")), "wan": port("eth1"), "wan2": port("eth2")})
    with house.shaped(shape):
        for network, nearby in (("wan", "203.0.113.0/24"), ("wan2", "198.51.100.0/24")):
            # over UDP it is the route that chooses the address of an answer
            house.hosts[network].ip(f"addr add {FAR}/32 dev eth0", f"route replace {nearby} dev eth0 src {FAR}")
        house.router.ip(
            "route add default via 203.0.113.2",
            "route add default via 198.51.100.2 table 100",
            "rule add fwmark 0x1/0xff lookup 100",
        )
        firewall = house.router.config / "firewall"
        firewall.write_text(firewall.read_text() + RULE)
        house.router.nft(MARKS)
        yield house
        house.router.nft("delete table inet marks")
        house.router.ip("rule del fwmark 0x1/0xff lookup 100", "route del default table 100")


def seen(house: House, proto: Proto) -> tuple[Talk, Sighting]:
    house.router.offload("apply")
    talk = Talk(house.hosts["lan"], replace(house.target("wan2"), address=FAR, behind=FAR), proto)
    house.talks.append(talk)
    talk.echo(10)
    (sighting,) = house.watch([talk], ENOUGH)
    return talk, sighting


def by_the_second_wan(house: House, talk: Talk) -> bool:
    entries = house.router.run("conntrack", "-L").splitlines()
    (entry,) = [each for each in entries if f" {talk.proto} " in f" {each}" and f"sport={talk.near[1]} " in each]
    return "dst=198.51.100.1 " in entry


def slow(sighting: Sighting) -> bool:
    return min(sighting.slow) >= ENOUGH


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_a_routing_mark_keeps_nothing_slow_and_traffic_its_wan(wans: House, proto: Proto) -> None:
    assert observed(wans.router).rules == (RoutingRule("ipv4", 1, 0xFF, 100),)
    talk, sighting = seen(wans, proto)
    assert sighting.fast(ENOUGH)
    assert by_the_second_wan(wans, talk)


@pytest.mark.parametrize("place", FILTERS)
def test_a_filter_that_compares_the_mark_keeps_it_slow(wans: House, place: str) -> None:
    for command in (*SHAPER, FILTERS[place]):
        wans.router.run("tc", *command.split())
    try:
        snapshot = observed(wans.router)
        talk, sighting = seen(wans, "tcp")
    finally:
        wans.router.run("tc", "qdisc", "del", "dev", "eth2", "root")
    assert Qdisc("eth2", "htb") in snapshot.qdiscs
    assert snapshot.filters == (Filter("eth2", "fw", 1, FULL if place == "at the root" else 0xF),)
    assert slow(sighting)
    assert by_the_second_wan(wans, talk)
    assert seen(wans, "tcp")[1].fast(ENOUGH), "the filter is gone"


def test_cake_that_sorts_by_the_mark_keeps_it_slow(wans: House) -> None:
    wans.router.run("tc", *["qdisc", "add", "dev", "eth2", "root", "cake", "bandwidth", "100mbit", "fwmark", "0x1"])
    try:
        assert Qdisc("eth2", "cake", 1) in observed(wans.router).qdiscs
        assert slow(seen(wans, "tcp")[1])
    finally:
        wans.router.run("tc", "qdisc", "del", "dev", "eth2", "root")


def test_a_rule_in_nft_that_limits_by_the_mark_keeps_it_slow(wans: House) -> None:
    wans.router.nft(LIMIT.format("meta mark 1 limit rate over 100 mbytes/second drop"))
    try:
        assert observed(wans.router).mark_readers == (MarkReader("inet limits", "forward", "drop", 1, FULL),)
        assert slow(seen(wans, "tcp")[1])
    finally:
        wans.router.nft("delete table inet limits")
    wans.router.nft(LIMIT.format("ct state established accept; meta mark 1 drop"))
    try:
        assert observed(wans.router).mark_readers == ()
    finally:
        wans.router.nft("delete table inet limits")
