"""The rules by which `cut_refused` judges connections, compared with the kernel's decisions about random packets."""

import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from itertools import product

import pytest

from kernel.inside import asked
from kernel.lab import HOME, Home
from offload.compiler.firewall.tracing.packet import Packet
from offload.compiler.firewall.tracing.refused import Connection, Rules, refusal
from offload.nft.text import ruleset_text

RULESETS = 30
CLIENT, LAPTOP, GUEST, SERVER, SERVER6 = "192.168.1.2", "192.168.1.3", "192.168.3.2", "203.0.113.1", "2001:db8:ff::1"
CHOICES = {
    "target": ("DROP", "REJECT", "ACCEPT"),
    "src": ("lan", "guest", "*"),
    "dest": ("wan", "lan", "*"),
    "proto": ("tcp", "udp", "all", "tcp udp", "!udp"),
    "family": ("", "", "ipv4", "ipv6"),
    "src_ip": ("", "", CLIENT, f"!{CLIENT}", "192.168.0.0/23", "2001:db8:1::/64"),
    "dest_ip": ("", "", SERVER, f"!{SERVER}", "203.0.113.0-203.0.113.9"),
    "src_port": ("", "", "20000-20010", "!20001"),
    "dest_port": ("", "80", "!80", "70-90", "443"),
    "src_mac": ("", "", "CLIENT", "!CLIENT"),
    "start_time": ("", "", "23:00", "06:00"),
    "stop_time": ("", "", "01:00", "18:00"),
    "weekdays": ("", "", "mon wed fri", "! sat sun"),
}
NEIGHBOURS = "\nconfig rule\n\toption src '*'\n\toption proto 'icmp'\n\toption target 'ACCEPT'\n"
PASSED = """
table inet passed {
	set ports { type inet_service; flags dynamic; size 4096; }
	chain forward {
		type filter hook forward priority 1000; policy accept;
		ct direction original meta l4proto { tcp, udp } add @ports { th sport }
	}
}
"""


@pytest.fixture(name="own_firewall", scope="module")
def _own_firewall(home: Home) -> Iterator[Home]:
    home.router.nft(PASSED)
    yield home
    home.router.reset()
    home.router.nft("delete table inet fw4\ndelete table inet passed\n" + (HOME / "firewall.nft").read_text())


def begins(home: Home, name: str, target: str, proto: str, sport: int, dport: int) -> None:
    """Send the first packet of a connection."""
    kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with home.host(name).entered():
        sender = socket.socket(family, kind)
    with sender, suppress(BlockingIOError):
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sender.bind(("", sport))
        sender.setblocking(False)
        sender.connect((target, dport))
        sender.send(b"?")


@pytest.mark.parametrize("seed", range(RULESETS))
def test_random_rules_are_judged_as_the_kernel_judges_them(own_firewall: Home, seed: int) -> None:
    """A packet passed if a chain behind the firewall has seen its port."""
    chance, router = random.Random(seed), own_firewall.router  # noqa: S311 - it chooses rules
    router.reset()
    router.append("firewall", NEIGHBOURS)
    mac = json.loads(own_firewall.client.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    for _ in range(chance.randint(1, 6)):
        options = {name: chance.choice(words) for name, words in CHOICES.items()}
        lines = (f"\toption {name} '{value.replace('CLIENT', mac)}'\n" for name, value in options.items() if value)
        router.append("firewall", "\nconfig rule\n" + "".join(lines))
    found = asked(router)
    rules = Rules.of(found, time.time())
    router.nft(ruleset_text(found.ruleset) + "flush set inet passed ports\n")
    router.run("conntrack", "-F")
    hosts = {"client": (CLIENT, "2001:db8:1::2", "br-lan"), "laptop": (LAPTOP, "2001:db8:1::3", "br-lan")}
    hosts["guest"] = (GUEST, "2001:db8:3::2", "br-guest")
    wanted = {}
    cases = product(hosts, ("tcp", "udp"), (80, 443), ((SERVER, "wan"), (SERVER6, "wan"), (CLIENT, "br-lan")))
    for number, (name, proto, dport, (target, oif)) in enumerate(cases):
        sport, v4, v6, iif = 20_000 + number, *hosts[name]
        near, far = (ip_address(each) for each in (v6 if ":" in target else v4, target))
        if iif != oif:
            begins(own_firewall, name, target, proto, sport, dport)
            hardware = mac if name == "client" else "02:00:00:00:00:01"
            packet = Packet(near.version, proto, iif, oif, int(near), int(far), sport, dport, hardware)
            wanted[sport] = refusal(rules, Connection(packet, packet)) is None
    time.sleep(0.2)
    listed = json.loads(router.run("nft", "-j", "list", "set", "inet", "passed", "ports"))["nftables"]
    passed = next(set(each["set"].get("elem", ())) for each in listed if "set" in each)
    assert {sport: sport in passed for sport in wanted} == wanted
