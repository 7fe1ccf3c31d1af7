"""Packet marks on a router with two wans: one that only routes keeps no traffic slow; one that rules compare does.

docs/kernel.md has what the kernel does with marks of offloaded packets.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.evidence import Sighting
from kernel.house import COUNTED, House, Shape
from kernel.inside import choose, observed
from kernel.rates import compared
from kernel.resident import resident
from kernel.sides import bridge
from kernel.traffic import Proto, Talk
from offload.model.kernel.live_rule import MarkReader
from offload.model.network import Filter, Qdisc, RoutingRule

FAR = "192.0.2.1"  # both providers lead there
ELSEWHERE = "2001:db8:99::1"  # the second provider leads there
ENOUGH = 60
SOON = 5.0  # seconds; within one on a machine that does nothing else (the figure is printed)
FULL = 0xFFFFFFFF
ENGINE = ("lan1", "eth1", "eth2")
MODES = ("none", "software", "hardware")
MARKS = """
table inet marks {{
	chain prerouting {{
		type filter hook prerouting priority mangle; policy accept;
		{}
	}}
}}
"""
PBR = 'iifname "br-lan" meta mark set 1'
# mwan3 keeps the choice of a connection's first packet in its mark, and chooses nothing for networks that are connected
MWAN3 = f"""iifname "br-lan" meta mark set ct mark and 0xff
		meta mark 0 {PBR}
		ct mark set meta mark"""
SHAPES = {"pbr": PBR, "mwan3": MWAN3}
BY_MARK = "rule {} fwmark 0x1/0xff lookup 100"
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
    shape = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("eth1"), "wan2": chip.port("eth2")})
    with house.shaped(shape):
        for network, nearby in (("wan", "203.0.113.0/24"), ("wan2", "198.51.100.0/24")):
            # over UDP it is the route that chooses the address of an answer
            house.hosts[network].ip(f"addr add {FAR}/32 dev eth0", f"route replace {nearby} dev eth0 src {FAR}")
        house.router.ip(
            "route add default via 203.0.113.2",
            "route add default via 198.51.100.2 table 100",
            BY_MARK.format("add"),
        )
        firewall = house.router.config / "firewall"
        firewall.write_text(firewall.read_text() + RULE)
        for network in ("wan", "wan2"):
            house.hosts[network].nft(COUNTED)
        house.router.nft(MARKS.format(PBR))
        yield house
        house.router.nft("delete table inet marks")
        house.router.ip(BY_MARK.format("del"), "route del default table 100")


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


def test_a_flow_that_a_routing_rule_sends_elsewhere_is_slow_when_its_pair_is(wans: House) -> None:
    """By the main table it would leave by the first wan, where nothing changes."""
    host, router = wans.hosts["wan2"], wans.router
    host.ip(f"addr add {ELSEWHERE}/128 dev eth0")
    router.ip(
        f"route add {ELSEWHERE}/128 via 2001:db8:ff::2",
        f"route add {ELSEWHERE}/128 via 2001:db8:fe::2 table 100",
    )
    router.run("ip", "-6", *["rule", "add", "iif", "br-lan", "lookup", "100"])
    choose(router, "software")
    talk = Talk(wans.hosts["lan"], replace(wans.target("wan2"), address=ELSEWHERE), "tcp")
    wans.talks.append(talk)
    try:
        talk.echo(10)
        assert wans.watch([talk], ENOUGH)[0].fast(ENOUGH)
        router.append("offload", "config pair\n option src 'lan'\n option dest 'wan2'\n option mode 'none'\n")
        router.offload("apply")
        assert slow(wans.watch([talk], ENOUGH)[0])
    finally:
        router.run("ip", "-6", *["rule", "del", "iif", "br-lan", "lookup", "100"])
        router.ip(f"route del {ELSEWHERE}/128")
        choose(router, "software")


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


def marked(house: House, mode: str) -> Talk:
    """A conversation by the second wan, which the chip has where hardware is chosen."""
    talk = Talk(house.hosts["lan"], replace(house.target("wan2"), address=FAR, behind=FAR), "udp")
    house.talks.append(talk)
    talk.echo(10)
    return chip.settled(house.router, ENGINE, talk) if mode == "hardware" else talk


def arrived(house: House, network: str) -> int:
    """Datagrams that the host behind a wan has received."""
    return int(house.hosts[network].run("nft", "list", "table", "inet", "counted").split("packets ")[1].split()[0])


def shares(counts: dict[str, int]) -> dict[str, str]:
    return {mode: f"{count} of {ENOUGH} packets" for mode, count in counts.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_packets_leave_by_the_wan_that_their_mark_chose(wans: House, shape: str) -> None:
    wans.router.nft("delete table inet marks\n" + MARKS.format(SHAPES[shape]))
    found = {}
    for mode in MODES:
        choose(wans.router, mode)
        talk, before = marked(wans, mode), arrived(wans, "wan2")
        (seen,) = wans.watch([talk], ENOUGH)
        found[mode] = arrived(wans, "wan2") - before
        assert seen.fast(ENOUGH) == (mode != "none")
    assert found == dict.fromkeys(MODES, ENOUGH)
    compared(f"second wan by a mark ({shape})", shares(found), "nothing: a flow keeps its route")


def test_a_flow_whose_wan_is_given_up_goes_by_the_other(wans: House) -> None:
    """As mwan3 does it: the routing rule goes, the device and its link stay. Conntrack begins the connection anew."""
    wans.router.nft("delete table inet marks\n" + MARKS.format(MWAN3))
    choose(wans.router, "none")
    found = {"none": failed_over(wans, "none")}
    for mode in MODES[1:]:
        choose(wans.router, mode)
        with resident(wans.router) as service:
            service.until(lambda: (service.status() or {}).get("pairs"))
            found[mode] = failed_over(wans, mode)
    assert max(found.values()) < SOON
    seconds = {mode: f"{found[mode]:.1f} s" for mode in MODES}
    compared("failover to the other wan (mwan3)", seconds, "the tables are returned")


def failed_over(wans: House, mode: str) -> float:
    """Seconds after the routing rule went until datagrams leave by the other wan."""
    talk = marked(wans, mode)
    wans.router.ip(BY_MARK.format("del"))
    began = time.monotonic()
    try:
        talk.patience(0.1)
        wait_until(lambda: elsewhere(wans, talk), "the other wan")
        return time.monotonic() - began
    finally:
        wans.router.ip(BY_MARK.format("add"))


def elsewhere(wans: House, talk: Talk) -> bool:
    """Whether the next datagram leaves by the first wan; of a connection that is begun anew one is lost."""
    before = arrived(wans, "wan")
    with suppress(TimeoutError):
        talk.echo(1)
    return arrived(wans, "wan") > before
