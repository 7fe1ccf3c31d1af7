"""Tunnels, VRFs and devices that netifd does not know: of so many packets, how many the stack still forwards."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import pytest

from kernel import chip
from kernel.evidence import Sighting
from kernel.house import House, Shape
from kernel.inside import choose
from kernel.netns import Namespace
from kernel.rates import compared
from kernel.sides import bridge, container, sixinfour, vrf, wireguard
from kernel.traffic import Talk, Target

PACKETS, TRIES = 60, 3
MODES = ("none", "software", "hardware")
ENGINE = ("lan1", "wan")
LAN, WAN = bridge(chip.port("lan1")), chip.port("wan")
PLAIN = Shape({"lan": LAN, "wan": WAN})
BEHIND = "2001:db8:77::2"  # an address that only the IPsec tunnel leads to
KEYS = "enc cbc(aes) 0x000102030405060708090a0b0c0d0e0f auth hmac(sha256) 0x000102030405060708090a0b0c0d0e0f"
ENDS = ("203.0.113.1", "203.0.113.2")
INSIDE = ("2001:db8:1::/64", BEHIND + "/128")


@contextmanager
def ipsec(house: House) -> Iterator[None]:
    """A tunnel of policies between the router and the host at the far end of wan, for one address of it."""
    router, far = house.router, house.hosts["wan"]
    far.ip(f"addr add {BEHIND}/128 dev eth0 nodad")
    router.ip("route add default via 2001:db8:ff::2")
    for host, policies in ((router, ("out", "in", "fwd")), (far, ("in", "out", "in"))):
        _secured(host, *policies)
    try:
        yield
    finally:
        for host in (router, far):
            host.ip("xfrm policy flush", "xfrm state flush")


def _secured(host: Namespace, forth: str, back: str, through: str) -> None:
    for number, (src, dst) in enumerate((ENDS, ENDS[::-1]), 1):
        host.ip(f"xfrm state add src {src} dst {dst} proto esp spi {number} mode tunnel {KEYS} sel src ::/0 dst ::/0")
    for (src, dst), (one, other), way in (
        (INSIDE, ENDS, forth),
        (INSIDE[::-1], ENDS[::-1], back),
        *([(INSIDE[::-1], ENDS[::-1], through)] if through not in (back, forth) else []),
    ):
        host.ip(f"xfrm policy add src {src} dst {dst} dir {way} tmpl src {one} dst {other} proto esp mode tunnel")


@dataclass(frozen=True)
class Tunnel:
    """A router's shape, who calls whom, whether both directions are offloaded, and whether the chip has them."""

    shape: Shape
    call: Callable[[House], Talk]
    fast: bool = True
    by_chip: bool = False
    around: Callable[[House], AbstractContextManager[None]] = lambda _: nullcontext()


def secured(house: House) -> Talk:
    """A conversation through the IPsec tunnel."""
    talk = Talk(house.hosts["lan"], Target(BEHIND), "udp")
    house.talks.append(talk)
    talk.echo(10)
    return talk


# WireGuard last: its key waits for randomness, which a machine that has just started lacks for up to a minute.
ROWS = {
    "6in4": Tunnel(Shape({**PLAIN.sides, "vpn": sixinfour("wan")}), lambda house: house.call("lan", "vpn", 6, "udp")),
    "IPsec, by policies": Tunnel(PLAIN, secured, fast=False, around=ipsec),
    "docker": Tunnel(
        Shape({**PLAIN.sides, "docker": container}), lambda house: house.call("docker", "wan", proto="udp")
    ),
    "VRF": Tunnel(
        Shape({"lan": vrf(LAN), "wan": vrf(WAN)}), lambda house: house.call("lan", "wan", proto="udp"), by_chip=True
    ),
    "WireGuard": Tunnel(
        Shape({**PLAIN.sides, "vpn": wireguard("wan")}), lambda house: house.call("lan", "vpn", proto="udp")
    ),
}


def settled(house: House, talk: Talk, *, fast: bool) -> Sighting:
    """What becomes of PACKETS messages; seen again where devices that have just been made took a flow back once."""
    for _ in range(TRIES):
        with house.evidence.watch(talk) as seen:
            talk.echo(PACKETS)
        if seen.fast(PACKETS) or not fast:
            break
    return seen


@pytest.mark.parametrize("row", ROWS)
def test_what_the_stack_forwards(house: House, row: str) -> None:
    tunnel, found = ROWS[row], {}
    with house.shaped(tunnel.shape), tunnel.around(house):
        for mode in MODES:
            choose(house.router, mode)
            talk, by_chip = tunnel.call(house), tunnel.by_chip and mode == "hardware"
            if by_chip:
                chip.settled(house.router, ENGINE, talk)
            before = chip.forwarded(house.router, ENGINE)
            found[mode] = settled(house, talk, fast=tunnel.fast and mode != "none")
            assert chip.forwarded(house.router, ENGINE) - before == 2 * PACKETS * by_chip
    assert found["none"].all_slow()
    assert all(found[mode].fast(PACKETS) if tunnel.fast else found[mode].all_slow() for mode in MODES[1:]), found
    did = dict.fromkeys(MODES[1:], "stays slow: else it bypasses its policies")
    if tunnel.fast:
        did["software"] = did["hardware"] = "nothing: both directions are fast"
        did["hardware"] += "" if tunnel.by_chip else " in software; hardware does not take them"
    slow = {mode: f"{found[mode].slow.original} of {PACKETS} packets" for mode in MODES}
    compared(f"{row}: packets that the stack forwards", slow, did)


def test_clear_text_gets_through_a_tunnel_s_policy_neither_without_offload_nor_with_it(house: House) -> None:
    """The kernel checks no policy of offloaded packets, so such flows must stay slow (docs/kernel.md 36)."""
    with house.shaped(PLAIN), ipsec(house):
        far = house.hosts["wan"]
        for mode in MODES:
            choose(house.router, mode)
            talk = secured(house)
            far.ip(f"xfrm policy delete src {INSIDE[1]} dst {INSIDE[0]} dir out")  # its answers are in clear text now
            talk.patience(0.5)
            with pytest.raises(TimeoutError):
                talk.echo(1)
            far.ip("xfrm policy flush", "xfrm state flush")
            _secured(far, "in", "out", "in")
