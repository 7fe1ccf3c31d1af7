"""The life of flows in hardware: changed modes, returned tables, cuts, and every way in which a flow can end.

Afterwards conntrack and the engine agree: the engine has two rules for each connection with the status HW_OFFLOAD, and
no others.
"""

import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.house import House, Shape
from kernel.inside import applied, decided, moved, observed
from kernel.netns import Namespace
from kernel.resident import resident
from kernel.sides import bridge
from kernel.steady import Drip, download, quiet, since
from kernel.traffic import PORT, Talk
from offload.model.flow import Tuple
from offload.service.bus.cut import Selection, cut
from offload.system.netlink.ct.conntrack import Conntrack

ENOUGH = 60
SHAPE = Shape({"lan": bridge(chip.port("lan1"), chip.port("lan2", "eth1")), "wan": chip.port("wan")})
ENGINE = ("lan1", "lan2", "wan")
CHOICE = "config globals 'globals'\n\toption mode '{}'\n"
SHORT = {f"net/netfilter/nf_flowtable_{proto}_timeout": 3 for proto in ("tcp", "udp")}
LONG = dict.fromkeys(SHORT, 30)
HARDWARE = "flow_offload_hw"
GAP = 5.0  # seconds; TCP waits ever longer before it tries again


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


@pytest.fixture(name="lab")
def _lab(built: House) -> House:
    """The router in hardware, without connections of an earlier test."""
    built.router.run("conntrack", "-F")
    choose(built, "hardware")
    wait_until(lambda: rules(built) == 0, "an empty table")
    return built


def choose(lab: House, mode: str) -> None:
    """What the user writes, and what the product does about it."""
    lab.router.write("offload", CHOICE.format(mode))
    applied(lab.router, decided(lab.router, observed(lab.router)))


def rules(lab: House) -> int:
    """Rules that the engine has, of the devices that are there."""
    there = lab.router.run("ip", "-br", "link", "show", "type", "engine")
    return chip.rules(lab.router, *(name for name in ENGINE if f"{name}@" in there))


def forwarded(lab: House) -> int:
    return chip.forwarded(lab.router, ENGINE)


def marked(lab: House) -> int:
    """Connections of both families that carry the mark."""
    return lab.router.run("conntrack", "-L").count("[HW_OFFLOAD]")


def agree(lab: House) -> bool:
    """Conntrack and the engine say the same."""
    there, connections = rules(lab), marked(lab)
    return there == 2 * connections


def agreement(lab: House) -> None:
    """Wait for it; connections and the kernel's own threads may be on their way."""
    for _ in range(100):
        if agree(lab):
            return
        time.sleep(0.1)
    pytest.fail(f"{rules(lab)} rules and\n{lab.router.run('conntrack', '-L')}")


def settled(lab: House, talk: Talk) -> Talk:
    return chip.settled(lab.router, ENGINE, talk)


def original(talk: Talk) -> Tuple:
    """The conversation as conntrack names it."""
    (near, sport), (far, dport, *_) = talk.near, talk._socket.getpeername()
    return Tuple(near.packed, ip_address(far).packed, sport, dport)


def test_modes_that_change_under_load(lab: House) -> None:
    pulse, load = lab.call("lan", "wan", proto="udp"), lab.call("lan", "wan", 6)
    with quiet(pulse, 0.05) as beating, download(load) as loading:
        for mode in ("hardware", "software", "hardware", "none", "software", "hardware"):
            choose(lab, mode)
            talk = lab.call("lan", "wan")
            if mode == "hardware":
                settled(lab, talk)
            before = forwarded(lab)
            talk.echo(10)
            (seen,) = lab.watch([talk], ENOUGH)
            assert min(seen.slow) >= ENOUGH if mode == "none" else seen.fast(ENOUGH), (mode, seen)
            assert (forwarded(lab) - before >= 2 * ENOUGH) == (mode == "hardware"), mode
            talk.close()
    assert (beating.error, loading.error) == (None, None)
    assert max(beating.longest, loading.longest) < GAP
    agreement(lab)


def test_a_return_reaches_them_and_ends_none(lab: House) -> None:
    talks = [settled(lab, lab.call("lan", "wan", *kind)) for kind in ((4, "tcp"), (6, "udp"))]
    decision = decided(lab.router, observed(lab.router))
    taken = chip.count(lab.router, "wan").taken
    with quiet(talks[0], 0.05) as beating:
        for _ in range(5):
            done = applied(lab.router, decision, [HARDWARE])
            assert (done.changes, done.returned) == (2, (HARDWARE,))
    assert beating.error is None
    assert beating.longest < GAP
    assert chip.count(lab.router, "wan").taken > taken

    def back() -> bool:
        for talk in talks:
            talk.echo(3)
        return rules(lab) == 2 * len(talks) and agree(lab)

    wait_until(back, "their way back into hardware")


def test_a_cut_reaches_them(lab: House) -> None:
    kept, ended = (settled(lab, lab.call("lan", "wan")) for _ in range(2))
    with lab.router.entered():
        decision = decided(lab.router, observed(lab.router))
        done = cut(Selection(tuples=frozenset({original(ended)})), decision.snapshot, decision.plan, Conntrack())
    assert (done.ended, done.error) == (1, "")
    wait_until(lambda: agree(lab) and rules(lab) == 2, "agreement")
    kept.echo(10)


def test_idle_flows_go_back_to_conntrack(lab: House) -> None:
    lab.router.sysctl(SHORT)
    talks = [settled(lab, lab.call("lan", "wan", 4, proto)) for proto in ("tcp", "udp")]
    wait_until(lambda: rules(lab) == 0, "an empty table")
    assert marked(lab) == 0
    for talk in talks:
        settled(lab, talk)
    lab.router.sysctl(LONG)


def test_busy_flows_stay_for_longer_than_the_timeout(lab: House) -> None:
    lab.router.sysctl(SHORT)
    talk = settled(lab, lab.call("lan", "wan", proto="udp"))
    destroyed = chip.count(lab.router, "wan").destroyed
    with quiet(talk, 0.2) as beating:
        wait_until(lambda: len(beating.times) > 40, "the fortieth beat")
    assert beating.error is None
    assert chip.count(lab.router, "wan").destroyed == destroyed
    lab.router.sysctl(LONG)


@pytest.mark.parametrize("linger", [None, struct.pack("ii", 1, 0)], ids=["fin", "rst"])
def test_the_end_of_a_connection(lab: House, linger: bytes | None) -> None:
    talk = settled(lab, lab.call("lan", "wan"))
    if linger:
        talk._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    talk.close()
    wait_until(lambda: rules(lab) == 0 and marked(lab) == 0, "agreement")


def test_a_device_that_goes_down(lab: House) -> None:
    talk = settled(lab, lab.call("lan", "wan"))
    lab.router.ip("link set lan1 down")
    wait_until(lambda: rules(lab) == 0 and agree(lab), "agreement")
    lab.router.ip("link set lan1 up")
    settled(lab, talk)
    agreement(lab)


def test_a_port_that_is_used_again(lab: House) -> None:
    first = settled(lab, lab.call("lan", "wan", proto="udp"))
    near, port = first.near
    lab.router.run("conntrack", "-D", "-p", "udp", "--orig-src", str(near), "--sport", str(port))
    first.close()
    with lab.hosts["lan"].entered():
        again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with again:
        again.bind((str(near), port))
        again.settimeout(5)
        again.connect((str(lab.target("wan").address), PORT))
        for word in (b"one", b"two", b"three", b"four"):
            again.send(word)
            assert again.recv(100) == word
        agreement(lab)


def test_a_port_that_is_used_again_right_after_its_connection(lab: House) -> None:
    """As soon as the engine has forgotten the connection before; conntrack remembers it for a while."""
    station = lab.hosts["lan"]
    station.sysctl({"net/ipv4/tcp_max_tw_buckets": 0})  # it does not wait before it uses a port again
    first = settled(lab, lab.call("lan", "wan"))
    first._socket.shutdown(socket.SHUT_WR)
    assert first._socket.recv(1) == b""
    first.close()
    wait_until(lambda: rules(lab) == 0, "an empty table")
    assert f"sport={first.near[1]} " in lab.router.run("conntrack", "-L")
    again = Talk(station, lab.target("wan"), port=first.near[1])
    lab.talks.append(again)
    settled(lab, again)
    agreement(lab)


def move(station: Namespace, there: str, here: str) -> None:
    """Take the station from one cable to another; it keeps its MAC address, and its IPv4 address."""
    mac = station.mac(there)
    station.ip(f"link set {there} down", f"link set {here} address {mac}", f"link set {here} up")
    station.ip(f"addr flush dev {there}", f"addr add 192.168.1.2/24 dev {here}", "route add default via 192.168.1.1")


@pytest.fixture(name="station")
def _station(lab: House) -> Iterator[Namespace]:
    """The LAN's host, which is where it was when the test ends."""
    station = lab.hosts["lan"]
    yield station
    move(station, "eth1", "eth0")
    station.ip("addr add 2001:db8:1::2/64 dev eth0", "route add ::/0 via 2001:db8:1::1")


def test_a_station_that_moves(lab: House, station: Namespace) -> None:
    """Its packets come in elsewhere, and answers go on to where it was, until its table is returned."""
    talk = settled(lab, lab.call("lan", "wan", proto="udp"))
    before = observed(lab.router)
    move(station, "eth0", "eth1")
    talk._socket.settimeout(1)
    with pytest.raises(TimeoutError):
        talk.echo(1)
    decision = decided(lab.router, before)
    tables = moved(before, observed(lab.router), decision.plan)
    assert HARDWARE in tables
    applied(lab.router, decision, tables)
    settled(lab, talk)
    agreement(lab)


def test_a_station_that_moves_is_followed_by_the_service(lab: House, station: Namespace) -> None:
    talk = settled(lab, lab.call("lan", "wan", proto="udp"))
    with resident(lab.router) as service:
        service.quiet()
        with Drip(talk) as drip:
            move(station, "eth0", "eth1")
            moved_at = time.monotonic()
            wait_until(lambda: since(drip.times, moved_at), "an answer at the new place")
        settled(lab, talk)
        agreement(lab)


def test_a_device_and_then_its_driver_go_under_traffic(lab: House) -> None:
    """The last, for nothing comes back: a device with its far end, and later the module with every device it has."""
    station, talk = lab.hosts["lan"], settled(lab, lab.call("lan", "wan", proto="udp"))
    mac = station.mac("eth0")
    with Drip(talk):
        lab.router.ip("link del lan1")
        wait_until(lambda: rules(lab) == 0 and agree(lab), "agreement")
    choose(lab, "hardware")
    station.ip(f"link set eth1 address {mac}", "link set eth1 up", "addr add 192.168.1.2/24 dev eth1")
    station.ip("route add default via 192.168.1.1")
    talk = chip.settled(lab.router, ("lan2", "wan"), lab.call("lan", "wan", proto="udp"))
    with Drip(talk):
        lab.router.run("rmmod", "engine")
        wait_until(lambda: marked(lab) == 0, "connections without the mark")
    assert "devices" not in lab.router.run("nft", "list", "flowtables", "inet")
    chip.load()
