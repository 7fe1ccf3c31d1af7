"""Chain `forward` compares one device before it looks a packet up: what is fast stays fast, also with a new device."""

import time
from collections.abc import Iterator

import pytest

from kernel.forbidden import apply
from kernel.house import LINKWATCH, NETWORKS, House, Shape
from kernel.inside import applied, decided, observed
from kernel.netns import cable
from kernel.sides import port

ENOUGH = 60
WALLED = {"common": ("iot", "work", "guest"), "absent": ("guest",)}  # zones with mode none
COMPARED = {"common": ('oif "lan1" iif . oif', "lan"), "absent": ('iif != "guest1" oif != "guest1" iif . oif', "guest")}


@pytest.fixture(name="built")
def _built(house: House) -> Iterator[House]:
    networks = ("lan", "iot", "work", "guest", "wan")
    with house.shaped(Shape({network: port(f"{network}1") for network in networks})):
        yield house


@pytest.mark.parametrize("kind", WALLED)
def test_only_slow_packets_pass_before_the_look_up(built: House, kind: str) -> None:
    rule, network = COMPARED[kind]
    for zone in WALLED[kind]:
        built.router.append("offload", f"\nconfig zone '{zone}'\n\toption mode 'none'\n")
    apply(built)
    assert rule in forward(built)
    as_configured(built, WALLED[kind])

    replugged(built, network)
    assert applied(built.router, decided(built.router, observed(built.router))).returned == ()
    assert rule in forward(built)
    as_configured(built, WALLED[kind])


def forward(built: House) -> str:
    """Chain `forward` of the software table; a device that is gone stands there as a number."""
    return built.router.run("nft", "list", "chain", "inet", "flow_offload", "forward")


def as_configured(built: House, walled: tuple[str, ...]) -> None:
    """LAN and the other zone are fast to the internet and to each other, and the zones with mode none are slow."""
    fast = [network for network in ("lan", "iot") if network not in walled]
    pairs = [(src, "wan") for src in ("lan", "iot", "guest")] + [("iot", "lan"), ("lan", "guest")]
    talks = [built.call(src, dest) for src, dest in pairs]
    for (src, dest), seen in zip(pairs, built.watch(talks, ENOUGH), strict=True):
        wanted = {src, dest} <= {*fast, "wan"}
        assert seen.fast(ENOUGH) if wanted else min(seen.slow) >= ENOUGH, (src, dest, seen)


def replugged(built: House, network: str) -> None:
    """The network's device is deleted and made again: it gets another index."""
    device, far, (four, six) = built.ends[network].l3, built.hosts[network], NETWORKS[network]
    built.router.ip(f"link del {device}")
    cable(built.router, device, far, "eth0")
    for host, name, number in ((built.router, device, 1), (far, "eth0", 2)):
        host.ip(f"addr add {four}.{number}/24 dev {name}", f"addr add {six}::{number}/64 dev {name}")
    far.ip(f"route add 0/0 via {four}.1", f"route add ::/0 via {six}::1")
    time.sleep(LINKWATCH)
