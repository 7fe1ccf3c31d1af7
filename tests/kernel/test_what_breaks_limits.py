"""Rates and quotas of nft rules in any table hold for offloaded zones, without any configuration."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kernel import chip
from kernel.house import House, Shape
from kernel.inside import choose
from kernel.rates import PORT, Flood, Sink, noted
from kernel.sides import bridge
from kernel.traffic import Target

ENGINE = ("lan1", "guest1", "wan")
LAN, GUEST = bridge(chip.port("lan1")), bridge(chip.port("guest1"), name="br-guest")
SHAPE = Shape({"lan": LAN, "guest": GUEST, "wan": chip.port("wan")})
FAST = ("software", "hardware")
LIMIT, OFFERED = 0.4096, 3.2  # Mbit/s
# The kernel's bucket holds the burst and a second's worth (nft_limit_init(), net/netfilter/nft_limit.c). So where this
# machine pauses, what was not sent meanwhile is sent afterwards.
BUCKET = 51 * 1024  # bytes
RATE = "limit rate over 50 kbytes/second burst 1 kbytes drop"
SECONDS = 1.5
FULL = 1.1  # seconds in which the bucket gets full
NEAR = 0.1  # of the limit
LEAST = 0.6  # of the limit: where this machine pauses for longer than the bucket takes to fill, less gets through
HEADERS = 1228 / 1200  # nft counts bytes of IP packets
RULES = {
    "own table": f"""
table inet guests {{
	chain f {{
		type filter hook forward priority -10;
		iifname "br-guest" {RATE}
	}}
}}
""",
    "fw4's forward chain": f'insert rule inet fw4 forward iifname "br-guest" oifname "wan" {RATE}',
    "chain that is jumped to, behind masquerade": f"""
table ip guests {{
	chain slow {{
		{RATE}
	}}
	chain f {{
		type filter hook postrouting priority 200;
		oifname "wan" jump slow
	}}
}}
""",
}
NETDEV = (
    "table netdev guests {{\n\tchain f {{\n\t\ttype filter hook {} priority {};\n\t\tip protocol udp {}\n\t}}\n}}\n"
)
# A policer or a rate on one device: how it is made, and how it goes
ON_DEVICES: dict[str, tuple[str, ...]] = {
    "rate of 0.4 Mbit/s in a chain on a device's ingress hook, priority -10": (
        NETDEV.format('ingress device "guest1"', -10, RATE),
    ),
    "rate of 0.4 Mbit/s in a chain on a device's ingress hook, priority 0": (
        NETDEV.format('ingress device "guest1"', 0, RATE),
    ),
    "rate of 0.4 Mbit/s in a chain on a device's ingress hook, priority 500": (
        NETDEV.format('ingress device "guest1"', 500, RATE),
    ),
    "rate of 0.4 Mbit/s in a chain on a device's egress hook": (NETDEV.format('egress device "wan"', 0, RATE),),
    "policer of 0.4 Mbit/s in a tc filter": (
        "qdisc add dev guest1 handle ffff: ingress",
        "filter add dev guest1 parent ffff: protocol ip matchall action police rate 410kbit burst 52k drop",
    ),
}
WITHOUT_SOFTWARE = "\toption auto_software '0'\n"
WITHOUT_EXEMPTS = "\toption auto_exempt '0'\n"


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


@contextmanager
def ruled(lab: House, text: str) -> Iterator[None]:
    """With a rule in the kernel, and the product having seen it."""
    lab.router.nft(text)
    try:
        yield
    finally:
        lab.router.nft(
            "".join(f"table {name} guests\ndelete table {name} guests\n" for name in ("inet", "ip", "netdev"))
        )
        handle = lab.router.run("nft", "-a", "list", "chain", "inet", "fw4", "forward")
        for line in handle.splitlines():
            if "limit rate" in line or "quota" in line:
                lab.router.run("nft", "delete", "rule", "inet", "fw4", "forward", "handle", line.rpartition(" ")[2])


def arrived(lab: House, source: str, mode: str, more: str = "") -> tuple[float, float]:
    """Bytes that get through of a flood, as the rule counts them, and for how many seconds it went on."""
    choose(lab.router, mode, more)
    before = chip.forwarded(lab.router, ENGINE)
    with Sink(lab.hosts["wan"]) as sink:
        flood = Flood(lab.hosts[source], Target(lab.target("wan").address, PORT))
        try:
            octets, seconds = flood.flood(sink, SECONDS, OFFERED)
        finally:
            flood.close()
    by_chip = chip.forwarded(lab.router, ENGINE) - before
    assert (by_chip > 0) == (mode == "hardware" and bool(more))
    return octets * HEADERS, seconds


def rate(lab: House, source: str, mode: str, more: str = "") -> float:
    """Mbit/s that get through, without what the bucket held, which is full again first."""
    time.sleep(FULL)
    octets, seconds = arrived(lab, source, mode, more)
    return (octets - BUCKET) * 8 / 1e6 / seconds


def is_limited(figure: float) -> bool:
    return LIMIT * LEAST < figure < LIMIT * (1 + NEAR)


@pytest.mark.parametrize("where", RULES)
def test_a_rate_of_nft_holds_with_offload_on(lab: House, where: str) -> None:
    with ruled(lab, RULES[where]):
        slow = rate(lab, "guest", "none")
        passed, held = {}, {}
        for mode in FAST:
            passed[mode] = rate(lab, "guest", mode, WITHOUT_EXEMPTS)
            held[mode] = rate(lab, "guest", mode)
        checked = " ".join(lab.router.offload("check", codes=(0, 1, 3)).split())
    assert all(map(is_limited, (slow, *held.values()))), (slow, held)
    assert "limits rates" in checked and "stays on the slow path" in checked
    assert min(passed.values()) > 2 * LIMIT, "without the exempt the limit is passed by"
    for mode in FAST:
        did = f"stays slow; else {passed[mode]:.1f} Mbit/s"
        noted(f"rate of 0.4 Mbit/s in a rule of nft, {where}", mode, slow, held[mode], did)


@contextmanager
def on_device(lab: House, commands: tuple[str, ...]) -> Iterator[None]:
    """With one of ON_DEVICES."""
    if len(commands) == 1:
        with ruled(lab, commands[0]):
            yield
        return
    for command in commands:
        lab.router.run("tc", *command.split())
    try:
        yield
    finally:
        lab.router.run("tc", "qdisc", "del", "dev", "guest1", "ingress")


@pytest.mark.parametrize("row", ON_DEVICES)
def test_what_one_device_limits_holds_with_offload_on(lab: House, row: str) -> None:
    with on_device(lab, ON_DEVICES[row]):
        found, passed = {}, []
        for mode in ("none", *FAST):
            found[mode] = rate(lab, "guest", mode)
            passed.append(rate(lab, "guest", "hardware", WITHOUT_SOFTWARE))
    assert all(map(is_limited, found.values())), found
    assert min(passed) > 2 * LIMIT, "hardware passes it by where that is wanted"
    did = {"software": "nothing: it is kept", "hardware": f"the pair is in software; else {passed[-1]:.1f} Mbit/s"}
    for mode in FAST:
        noted(row, mode, found["none"], found[mode], did[mode])


def test_others_stay_fast_beside_a_limited_guest(lab: House) -> None:
    with ruled(lab, RULES["own table"]):
        held = rate(lab, "guest", "hardware")
        (seen,) = lab.watch([chip.settled(lab.router, ENGINE, lab.call("lan", "wan"))])
    assert is_limited(held) and seen.fast(60)


def test_a_quota_of_nft_counts_with_offload_on(lab: House) -> None:
    got: dict[tuple[str, str], float] = {}
    for case in (("none", ""), *((mode, more) for mode in FAST for more in ("", WITHOUT_EXEMPTS))):
        with ruled(lab, 'insert rule inet fw4 forward iifname "br-guest" quota over 100 kbytes drop'):
            got[case] = arrived(lab, "guest", *case)[0] / 1000
    slow = got["none", ""]
    for mode in FAST:
        held, passed = got[mode, ""], got[mode, WITHOUT_EXEMPTS]
        # of a kilobyte nft makes 1024 bytes; the flood's own first packets count, and are not in the figure
        assert 98 < min(slow, held) <= max(slow, held) <= 102.4, got
        assert passed > 2 * held
        did = f"stays slow; else {passed:.0f} kB"
        noted("quota of 100 kB in fw4's forward chain", mode, f"{slow:.0f} kB", f"{held:.0f} kB", did)
