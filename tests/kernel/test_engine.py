"""The emulated engine itself, with a ruleset of the test: packets that it takes arrive unchanged, and not by the CPU.

Every message is random and compared with its echo. The devices leave checksums to the stack, so a receiver verifies
each packet; the server has no route to the client's IPv4 network, so answers prove the masquerade.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from kernel import chip
from kernel.evidence import Evidence, Sighting, conntrack_flags
from kernel.netns import Namespace
from kernel.traffic import ECHO, REQUEST, Crossing, Proto, Server, Talk, Target

Call = Callable[..., Talk]
ENOUGH = 100
MESSAGES = 3
RULESET = """
table inet byhand {{
	flowtable f {{
		hook ingress priority filter
		devices = {{ lan, wan }}
		flags offload
		counter
	}}
	chain forward {{
		type filter hook forward priority filter + 10; policy accept;
		ct state established meta l4proto {{ tcp, udp }} flow add @f
	}}
	chain srcnat {{
		type nat hook postrouting priority srcnat; policy accept;
		oifname "{wan}" meta nfproto ipv4 masquerade
	}}
}}
"""
FOUR, SIX = Target("203.0.113.2"), Target("2001:db8:ff::2")
KINDS: list[tuple[Target, Proto]] = [(FOUR, "tcp"), (FOUR, "udp"), (SIX, "tcp"), (SIX, "udp")]


@dataclass
class Bench:
    """Client, router and server, in a row."""

    client: Namespace
    router: Namespace
    server: Namespace
    evidence: Evidence
    wan: str

    def qdisc(self, device: str) -> int:
        """Packets that the device's qdiscs have seen."""
        listing = json.loads(self.router.run("tc", "-s", "-j", "qdisc", "show", "dev", device))
        return sum(each["packets"] for each in listing)

    def rules(self) -> int:
        return chip.rules(self.router, "lan", "wan")

    def forwarded(self) -> Crossing:
        """Packets that the engine has forwarded, from the client and from the server."""
        return Crossing(*(chip.count(self.router, device).forwarded for device in ("lan", "wan")))


def build(stack: ExitStack, vlan: str = "") -> Bench:
    """The row of hosts; with `vlan` the cable to the server carries that tag."""

    def host(name: str) -> Namespace:
        made = Namespace(name)
        stack.callback(made.delete)
        return made

    client, router, server = map(host, ("near", "middle", "far"))
    router.sysctl({"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1, "net/netfilter/nf_conntrack_acct": 1})
    chip.cable(router, "lan", client, "eth0")
    chip.cable(router, "wan", server, "eth0")
    wan, outer = "wan" + vlan, "eth0" + vlan
    if vlan:
        router.ip(f"link add link wan name {wan} type vlan id {vlan[1:]}", f"link set {wan} up")
        server.ip(f"link add link eth0 name {outer} type vlan id {vlan[1:]}", f"link set {outer} up")
    router.ip(
        *("addr add 192.168.1.1/24 dev lan", "addr add 2001:db8:1::1/64 dev lan"),
        *(f"addr add 203.0.113.1/24 dev {wan}", f"addr add 2001:db8:ff::1/64 dev {wan}"),
    )
    client.ip(
        *("addr add 192.168.1.2/24 dev eth0", "addr add 2001:db8:1::2/64 dev eth0"),
        *("route add default via 192.168.1.1", "route add ::/0 via 2001:db8:1::1"),
    )
    server.ip(
        *(f"addr add 203.0.113.2/24 dev {outer}", f"addr add 2001:db8:ff::2/64 dev {outer}"),
        "route add ::/0 via 2001:db8:ff::1",
    )
    router.nft(RULESET.format(wan=wan))
    stack.callback(Server(server).close)
    return Bench(client, router, server, Evidence(router), wan)


@pytest.fixture(params=["", ".7"], ids=["plain", "vlan"], name="either")
def _either(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield build(stack, request.param)


@pytest.fixture(name="bench")
def _bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield build(stack)


def exchange(talk: Talk, count: int) -> None:
    """Send random messages of every length and compare the echoes."""
    connected = talk._socket
    for _ in range(count):
        size = 1 + os.urandom(1)[0] * 5
        words = os.urandom(size)
        if talk.proto == "udp":
            connected.send(words)
            talk._datagrams[0] += 1
            assert connected.recv(2048) == words
            talk._datagrams[1] += 1
        else:
            connected.sendall(REQUEST.pack(ECHO, size) + words)
            received = b""
            while len(received) < size:
                received += connected.recv(size - len(received))
            assert received == words


def settled(bench: Bench, talk: Talk) -> None:
    """Talk until the engine has the conversation: a thread of the kernel gives it to the driver."""
    for _ in range(50):
        before = bench.forwarded()
        exchange(talk, MESSAGES)
        if min(bench.forwarded() - before) >= MESSAGES:
            return
        time.sleep(0.1)
    pytest.fail(f"the engine has {bench.rules()} rules and does not forward")


def watched(bench: Bench, talk: Talk) -> tuple[Sighting, Crossing, int]:
    """Counts of a conversation's packets: by path, forwarded by the engine, and queued by the qdiscs."""
    forwarded, queued = bench.forwarded(), bench.qdisc("lan") + bench.qdisc("wan")
    with bench.evidence.watch(talk) as seen:
        exchange(talk, ENOUGH)
    return seen, bench.forwarded() - forwarded, bench.qdisc("lan") + bench.qdisc("wan") - queued


def test_what_it_took_never_reaches_the_cpu(either: Bench, call: Call) -> None:
    for target, proto in KINDS:
        talk = call(either.client, target, proto)
        settled(either, talk)
        seen, forwarded, queued = watched(either, talk)
        assert seen.fast(ENOUGH), (target, proto, seen)
        assert min(forwarded) >= ENOUGH
        assert queued < ENOUGH / 10  # ARP, and what was on its way
        assert conntrack_flags(either.router, talk) == {"HW_OFFLOAD"}
        if proto == "tcp":
            talk.fetch(500_000)
            talk.push(500_000)
    assert either.rules() == 2 * len(KINDS)


def test_the_end_of_a_connection_reaches_the_cpu_and_its_rules_go(bench: Bench, call: Call) -> None:
    talk = call(bench.client, FOUR)
    settled(bench, talk)
    talk.close()
    deadline = time.monotonic() + 10
    while bench.rules() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert bench.rules() == 0
    assert "state=ESTABLISHED" not in bench.router.run("conntrack", "-L", "-p", "tcp", "-o", "extended")


@pytest.mark.parametrize(("name", "refuses"), [("refuse", {FOUR, SIX}), ("refuse-ipv6", {SIX})])
def test_what_it_refuses_stays_in_software(bench: Bench, call: Call, name: str, refuses: set[Target]) -> None:
    with chip.fault(bench.router, "lan", name), chip.fault(bench.router, "wan", name):
        for target in (FOUR, SIX):
            talk = call(bench.client, target, "udp")
            if target not in refuses:
                settled(bench, talk)
            exchange(talk, 10)
            seen, forwarded, queued = watched(bench, talk)
            assert seen.fast(ENOUGH), seen
            # a neighbour's question may cross the qdiscs at any time
            assert (forwarded == Crossing(0, 0), queued >= ENOUGH) == (target in refuses, target in refuses)
            assert conntrack_flags(bench.router, talk) == {"OFFLOAD" if target in refuses else "HW_OFFLOAD"}
    assert chip.count(bench.router, "lan").refused > 0


def test_a_full_table_refuses(bench: Bench, call: Call) -> None:
    with chip.parameter("table_size", "2"):
        first, second = call(bench.client, FOUR, "udp"), call(bench.client, SIX, "udp")
        settled(bench, first)
        exchange(second, 10)
        assert conntrack_flags(bench.router, second) == {"OFFLOAD"}
        assert bench.rules() == 2


def test_a_driver_may_keep_its_counters_to_itself(bench: Bench, call: Call) -> None:
    with chip.fault(bench.router, "lan", "uncounted"), chip.fault(bench.router, "wan", "uncounted"):
        bench.router.sysctl({"net/netfilter/nf_flowtable_udp_timeout": 5})
        talk = call(bench.client, FOUR, "udp")
        settled(bench, talk)
        listing = ["conntrack", "-L", "-p", "udp"]
        before = bench.router.run(*listing)
        for _ in range(8):
            exchange(talk, 10)
            time.sleep(1)
        seen, _, _ = watched(bench, talk)
        assert seen.fast(ENOUGH), seen  # used, so not expired
        assert bench.router.run(*listing) == before


@pytest.mark.parametrize("keeps", [False, True], ids=["forgets", "keeps"])
def test_a_table_that_is_deleted(bench: Bench, call: Call, keeps: bool) -> None:
    """The kernel unbinds first and calls the driver no more: one that keeps its rules goes on forwarding."""
    with ExitStack() as stack:
        if keeps:
            for device in ("lan", "wan"):
                stack.enter_context(chip.fault(bench.router, device, "keep-rules"))
        talk = call(bench.client, FOUR, "udp")
        settled(bench, talk)
        bench.router.nft("flush chain inet byhand forward; delete flowtable inet byhand f")
        time.sleep(2)
        before = bench.forwarded()
        talk.echo(10)
        assert (bench.rules(), min(bench.forwarded() - before)) == ((2, 10) if keeps else (0, 0))


def test_binding(bench: Bench) -> None:
    """As a stock kernel does it, and as OpenWrt's."""
    table = "table inet other {{ flowtable f {{ hook ingress priority 1; devices = {{ {0} }}; flags offload; }}; }}"
    bench.router.nft("delete table inet byhand")
    bench.router.ip("link add br0 type bridge")
    bench.router.nft(table.format("lan") + "\ndelete table inet other")
    with pytest.raises(AssertionError, match="not supported"):
        bench.router.nft(table.format("br0"))
    with chip.fault(bench.router, "lan", "no-bind"), pytest.raises(AssertionError, match="not supported"):
        bench.router.nft(table.format("lan"))
    with chip.without_offer(bench.router, "lan"):
        with pytest.raises(AssertionError, match="not supported"):
            bench.router.nft(table.format("lan"))
        with chip.parameter("bind_anything", "1"):
            bench.router.nft(table.format("lan, br0"))
            bench.router.nft("delete table inet other")
    with chip.fault(bench.router, "lan", "bind-nothing"):
        bench.router.nft(table.format("lan"))
        bench.router.nft("delete table inet other")
