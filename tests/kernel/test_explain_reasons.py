"""What `explain` answers in a house where everything works: for each choice, fault and kind of traffic its Reason."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kernel.house import FORWARDING, House, Shape
from kernel.inside import NETIFD, capability
from kernel.local import Local
from kernel.radio import give
from kernel.scenes import WHY, shows
from kernel.sides import bridge, port
from kernel.traffic import PORT, Proto
from offload.model.problems.reason import ReasonCode
from offload.system.kernel import conntrack_max, release
from offload.system.nft.door import Nft
from offload.system.nft.probe import probe

SHAPE = Shape({"lan": bridge(port("lan1")), "guest": port("guest1"), "iot": port("iot1"), "wan": port("wan")})
CONCLUSION = "conclusion"
GLOBALS = "config globals 'globals'\n"
NOTHING, SOFTWARE = (f"{GLOBALS}\toption mode '{mode}'\n" for mode in ("none", "software"))
ZONE = "\nconfig zone\n\toption name '{}'\n\toption {} '{}'\n"
PAIR = "\nconfig pair\n\toption src '{}'\n\toption dest '{}'\n\toption mode '{}'\n"
EXEMPT = "\nconfig exempt\n\toption src 'lan'\n\toption dest 'wan'\n{}"
CAMS = "\nconfig zone\n\toption name 'cams'\n\toption forward 'REJECT'\n{}" + FORWARDING.format(src="cams", dest="wan")
HALF, REST = "\tlist subnet '192.168.1.128/25'\n", "\tlist subnet '!192.168.1.200'\n"
ALL = "\tlist subnet '::/0'\n"
LIMITS = """table inet limits {{
	chain forward {{
		type filter hook forward priority 5; policy accept;
		{} limit rate over 100000/second drop
	}}
}}
"""
OF_LAN, OF_TALKS = 'iifname "br-lan"', f"udp dport {PORT}"
ODD = 'odd"1'
HELPER = f"""table inet own {{
	ct helper it {{
		type "ftp" protocol tcp
	}}
	chain pre {{
		type filter hook prerouting priority filter; policy accept;
		tcp dport {PORT} ct helper set "it"
	}}
}}
"""
# The handshake is answered by the kernel, whose sequence numbers are not the server's.
SYNPROXY = f"""table inet own {{
	chain pre {{
		type filter hook prerouting priority raw; policy accept;
		iifname "br-lan" tcp dport {PORT} tcp flags & (fin | syn | rst | ack) == syn notrack
	}}
	chain forward {{
		type filter hook forward priority filter - 5; policy accept;
		iifname "br-lan" tcp dport {PORT} ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
	}}
}}
"""
LOOSE = "net/netfilter/nf_conntrack_tcp_loose"  # with it the end of a handshake makes a connection
CONNTRACK_MAX = Path("/proc/sys/net/netfilter/nf_conntrack_max")


@dataclass(frozen=True)
class Scene:
    """What a user writes, who calls whom, and the step of the explanation that has each Reason, or CONCLUSION."""

    answers: Mapping[ReasonCode, str]
    offload: str = SOFTWARE
    firewall: tuple[tuple[str, str], ...] = ()  # parts of /etc/config/firewall, and what stands there instead
    more: str = ""  # sections of /etc/config/firewall
    rules: str = ""  # table `limits`
    call: tuple[str, str, int, Proto] = field(default=("lan", "wan", 4, "udp"))


def concludes(code: ReasonCode, offload: str = SOFTWARE) -> Scene:
    """A scene of one Reason, by a choice in /etc/config/offload."""
    return Scene({code: CONCLUSION}, offload)


def zone(name: str, *lines: str) -> tuple[str, str]:
    """More options of a zone of /etc/config/firewall."""
    own = f"\toption name '{name}'\n"
    return own, own + "".join(f"\t{line}\n" for line in lines)


SCENES = {
    "switched off": concludes(WHY.OFFLOAD_DISABLED, SOFTWARE + "\toption enabled '0'\n"),
    "no choice": concludes(WHY.MODE_UNSET, NOTHING),
    "none for a zone": concludes(WHY.MODE_NONE, SOFTWARE + ZONE.format("lan", "mode", "none")),
    "none for a pair": concludes(WHY.PAIR_MODE_NONE, SOFTWARE + PAIR.format("lan", "wan", "none")),
    "a mode that is none": concludes(WHY.CONFIG_FAULT, SOFTWARE + ZONE.format("lan", "mode", "softwre")),
    "an exempt without a readable address": concludes(
        WHY.EXEMPT_FAULT, SOFTWARE + EXEMPT.format("\tlist src_ip '192.168.1.256'\n")
    ),
    "an exempt of all": concludes(WHY.EXEMPT, SOFTWARE + EXEMPT.format("")),
    "exempts that are all together": concludes(
        WHY.EXEMPT_PART, SOFTWARE + "".join(EXEMPT.format(f"\toption proto '{each}'\n") for each in ("tcp", "udp"))
    ),
    "an exempt of the port": concludes(
        WHY.EXEMPTED, SOFTWARE + EXEMPT.format(f"\toption proto 'udp'\n\tlist dest_port '{PORT}'\n")
    ),
    "packets to come first": concludes(WHY.AFTER_PACKETS, SOFTWARE + "\toption after_packets '50'\n"),
    "a device that is left out": concludes(WHY.EXCLUDED_BY_USER, SOFTWARE + "\tlist exclude_device 'wan'\n"),
    "two families": concludes(
        WHY.FAMILIES_DISJOINT, SOFTWARE + ZONE.format("lan", "family", "ipv4") + ZONE.format("wan", "family", "ipv6")
    ),
    "the other family": Scene(
        {WHY.OTHER_FAMILY: CONCLUSION}, SOFTWARE + "\toption family 'ipv4'\n", call=("lan", "wan", 6, "udp")
    ),
    "a zone below the other": Scene(
        {WHY.LOWER_MODE: "pair"},
        GLOBALS
        + "\toption mode 'none'\n"
        + ZONE.format("lan", "mode", "hardware")
        + ZONE.format("wan", "mode", "software"),
    ),
    "pairs below their zone": Scene(
        {WHY.PAIRS_LOWER: "source"},
        SOFTWARE
        + ZONE.format("lan", "mode", "hardware")
        + PAIR.format("lan", "*", "software")
        + PAIR.format("*", "lan", "software"),
    ),
    "a pair above its zone": Scene(
        {WHY.PAIRS_HIGHER: "source"},
        SOFTWARE + ZONE.format("lan", "mode", "none") + PAIR.format("lan", "wan", "software"),
    ),
    "fw4's own offload": Scene(
        {WHY.FW4_OFFLOADS: CONCLUSION},
        firewall=(("config defaults\n", "config defaults\n\toption flow_offloading '1'\n"),),
    ),
    "a limit of all": Scene({WHY.MARKED: CONCLUSION}, rules=LIMITS.format(OF_LAN)),
    "a limit of the port": Scene({WHY.MARKED_PART: "pair", WHY.EXEMPTED: CONCLUSION}, rules=LIMITS.format(OF_TALKS)),
    "a zone of addresses": Scene(
        {WHY.SUBNETS_PART: "pair"}, SOFTWARE + ZONE.format("cams", "mode", "none"), more=CAMS.format(HALF)
    ),
    "a zone of addresses that may be any": Scene(
        {WHY.SUBNETS_ANY: CONCLUSION}, SOFTWARE + ZONE.format("cams", "mode", "none"), more=CAMS.format(HALF + REST)
    ),
    "a zone of all addresses of a family": Scene(
        {WHY.SUBNETS_FAMILY: "pair"}, SOFTWARE + ZONE.format("cams", "mode", "none"), more=CAMS.format(ALL)
    ),
    "a connection of that family": Scene(
        {WHY.SUBNETS_FAMILY: "pair", WHY.IN_SUBNETS: CONCLUSION},
        SOFTWARE + ZONE.format("cams", "mode", "none"),
        more=CAMS.format(ALL),
        call=("lan", "wan", 6, "udp"),
    ),
    "a zone without some devices": Scene(
        {WHY.ZONE_INVERTED: "source"}, firewall=(zone("guest", "list device '!wan'"),), call=("guest", "wan", 4, "udp")
    ),
    "a device of a slower zone": Scene(
        {WHY.SHARED_DEVICES: "pair"},
        SOFTWARE + ZONE.format("guest", "mode", "none"),
        firewall=(zone("iot", "list device 'guest1'"),),
        call=("iot", "wan", 4, "udp"),
    ),
    "a device of a zone with one family": Scene(
        {WHY.SHARED_FAMILY: "pair"},
        SOFTWARE + ZONE.format("guest", "family", "ipv6"),
        firewall=(zone("iot", "list device 'guest1'"),),
        call=("iot", "wan", 4, "udp"),
    ),
    "no forwarding": Scene(
        {WHY.NOT_PERMITTED: "source", WHY.PAIR_UNKNOWN: CONCLUSION},
        firewall=(
            ("option forward 'ACCEPT'", "option forward 'REJECT'"),
            ("option src 'guest'", "option src 'lan'"),
            ("option dest 'guest'", "option dest 'wan'"),
        ),
        call=("guest", "wan", 4, "udp"),
    ),
    "a network of no zone": Scene(
        {WHY.ZONE_UNKNOWN: CONCLUSION},
        firewall=(("list network 'iot'", "list network 'attic'"),),
        call=("iot", "wan", 4, "udp"),
    ),
    "devices and networks that are not what the zone wants": Scene(
        {
            WHY.NETWORK_DOWN: "source",
            WHY.NETWORK_UNKNOWN: "source",
            WHY.LINK_MISSING: "devices",
            WHY.LOOPBACK: "devices",
            WHY.ODD_NAME: "devices",
            WHY.NOT_FOLLOWED: "devices",
            WHY.BOND_MEMBER: "devices",
            WHY.TOO_DEEP: "devices",
            WHY.BRIDGE_UNDER_VLAN: "devices",
            WHY.WIRELESS_PORT: "devices",
        },
        firewall=(
            zone(
                "guest",
                *(f"list network '{name}'" for name in ("attic", "modem")),
                *(
                    f"list device '{name}'"
                    for name in ("eth9", "lo", "macvlan1", "odd*", "bond0", "spare1.1.2.3", "br-air.10")
                ),
            ),
        ),
        call=("guest", "wan", 4, "udp"),
    ),
}


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[Local]:
    with house.shaped(SHAPE), ExitStack() as stack:
        stack.enter_context(odd_devices(house))
        replies = house.router.replies / NETIFD
        down = '{"interface": "modem", "up": false, "proto": "dhcp", "data": {}}, '
        replies.write_text(replies.read_text().replace("[", "[" + down, 1))
        yield Local(house)


@contextmanager
def odd_devices(house: House) -> Iterator[None]:
    """Devices beside those that packets pass, which a flowtable cannot have or does not need."""
    router = house.router
    subprocess.run(["modprobe", "mac80211_hwsim", "radios=1"], check=True)
    give("wlan0", router)
    router.run("iw", "dev", "wlan0", "set", "type", "__ap")
    router.ip(
        "link add spare0 type veth peer name spare1",
        "link add member0 type veth peer name member1",
        "link add link spare0 name macvlan1 type macvlan",
        "link add bond0 type bond",
        "link set member0 master bond0",
        "link add link spare1 name spare1.1 type vlan id 1",
        "link add link spare1.1 name spare1.1.2 type vlan id 2",
        "link add link spare1.1.2 name spare1.1.2.3 type vlan id 3",
        "link add br-air type bridge",
        "link set wlan0 master br-air",
        "link add link br-air name br-air.10 type vlan id 10",
    )
    router.run("ip", "link", "add", "link", "spare0", "name", ODD, "type", "macvlan")
    yield
    router.ip("link del spare0", "link del member0")
    subprocess.run(["modprobe", "-r", "mac80211_hwsim"], check=True)


@pytest.fixture(name="lab")
def _lab(built: Local) -> Iterator[Local]:
    """A service that has just started; what a test writes and loads is gone afterwards."""
    firewall = built.house.router.config / "firewall"
    before = firewall.read_text()
    built.start()
    yield built
    firewall.write_text(before)
    for name in ("limits", "own"):
        built.house.router.nft(f"table inet {name}\ndelete table inet {name}\n")


@shows(*(code for scene in SCENES.values() for code in scene.answers))
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_what_was_written(lab: Local, scene: Scene) -> None:
    firewall = lab.house.router.config / "firewall"
    text = firewall.read_text()
    for part, instead in scene.firewall:
        assert part in text
        text = text.replace(part, instead)
    firewall.write_text(text + scene.more)
    lab.house.router.nft(scene.rules)
    lab.choose(scene.offload)
    found = lab.explain(lab.house.call(*scene.call))
    for code, step in scene.answers.items():
        assert code.name in ([found.code] if step == CONCLUSION else found.steps[step].codes)


@shows(WHY.NOT_OFFLOADABLE)
def test_a_ping(lab: Local) -> None:
    lab.choose(SOFTWARE)
    far = lab.house.target("wan").address
    lab.house.hosts["lan"].run("busybox", "ping", "-c", "1", far)
    assert lab.explain(f"icmp 192.168.1.2 {far}").code == "NOT_OFFLOADABLE"


@shows(WHY.NOT_UNICAST)
def test_a_datagram_to_all_of_the_lan(lab: Local) -> None:
    lab.choose(SOFTWARE)
    with lab.house.hosts["lan"].entered():
        looking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with looking:
        looking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        looking.bind(("192.168.1.2", 0))
        looking.sendto(b"anybody", ("192.168.1.255", PORT))
        _, number = looking.getsockname()
    assert lab.explain(f"udp 192.168.1.2:{number} 192.168.1.255:{PORT}").code == "NOT_UNICAST"


@shows(WHY.HELPER)
def test_a_connection_with_a_helper(lab: Local) -> None:
    lab.house.router.run("modprobe", "nf_conntrack_ftp")
    lab.house.router.nft(HELPER)
    lab.choose(SOFTWARE)
    assert lab.explain(lab.house.call("lan", "wan")).code == "HELPER"


@shows(WHY.ADJUSTED)
def test_a_connection_behind_a_proxy_of_handshakes(lab: Local) -> None:
    lab.house.router.nft(SYNPROXY)
    lab.house.router.sysctl({LOOSE: 0})
    lab.choose(SOFTWARE)
    assert lab.explain(lab.house.call("lan", "wan")).code == "ADJUSTED"
    lab.house.router.sysctl({LOOSE: 1})


@shows(WHY.CONFIG_UNREADABLE)
def test_a_file_that_cannot_be_read(lab: Local) -> None:
    lab.choose(NOTHING)  # the kernel keeps what it has
    lab.start()
    lab.house.router.write("offload", "config zone\n\toption name 'guest\n")
    assert "offload" in lab.work().error
    assert lab.explain(lab.house.call("lan", "wan", 4, "udp")).code == "CONFIG_UNREADABLE"


@shows(WHY.KERNEL_WITHOUT_FLOWTABLE)
def test_a_router_without_nft(lab: Local) -> None:
    lab.choose(NOTHING)
    missing = Nft("/nowhere/nft")
    lab.start(missing, lambda: probe(missing, release()))
    lab.choose(SOFTWARE)
    assert lab.explain(lab.house.call("lan", "wan", 4, "udp")).code == "KERNEL_WITHOUT_FLOWTABLE"


@shows(WHY.NOT_APPLIED)
def test_a_table_that_belongs_to_another_program(lab: Local) -> None:
    lab.choose(NOTHING)
    with owned(lab.house, "flow_offload"):
        lab.house.router.write("offload", SOFTWARE)
        assert lab.work().error
        assert lab.explain(lab.house.call("lan", "wan", 4, "udp")).code == "NOT_APPLIED"


@contextmanager
def owned(house: House, table: str) -> Iterator[None]:
    """For as long as it takes another program has a table that it alone may change."""
    with house.router.entered():
        owner = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert owner.stdin is not None
    with owner:
        owner.stdin.write(f"add table inet {table} {{ flags owner; }}\n")
        owner.stdin.flush()
        while table not in house.router.run("nft", "list", "tables"):
            pass
        yield


@shows(WHY.REPLIES_FULL)
def test_more_replies_than_are_remembered(lab: Local) -> None:
    most = CONNTRACK_MAX.read_text()
    CONNTRACK_MAX.write_text("2")
    few = replace(capability(), conntrack_max=conntrack_max())
    CONNTRACK_MAX.write_text(most)
    lab.start(probe=lambda: few)
    lab.choose(SOFTWARE)
    talks = [lab.house.call("lan", "wan", 4, "udp") for _ in range(4)]
    lab.choose(SOFTWARE)
    assert "REPLIES_FULL" in lab.explain(talks[0]).steps["pair"].codes


@shows(WHY.NO_FIREWALL)
def test_a_stopped_firewall(lab: Local) -> None:
    tables = [lab.house.router.run("nft", "list", "table", "inet", name) for name in ("fw4", "evidence")]
    lab.choose(NOTHING)
    talk = lab.house.call("lan", "wan", 4, "udp")  # without rules conntrack sees no new connection
    lab.house.router.nft("flush ruleset")
    lab.choose(SOFTWARE)
    assert lab.explain(talk).code == "NO_FIREWALL"
    for table in tables:
        lab.house.router.nft(table)
