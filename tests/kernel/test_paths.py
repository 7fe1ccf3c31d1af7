"""Which connections take the fast path, proven by counting what the slow path sees: a house with lan, guest and wan."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from kernel.evidence import conntrack_flags
from kernel.lab import Home
from kernel.traffic import Crossing, Proto, Talk, Target

Call = Callable[..., Talk]
ENOUGH = 300  # packets in each direction
LAN = [
    pytest.param("client", Home.internet4, "tcp", id="client-tcp4"),
    pytest.param("client", Home.internet4, "udp", id="client-udp4"),
    pytest.param("laptop", Home.internet6, "tcp", id="laptop-tcp6"),
    pytest.param("laptop", Home.internet6, "udp", id="laptop-udp6"),
    pytest.param("server", Home.camera, "tcp", id="port-forward-tcp"),
    pytest.param("server", Home.camera, "udp", id="port-forward-udp"),
]


@pytest.mark.parametrize(("who", "target", "proto"), LAN)
def test_fast_in_both_directions(home: Home, call: Call, who: str, target: Target, proto: Proto) -> None:
    talk = call(home.host(who), target, proto)
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.echo(ENOUGH)
    assert seen.fast(ENOUGH), seen
    assert conntrack_flags(home.router, talk) == {"OFFLOAD"}


@pytest.mark.parametrize("target", [Home.internet4, Home.internet6], ids=["ipv4", "ipv6"])
def test_downloads_and_uploads_are_fast(home: Home, call: Call, target: Target) -> None:
    talk = call(home.client, target)
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.fetch(4_000_000)
        talk.push(4_000_000)
    assert seen.fast(1000), seen


@pytest.mark.parametrize("target", [Home.internet4, Home.internet6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_a_zone_in_mode_none_stays_slow(home: Home, call: Call, target: Target, proto: Proto) -> None:
    talk = call(home.guest, target, proto)
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.echo(ENOUGH)
    assert seen.all_slow(), seen
    assert "OFFLOAD" not in conntrack_flags(home.router, talk)


def test_the_bridge_its_wired_ports_and_the_wan_are_listed(home: Home) -> None:
    assert "devices = { br-lan, lan1, lan2, lan3, wan }" in home.router.table()


def test_status_and_flows_show_the_evidence(home: Home, call: Call) -> None:
    fast, slow = call(home.client, home.internet4), call(home.guest, home.internet4)
    fast.echo(10)
    slow.echo(10)
    pairs = {(pair["src"], pair["dest"]): pair for pair in home.router.status()["pairs"]}
    assert pairs["lan", "wan"]["effective"] == "software"
    assert pairs["lan", "wan"]["flows"]["software"] > 0
    assert pairs["guest", "wan"]["effective"] == "none"
    assert pairs["guest", "wan"]["flows"]["slow"] > 0
    assert pairs["guest", "wan"]["flows"]["software"] == 0
    states = {(flow["src"], flow["sport"]): flow["state"] for flow in home.router.flows()}
    assert states[str(fast.near[0]), fast.near[1]] == "software"
    assert states[str(slow.near[0]), slow.near[1]] == "slow"


def test_what_a_rule_drops_is_never_offloaded(home: Home, call: Call) -> None:
    talk = call(home.client, Target("203.0.113.1", port=2323), "udp")
    talk.say(20)
    assert home.evidence.slow(talk) == Crossing(20, 0)
    assert conntrack_flags(home.router, talk) == set()


def test_what_no_forwarding_permits_is_never_offloaded(home: Home, call: Call) -> None:
    with pytest.raises(ConnectionRefusedError):
        call(home.guest, Target("192.168.1.2"))
    talk = call(home.guest, Target("192.168.1.2"), "udp")
    for _ in range(20):
        with suppress(ConnectionRefusedError):  # the firewall's answer to the datagram before
            talk.say(1)
    assert home.evidence.slow(talk).original > 0
    assert conntrack_flags(home.router, talk) == set()


def test_an_established_connection_that_the_firewall_drops_is_never_offloaded(home: Home, call: Call) -> None:
    """Our chain stands behind the firewall: it never sees what the firewall drops, whatever conntrack thinks of it."""
    home.router.nft("insert rule inet fw4 forward udp dport 7007 ct state established drop")
    talk = call(home.laptop, home.internet4, "udp")
    talk.echo(1)  # the first is new, and its answer establishes
    talk.say(20)
    assert home.evidence.slow(talk) == Crossing(21, 1)
    assert conntrack_flags(home.router, talk) == set()
    rules = json.loads(home.router.run("nft", "-j", "list", "chain", "inet", "fw4", "forward"))["nftables"]
    handle = next(found["rule"]["handle"] for found in rules if "rule" in found)
    home.router.nft(f"delete rule inet fw4 forward handle {handle}")
