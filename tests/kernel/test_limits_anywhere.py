"""Limits of other programs hold wherever their rule is: behind maps, in sets of packets, on bridges and devices."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kernel.house import House, Shape
from kernel.inside import choose
from kernel.netns import Namespace
from kernel.rates import PORT, Flood, Sink
from kernel.sides import bridge, port
from kernel.traffic import Target

RATE = "limit rate over 50 kbytes/second burst 1 kbytes drop"
FORWARD = "type filter hook forward priority -10"
GRE = b"\0\0\x08\0" + bytes(1000)  # version 0, without a key, with IP in it
IP_HEADER, ANSWERED = 20, 5
MOST = 150  # kB of a second: the kernel's bucket holds 51, and the rate lets 50 more through
RULES = {
    "a verdict map": f"""inet limits {{
	chain slow {{
		{RATE}
	}}
	chain f {{
		{FORWARD}
		iifname vmap {{ "br-lan" : jump slow }}
	}}
}}""",
    "a map of states": f"""inet limits {{
	chain slow {{
		{RATE}
	}}
	chain f {{
		{FORWARD}
		ct state vmap {{ established : jump slow, related : accept }}
	}}
}}""",
    "behind a map without established": f"""inet limits {{
	chain f {{
		{FORWARD}
		ct state vmap {{ invalid : drop }}
		{RATE}
	}}
}}""",
    "behind an accept of one direction": f"""inet limits {{
	chain f {{
		{FORWARD}
		iifname "wan" ct state established accept
		{RATE}
	}}
}}""",
    "all but new connections": f"""inet limits {{
	chain f {{
		{FORWARD}
		ct state ! new {RATE}
	}}
}}""",
    "each host": f"""inet limits {{
	set hosts {{
		type ipv4_addr
		flags dynamic
	}}
	chain f {{
		{FORWARD}
		update @hosts {{ ip saddr {RATE.removesuffix(" drop")} }} drop
	}}
}}""",
    "a map of limits": f"""inet limits {{
	limit slow {{
		rate over 50 kbytes/second
	}}
	map hosts {{
		type ipv4_addr : limit
		elements = {{ 192.168.1.2 : "slow" }}
	}}
	chain f {{
		{FORWARD}
		limit name ip saddr map @hosts drop
	}}
}}""",
    "bytes of a connection": f"""inet limits {{
	chain f {{
		{FORWARD}
		ct bytes > 100000 drop
	}}
}}""",
    "a bridge": f"""bridge limits {{
	chain f {{
		type filter hook input priority 0
		{RATE}
	}}
}}""",
    "a bridge's port": f"""bridge limits {{
	chain f {{
		type filter hook prerouting priority 0
		iifname "lan1" {RATE}
	}}
}}""",
    "a device, behind others": f"""netdev limits {{
	chain f {{
		type filter hook ingress device "lan1" priority 5000
		{RATE}
	}}
}}""",
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


def passed(lab: House) -> float:
    """The kB of a flood that get through in a second; without a limit 400."""
    choose(lab.router, "software")
    with Sink(lab.hosts["wan"]) as sink:
        flood = Flood(lab.hosts["lan"], Target(lab.target("wan").address, PORT))
        try:
            return flood.flood(sink, 1.0, 3.2)[0] / 1000
        finally:
            flood.close()


@pytest.mark.parametrize("where", RULES)
def test_a_limit_holds_wherever_it_is(lab: House, where: str) -> None:
    table, _, _ = RULES[where].partition(" {")
    lab.router.nft(f"table {RULES[where]}\n")
    try:
        assert passed(lab) < MOST
    finally:
        lab.router.nft(f"delete table {table}\n")


def test_without_a_limit_all_of_the_flood_gets_through(lab: House) -> None:
    assert passed(lab) > 2 * MOST


def test_a_limit_of_gre_holds(lab: House) -> None:
    """The kernel offloads GRE without NAT, so the far end's replies come from the LAN's own address plan."""
    lab.router.nft(f"table inet limits {{\nchain f {{\n{FORWARD}\nmeta l4proto gre {RATE}\n}}\n}}\n")
    lab.router.nft("flush chain inet fw4 srcnat\n")
    try:
        choose(lab.router, "software")
        with _gre(lab.hosts["lan"]) as one, _gre(lab.hosts["wan"]) as other:
            assert _through(one, other, lab.target("lan").address, lab.target("wan").address) < 250, "of 400"
    finally:
        lab.router.nft("delete table inet limits\n")


def _gre(host: Namespace) -> socket.socket:
    with host.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    made.settimeout(0.01)
    return made


def _through(one: socket.socket, other: socket.socket, here: str, there: str) -> float:
    """The kB of 400 that get from one host to the other, which answers the first packets."""
    arrived = 0
    for number in range(400):
        one.sendto(GRE, (there, 0))
        with suppress(TimeoutError):
            arrived += len(other.recv(2048)) - IP_HEADER
        if number < ANSWERED:
            other.sendto(GRE, (here, 0))
            one.recv(2048)
    return arrived / 1000
