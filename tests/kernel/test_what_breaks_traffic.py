"""Traffic that a flowtable or a chip leaves to the stack, and connections that change while they are offloaded."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.evidence import Sighting
from kernel.house import House, Shape
from kernel.inside import choose
from kernel.netns import Namespace
from kernel.rates import compared
from kernel.resident import resident
from kernel.sides import bridge
from kernel.traffic import Crossing, Proto, Talk, Target

ENGINE = ("lan1", "wan", "wan2")
SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan"), "wan2": chip.port("wan2")})
PACKETS, FIRST = 60, 20
MODES = ("none", "software", "hardware")
WHOLE = Crossing(PACKETS, PACKETS)
FRAGMENTED = 1900  # bytes of a datagram: more than the MTU, and what a Server still takes
RECORD_ROUTE = bytes([7, 15, 4, *bytes(12), 0])  # RFC 791: room for three addresses, and the end of the list
HELPER = """
table inet own {{
	ct helper it {{
		type "{helper}" protocol {proto}
	}}
	chain pre {{
		type filter hook prerouting priority filter; policy accept;
		{proto} dport 7007 ct helper set "it"
	}}
}}
"""
COUNTED = """
table inet own {{
	counter hits {{ }}
	chain counted {{
		type filter hook {} priority filter - 5; policy accept;
		udp dport 7007 {} counter name "hits"
	}}
}}
"""
TIMEOUTS = ("net/netfilter/nf_conntrack_tcp_timeout_established", "net/netfilter/nf_flowtable_tcp_timeout")
SHORT, USUAL = (dict(zip(TIMEOUTS, seconds, strict=True)) for seconds in ((2, 5), (432_000, 30)))
PATIENCE = 20.0
FAR = "2001:db8:77::2"  # both providers lead there


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


def begun(lab: House, mode: str, talk: Talk) -> Talk:
    """The conversation once the chip has it, where hardware is chosen."""
    return chip.settled(lab.router, ENGINE, talk) if mode == "hardware" else talk


def watched(lab: House, talk: Talk, size: int = 100) -> Sighting:
    """The packets of a conversation of PACKETS messages, by path."""
    with lab.evidence.watch(talk) as seen:
        talk.echo(PACKETS, size)
    return seen


@contextmanager
def counting(host: Namespace, hook: str, match: str = "") -> Iterator[None]:
    """With a counter of the datagrams that pass a hook of this host."""
    host.nft(COUNTED.format(hook, match))
    try:
        yield
    finally:
        host.nft("delete table inet own")


def hits(host: Namespace) -> int:
    """What the counter has."""
    listed = json.loads(host.run("nft", "-j", "list", "counter", "inet", "own", "hits"))["nftables"]
    return int(next(each["counter"]["packets"] for each in listed if "counter" in each))


def of_all(count: int, what: str = "packets") -> str:
    return f"{count} of {PACKETS} {what}"


def test_fragments_arrive_and_are_slow(lab: House) -> None:
    found = {}
    for mode in MODES:
        choose(lab.router, mode)
        found[mode] = watched(lab, begun(lab, mode, lab.call("lan", "wan", proto="udp")), FRAGMENTED)
        assert found[mode].moved == WHOLE and found[mode].all_slow()
    arrived = {mode: of_all(found[mode].moved.reply, "answered") for mode in MODES}
    compared("datagrams in fragments", arrived, "nothing: the kernel keeps them slow")


def test_packets_with_ip_options_arrive_and_are_slow(lab: House) -> None:
    found = {}
    for mode in MODES:
        choose(lab.router, mode)
        talk = begun(lab, mode, lab.call("lan", "wan", proto="udp"))
        talk.ip_options(RECORD_ROUTE)
        found[mode] = watched(lab, talk)
        assert found[mode].moved == WHOLE and found[mode].slow.original == PACKETS
    assert [found[mode].slow.reply for mode in MODES] == [PACKETS, 0, 0], "answers have no options"
    arrived = {mode: of_all(found[mode].moved.reply, "answered") for mode in MODES}
    compared("packets with IPv4 options", arrived, "nothing: the kernel keeps them slow")


@pytest.mark.parametrize(("helper", "proto"), [("ftp", "tcp"), ("sip", "udp")])
def test_a_connection_with_a_helper_shows_it_every_packet(lab: House, helper: str, proto: Proto) -> None:
    lab.router.run("modprobe", f"nf_conntrack_{helper}")
    lab.router.nft(HELPER.format(helper=helper, proto=proto))
    found = {}
    try:
        for mode in MODES:
            choose(lab.router, mode)
            found[mode] = watched(lab, lab.call("lan", "wan", proto=proto))
            assert found[mode].all_slow()
    finally:
        lab.router.nft("delete table inet own")
    by_helper = {mode: of_all(min(found[mode].slow.reply, PACKETS)) for mode in MODES}
    compared(f"connection with a helper ({helper}), seen by it", by_helper, "nothing: the kernel keeps it slow")


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_an_idle_connection_goes_on_and_is_fast_again(lab: House, proto: Proto) -> None:
    """Idle for longer than the flowtable keeps a flow, which the kernel then gives back to conntrack."""
    found = {}
    timeout = f"net/netfilter/nf_flowtable_{proto}_timeout"
    for mode in MODES:
        choose(lab.router, mode)
        lab.router.sysctl({timeout: 1})
        talk = begun(lab, mode, lab.call("lan", "wan", proto=proto))
        wait_until(partial(offloaded, lab, talk, False), "the flowtable gives the flow back")
        found[mode] = watched(lab, talk)
        lab.router.sysctl({timeout: 30})
        assert min(found[mode].moved) >= PACKETS
    assert found["none"].all_slow() and max(sum(found[mode].slow) for mode in MODES[1:]) <= 4
    answered = {mode: of_all(PACKETS, "answered") for mode in MODES}
    did = "nothing: conntrack keeps it, and it is fast again"
    compared(f"{proto.upper()} connection after a pause longer than the flowtable's timeout", answered, did)


def test_an_idle_connection_is_kept_longer_than_a_timeout_below_the_flowtable_s(lab: House) -> None:
    """The flowtable keeps it for its own time; when it lets the flow go, conntrack's is over."""
    found = {}
    for mode in MODES:
        choose(lab.router, mode)
        lab.router.sysctl(SHORT)
        talk = begun(lab, mode, lab.call("lan", "wan"))
        began = time.monotonic()
        while known(lab, talk):
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.5)
        found[mode] = time.monotonic() - began
        if mode == "software":
            said = " ".join(lab.router.offload("check", codes=(0, 1, 3)).split())
            assert "nf_conntrack_tcp_timeout_established is 2 s" in said
        lab.router.sysctl(USUAL)
    assert found["none"] < min(found[mode] for mode in MODES[1:])
    kept = {mode: f"{seconds:.0f} s" for mode, seconds in found.items()}
    compared("idle TCP connection, its timeout 2 s and the flowtable's 5 s: kept for", kept, "offload check names it")


def known(lab: House, talk: Talk) -> bool:
    """Whether conntrack has the connection."""
    return "src=" in lab.router.run("conntrack", "-L", "-p", talk.proto, "--orig-port-src", str(talk.near[1]))


def offloaded(lab: House, talk: Talk, wanted: bool) -> bool:
    """Whether conntrack has the connection, offloaded as wanted."""
    listed = lab.router.run("conntrack", "-L", "-p", talk.proto, "--orig-port-src", str(talk.near[1]))
    return "src=" in listed and ("OFFLOAD]" in listed) == wanted  # [HW_OFFLOAD] in hardware


def test_a_half_closed_connection_ends_its_download(lab: House) -> None:
    size, found = 300_000, {}
    for mode in MODES:
        choose(lab.router, mode)
        found[mode] = begun(lab, mode, lab.call("lan", "wan")).last_fetch(size)
    assert found == dict.fromkeys(MODES, size)
    did = "nothing: the kernel takes it to the slow path"
    compared("download after the client's FIN", {mode: f"{found[mode] // 1000} kB" for mode in MODES}, did)


def test_an_upload_goes_on_where_the_mtu_becomes_smaller(lab: House) -> None:
    size, found = 200_000, {}
    for mode in MODES:
        choose(lab.router, mode)
        talk = begun(lab, mode, lab.call("lan", "wan"))
        talk.push(size)
        lab.router.ip("link set wan mtu 1280")
        before = talk.packets().original
        talk.push(size)
        found[mode] = talk.packets().original - before
        lab.router.ip("link set wan mtu 1500")
        assert found[mode] >= size // 1280, "its segments are smaller now"
    did = "nothing: larger packets are slow, and the sender gets ICMP"
    segments = {mode: f"in {found[mode]} segments" for mode in MODES}
    compared("upload of 200 kB after the MTU of wan became 1280", segments, did)


def test_tools_see_the_first_packets_they_need(lab: House) -> None:
    found = {}
    with counting(lab.router, "forward", f"ct direction original ct original packets <= {FIRST}"):
        for name, mode, more in (
            ("none", "none", ""),
            ("without", "software", ""),
            ("software", "software", f"\toption after_packets '{FIRST}'\n"),
            ("hardware", "hardware", f"\toption after_packets '{FIRST}'\n"),
        ):
            choose(lab.router, mode, more)
            before = hits(lab.router)
            lab.call("lan", "wan", proto="udp").echo(PACKETS)
            found[name] = hits(lab.router) - before
    assert {found[mode] for mode in MODES} == {FIRST} and found["without"] < FIRST
    did = f"after_packets {FIRST}; without it {found['without']}"
    compared(f"first {FIRST} packets (DPI, zapret)", {mode: f"{found[mode]} packets" for mode in MODES}, did)


def test_a_flow_follows_the_default_route_to_the_other_wan(lab: House) -> None:
    found = {}
    for far in ("wan", "wan2"):
        lab.hosts[far].ip(f"addr add {FAR}/128 dev eth0 nodad")
    with counting(lab.hosts["wan2"], "input"):
        for mode in MODES:
            choose(lab.router, mode)
            with resident(lab.router) if mode != "none" else nullcontext():
                found[mode] = moved(lab, mode)
    assert found == dict.fromkeys(MODES, PACKETS)
    followed = {mode: of_all(found[mode]) for mode in found}
    compared("default route that moves to the second wan (IPv6)", followed, "the tables are returned")


def arrives(lab: House, talk: Talk, there: int) -> bool:
    """Whether the next packet arrives by the second wan, where so many were before."""
    talk.echo(1)
    return hits(lab.hosts["wan2"]) > there


def moved(lab: House, mode: str) -> int:
    """Packets of a flow that arrive by the second wan, once the first of them does."""
    lab.router.ip("route replace default via 2001:db8:ff::2")
    talk = Talk(lab.hosts["lan"], Target(FAR), "udp")
    lab.talks.append(talk)
    talk.echo(FIRST)
    begun(lab, mode, talk)
    there = hits(lab.hosts["wan2"])
    lab.router.ip("route replace default via 2001:db8:fe::2")
    wait_until(lambda: arrives(lab, talk, there), "the second wan")
    before = hits(lab.hosts["wan2"])
    talk.echo(PACKETS)
    lab.router.ip("route del default via 2001:db8:fe::2")
    return hits(lab.hosts["wan2"]) - before


def test_a_stopped_firewall_stops_offload_until_one_is_loaded(lab: House) -> None:
    """As `/etc/init.d/firewall stop` does it: all tables are deleted, the one that counts slow packets among them."""
    tables = {name: lab.router.run("nft", "list", "table", "inet", name) for name in ("fw4", "evidence")}
    found = {}
    for mode in MODES:
        lab.router.run("nft", "flush", "ruleset")
        choose(lab.router, mode)
        if mode == "software":
            assert "no firewall is loaded" in lab.router.offload("status", codes=(0, 1, 3))
        lab.router.nft(tables["evidence"])
        found[mode] = watched(lab, lab.call("lan", "wan", proto="udp"))
        lab.router.nft(tables["fw4"])
    choose(lab.router, "hardware")
    assert watched(lab, begun(lab, "hardware", lab.call("lan", "wan", proto="udp"))).fast(PACKETS)
    assert all(found[mode].all_slow() for mode in MODES)
    slow = {mode: of_all(found[mode].slow.original) for mode in MODES}
    compared(
        "stopped firewall: packets that the stack forwards", slow, "nothing is offloaded until a firewall is loaded"
    )
