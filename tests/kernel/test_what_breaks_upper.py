"""What treats packets of a device above others (a bridge, a VLAN) does so with offload on, though flows cross both."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from kernel import chip
from kernel.house import House, Shape
from kernel.inside import decided, observed
from kernel.rates import downloaded, noted, uploaded
from kernel.sides import bridge, vlan
from kernel.test_what_breaks_shapers import RATE, SIZE, chosen
from kernel.traffic import Talk, Target
from offload.model.problems.finding import FindingCode
from offload.model.problems.finding_form import Severity
from offload.service import reconcile
from offload.system.config.uci import Uci

ENGINE = ("lan1", "eth1")
SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": vlan(chip.port("eth1"), 7)})
VLAN = "cake on an ifb for what comes in on a VLAN, 2 Mbit/s"
BESIDE = "cake on an ifb for what comes in on a VLAN whose port a zone has too, 2 Mbit/s"
MODEM = """
config zone
	option name 'modem'
	list device 'eth1'
	option forward 'REJECT'

config forwarding
	option src 'lan'
	option dest 'modem'
"""
NEAR, FAR = "198.51.100.1", "198.51.100.2"  # of the modem's network
# Row: the commands of tc, or the table; how to take them back; the device below that would let packets pass them by.
ROWS: dict[str, tuple[Sequence[str], Sequence[str], str]] = {
    VLAN: (
        (
            "qdisc add dev eth1.7 handle ffff: ingress",
            "filter add dev eth1.7 parent ffff: protocol all matchall action mirred egress redirect dev ifb4wan",
            "qdisc add dev ifb4wan root cake bandwidth 2mbit",
        ),
        ("qdisc del dev eth1.7 ingress", "qdisc del dev ifb4wan root"),
        "eth1",
    ),
    "tbf on a bridge, for what goes out, 2 Mbit/s": (
        ("qdisc add dev br-lan root tbf rate 2mbit burst 8kb latency 100ms",),
        ("qdisc del dev br-lan root",),
        "lan1",
    ),
    "policer of a tc filter on a bridge, 2 Mbit/s": (
        (
            "qdisc add dev br-lan clsact",
            "filter add dev br-lan ingress protocol ip matchall action police rate 2mbit burst 16k drop",
        ),
        ("qdisc del dev br-lan clsact",),
        "lan1",
    ),
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        house.router.run("modprobe", "ifb", "numifbs=0")
        house.router.ip("link add ifb4wan type ifb", "link set ifb4wan up")
        yield house


@contextmanager
def treated(lab: House, commands: Sequence[str], back: Sequence[str]) -> Iterator[None]:
    for command in commands:
        lab.router.run("tc", *command.split())
    try:
        yield
    finally:
        for command in back:
            lab.router.run("tc", *command.split())


def rate(lab: House, row: str) -> tuple[float, bool]:
    """Mbit/s of a new connection, and whether all of it was fast."""
    talk = lab.call("lan", "wan")
    with lab.evidence.watch(talk) as seen:
        found = (uploaded if "policer" in row else downloaded)(talk, SIZE)
    return found, seen.fast(1)


def bypassed(lab: House) -> bool:
    """Whether `offload check` says so."""
    return Severity.PROBLEM in named(lab)


def named(lab: House) -> list[Severity]:
    """What `offload check` has about it: a problem, or a notice where offload has mended it."""
    found = reconcile.findings(decided(lab.router, observed(lab.router)), Uci(lab.router.config))
    return [each.severity for each in found if each.code is FindingCode.SHAPER_BYPASSED]


@contextmanager
def modem(lab: House) -> Iterator[None]:
    """A zone of its own on the port that carries the VLAN, with the same host."""
    firewall, host = lab.router.config / "firewall", lab.hosts["wan"]
    before = firewall.read_text()
    firewall.write_text(before + MODEM)
    lab.router.ip(f"addr add {NEAR}/24 dev eth1")
    host.ip(f"addr add {FAR}/24 dev eth0", f"route add 192.168.1.0/24 via {NEAR}")
    try:
        yield
    finally:
        firewall.write_text(before)
        lab.router.ip(f"addr del {NEAR}/24 dev eth1")
        host.ip(f"addr del {FAR}/24 dev eth0")


def own_is_fast(lab: House) -> bool:
    """Whether a new connection to the modem's network is offloaded, in both directions."""
    talk = Talk(lab.hosts["lan"], Target(FAR))
    lab.talks.append(talk)
    talk.echo(10)
    with lab.evidence.watch(talk) as seen:
        talk.echo(60)
    return seen.fast(1)


@pytest.mark.parametrize("row", ROWS)
def test_what_treats_packets_of_a_device_above_others_keeps_doing_so(lab: House, row: str) -> None:
    commands, back, below = ROWS[row]
    with treated(lab, commands, back):
        figures = {}
        for mode in ("none", "software", "hardware"):
            got, reasons = chosen(lab, mode)
            assert (got, "SHAPED" in reasons) == ("none" if mode == "none" else "software", mode == "hardware")
            figures[mode], _ = rate(lab, row)
            assert not bypassed(lab)
        assert chosen(lab, "software", f"\tlist device '{below}'\n")[0] == "software"
        passed, fast = rate(lab, row)
        assert bypassed(lab)
    assert fast
    least = 0.4 if "policer" in row else 0.7  # what a policer drops makes TCP hesitate
    assert all(least * RATE < each < 1.1 * RATE for each in figures.values()), figures
    assert passed > 2 * RATE
    did = {"software": f"{below} is left out; else {passed:.0f} Mbit/s", "hardware": "the pair is in software"}
    for mode, words in did.items():
        noted(row, mode, figures["none"], figures[mode], words)


def test_a_port_that_a_zone_has_too_is_left_out_while_the_shaper_is_there(lab: House) -> None:
    commands, back, _ = ROWS[VLAN]
    figures = {}
    with modem(lab):
        chosen(lab, "software")
        live = lab.call("lan", "wan")
        with treated(lab, commands, back):
            chosen(lab, "software")
            assert downloaded(live, SIZE) < 1.1 * RATE, "a flow that was offloaded at eth1 goes on there"
            for mode in ("none", "software", "hardware"):
                assert chosen(lab, mode)[0] == ("none" if mode == "none" else "software")
                figures[mode], _ = rate(lab, BESIDE)
                # the hardware flowtable may list it: it has no flows of the VLAN
                assert named(lab) == [Severity.NOTICE] * (mode == "software")
            assert chosen(lab, "software")[0] == "software"
            assert not own_is_fast(lab)
            assert chosen(lab, "software", "\toption auto_software '0'\n")[0] == "software"
            passed, fast = rate(lab, BESIDE)
            assert fast and bypassed(lab) and own_is_fast(lab)
        chosen(lab, "software")
        assert named(lab) == [] and own_is_fast(lab)
    assert all(0.7 * RATE < each < 1.1 * RATE for each in figures.values()), figures
    assert passed > 2 * RATE
    did = {
        "software": f"eth1 is left out, its own traffic stays slow; else {passed:.0f} Mbit/s",
        "hardware": "the pair is in software",
    }
    for mode, words in did.items():
        noted(BESIDE, mode, figures["none"], figures[mode], words)


GUEST = """
config zone
	option name 'guest'
	list device 'br-lan.20'
	option forward 'REJECT'

config forwarding
	option src 'guest'
	option dest 'wan'
"""


def test_a_bridge_that_is_listed_takes_no_flows_of_a_shaped_vlan_on_it(lab: House) -> None:
    """So the bridge's own flows stay fast: only its port is left out."""
    firewall, host = lab.router.config / "firewall", lab.hosts["lan"]
    firewall.write_text(firewall.read_text() + GUEST)
    tagged = (
        "link add link {0} name {0}.20 type vlan id 20",
        "link set {0}.20 up",
        "addr add 192.168.2.{1}/24 dev {0}.20",
    )
    lab.router.ip(*(each.format("br-lan", 1) for each in tagged))
    host.ip(*(each.format("eth0", 2) for each in tagged), "route add 203.0.113.2 via 192.168.2.1")
    lab.router.nft('insert rule inet fw4 forward iifname "br-lan.20" accept')
    commands = (
        "qdisc add dev br-lan.20 clsact",
        "filter add dev br-lan.20 ingress protocol ip matchall action police rate 2mbit burst 16k drop",
    )
    with treated(lab, commands, ("qdisc del dev br-lan.20 clsact",)):
        chosen(lab, "none")
        slow, _ = rate(lab, "policer")
        chosen(lab, "software")
        assert "br-lan" in lab.listed() and "lan1" not in lab.listed() and named(lab) == []
        kept, fast = rate(lab, "policer")
        assert chosen(lab, "software", "\tlist device 'lan1'\n")
        passed, _ = rate(lab, "policer")
        assert bypassed(lab)
    assert fast
    assert all(0.4 * RATE < each < 1.1 * RATE for each in (slow, kept)) and passed > 2 * RATE, (slow, kept, passed)
