"""What the options of /etc/config/offload mean to packets: which flows they keep slow, in both directions."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from kernel.evidence import conntrack_flags
from kernel.house import OFFLOAD, House, Shape
from kernel.inside import applied, decided, observed
from kernel.sides import bridge, port
from kernel.traffic import Talk
from offload.model.network import Snapshot
from offload.model.plan import CROSSINGS
from offload.system.nft.door import Nft

ENOUGH = 30
EF = 46
# Marks as pbr sets them: per packet, before routing.
MARKS = """
table inet pbr {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
		iifname "br-lan" meta l4proto udp meta mark set 0x00010000
	}
}
"""


@dataclass
class Desk:
    """A LAN behind NAT with four conversations that never end: opened from inside and outside, in both families."""

    house: House
    snapshot: Snapshot
    talks: dict[str, Talk]

    def choose(self, text: str = "") -> None:
        """Write /etc/config/offload and apply it."""
        (self.house.router.config / "offload").write_text(OFFLOAD + text)
        decision = decided(self.house.router, self.snapshot)
        assert not decision.problems, decision.problems
        applied(self.house.router, decision)

    def slow(self) -> set[str]:
        """Which of the conversations are on the slow path, each of them wholly or not at all."""
        for talk in self.talks.values():
            talk.echo(5)
        seen = dict(zip(self.talks, self.house.watch(list(self.talks.values()), ENOUGH), strict=True))
        # an acknowledgement that TCP held back may fall between two counts, so "every packet" is "as many as were sent"
        slow = {name for name, each in seen.items() if min(each.slow) >= ENOUGH}
        assert {name: each for name, each in seen.items() if name not in slow and not each.fast(ENOUGH)} == {}
        return slow


@pytest.fixture(scope="module")
def desk(house: House) -> Iterator[Desk]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        house.router.nft(MARKS)
        talks = {
            "out": house.call("lan", "wan"),
            "out6": house.call("lan", "wan", 6, "udp"),
            "in": house.call("wan", "lan"),
            "in6": house.call("wan", "lan", 6, "udp"),
        }
        talks["out"]._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EF << 2)
        house.router.ip("link add dummy0 type dummy", "link set dummy0 up")
        yield Desk(house, observed(house.router), talks)
        house.router.ip("link del dummy0")
        house.router.nft("delete table inet pbr")


EXEMPTS = {
    "zone-src": ("option src 'lan'", {"out", "out6"}),
    "zone-dest": ("option dest 'lan'", {"in", "in6"}),
    "both-zones": ("option src 'wan'\n\toption dest 'lan'", {"in", "in6"}),
    "address": ("list src_ip '192.168.1.2'", {"out"}),
    "network": ("list src_ip '192.168.1.0/28'\n\tlist src_ip '2001:db8:1::/64'", {"out", "out6"}),
    "address-behind-the-port-forward": ("list dest_ip '192.168.1.2'", {"in"}),
    "address-of-the-server": ("list dest_ip '203.0.113.2'\n\tlist dest_ip '2001:db8:ff::2'", {"out", "out6"}),
    "port": ("option proto 'tcp'\n\tlist dest_port '7007'", {"out", "in"}),
    "ports-and-address": (
        "option proto 'tcpudp'\n\tlist dest_port '7000-7010'\n\tlist dest_ip '2001:db8:1::/64'",
        {"in6"},
    ),
    "all-but-an-address": ("list src_ip '!192.168.1.2'", {"in"}),
    "all-but-an-address-of-each-family": (
        "list src_ip '!192.168.1.2'\n\tlist src_ip '!2001:db8:ff::2'",
        {"out6", "in"},
    ),
    "a-network-but-an-address": ("list src_ip '0.0.0.0/0'\n\tlist src_ip '!203.0.113.2'", {"out"}),
    "all-ports-but-one": ("option proto 'tcpudp'\n\tlist dest_port '!7007'", set()),
    "an-address-and-all-ports-but-one": (
        "list dest_ip '203.0.113.2'\n\tlist dest_ip '2001:db8:ff::2'\n\tlist dest_port '!7008'",
        {"out", "out6"},
    ),
    "all-but-a-mark": ("option mark '!0x10000/0xff0000'", {"out", "in", "in6"}),
    "all-but-a-class": ("option dscp '!EF'", {"out6", "in", "in6"}),
    "protocol": ("option proto 'udp'", {"out6", "in6"}),
    "mark": ("option mark '0x10000/0xff0000'", {"out6"}),
    "dscp": ("option dscp 'EF'", {"out"}),
}


@pytest.mark.parametrize(("match", "slow"), EXEMPTS.values(), ids=EXEMPTS)
def test_an_exemption_takes_live_flows_and_no_others(desk: Desk, match: str, slow: set[str]) -> None:
    desk.choose(f"\nconfig exempt\n\t{match}\n")
    assert desk.slow() == slow


def test_an_exemption_by_mac_means_who_opened(desk: Desk) -> None:
    address = desk.house.hosts["lan"].mac("eth0")
    desk.choose(f"\nconfig exempt\n\tlist src_mac '{address}'\n")
    assert desk.slow() == {"out", "out6"}
    desk.choose(f"\nconfig exempt\n\tlist src_mac '!{address}'\n")
    assert desk.slow() == {"in", "in6"}


def test_an_exemption_by_source_port_means_who_opened(desk: Desk) -> None:
    """Every reply comes from port 7007, the one called; no connection has it as source."""
    opened, called = (desk.talks[name].near[1] for name in ("out", "in6"))
    exempt = "\nconfig exempt\n\toption proto 'tcpudp'\n\tlist src_port '{}'\n"
    desk.choose(exempt.format(opened) + exempt.format(f"{called - 1}-{called}"))
    assert desk.slow() == {"out", "in6"}
    desk.choose(exempt.format(7007))
    assert desk.slow() == set()


def test_without_exemptions_all_are_fast_again(desk: Desk) -> None:
    desk.choose()
    assert desk.slow() == set()


@pytest.mark.parametrize("count", [10, 1000])
def test_exemptions_of_one_shape_are_one_rule(desk: Desk, count: int) -> None:
    addresses = (IPv4Address("198.18.0.0") + number for number in range(count - 1))
    others = "".join(f"\nconfig exempt\n\tlist dest_ip '{each}'\n" for each in addresses)
    desk.choose(others + "\nconfig exempt\n\tlist dest_ip '203.0.113.2'\n")
    with desk.house.router.entered():
        held = Nft().live(["flow_offload"])["flow_offload"]
    assert len(held.rules["exempt"]) == 1
    assert sum(len(each) for name, each in held.elements.items() if name != CROSSINGS) == count
    assert desk.slow() == {"out"}


def test_a_family_is_all_that_is_offloaded(desk: Desk) -> None:
    desk.choose("\toption family 'ipv4'\n")
    assert desk.slow() == {"out6", "in6"}


def test_a_pair_is_a_direction_of_opening(desk: Desk) -> None:
    desk.choose("\nconfig pair\n\toption src 'lan'\n\toption dest 'wan'\n\toption mode 'none'\n")
    assert desk.slow() == {"out", "out6"}


def test_an_excluded_port_is_seen_at_its_bridge(desk: Desk) -> None:
    desk.choose("\tlist exclude_device 'lan1'\n")
    assert desk.slow() == set()
    assert "lan1" not in desk.house.router.run("nft", "list", "flowtables", "inet")


def test_without_its_only_device_a_zone_is_slow(desk: Desk) -> None:
    desk.choose("\tlist exclude_device 'wan'\n")
    assert desk.slow() == {"out", "out6", "in", "in6"}


def test_a_device_that_is_named_is_listed(desk: Desk) -> None:
    desk.choose("\tlist device 'dummy0'\n")
    assert desk.slow() == set()
    assert "dummy0" in desk.house.router.run("nft", "list", "flowtables", "inet")


@pytest.mark.parametrize("after", [20, 200])
def test_a_flow_waits_for_its_packets(desk: Desk, after: int) -> None:
    desk.choose(f"\toption after_packets '{after}'\n")
    talk = desk.house.call("lan", "wan", proto="udp")
    talk.echo(after + ENOUGH)
    assert desk.house.evidence.slow(talk).original == pytest.approx(after, abs=1)
    talk.echo(5)
    (seen,) = desk.house.watch([talk], ENOUGH)
    assert seen.fast(ENOUGH)


def test_an_exemption_holds_where_only_replies_are_sent(desk: Desk) -> None:
    desk.choose()
    talk = desk.house.call("lan", "wan")
    desk.choose("\nconfig exempt\n\toption src 'lan'\n")
    with desk.house.evidence.watch(talk) as seen:
        talk.fetch(300_000)
    # what comes in is merged before it is counted, what goes out is not
    assert seen.slow.original >= seen.moved.original - 1 > 0 and seen.slow.reply > 0
    assert "OFFLOAD" not in conntrack_flags(desk.house.router, talk)
