"""Map `crossings` knows devices by index: one that takes the index of another, or gets another name, is none of its."""

import time
from collections.abc import Iterator

import pytest

from kernel.forbidden import apply
from kernel.house import LINKWATCH, House, Shape
from kernel.inside import decided, devices_of, observed
from kernel.sides import bridge, port
from kernel.traffic import Talk
from offload.service import reconcile
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.route.links import Netlink
from offload.system.nft.door import Nft

MESSAGES = 20
# fw4 would not know the device, so only these rules let its packets pass
PERMIT = """insert rule inet fw4 forward oifname "other" accept
add rule inet fw4 srcnat oifname "other" masquerade"""


@pytest.fixture(name="built")
def _built(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan"), "wan2": port("wan2")})):
        yield house


@pytest.mark.parametrize("again", [False, True], ids=["renamed", "made-again"])
def test_a_device_of_no_zone_with_the_index_of_one_that_had_a_zone(built: House, again: bool) -> None:
    """What is offloaded until the service has seen it, is slow afterwards, also if it asks for flows first."""
    apply(built)
    built.router.nft(PERMIT)
    (_make_again if again else _rename)(built)
    time.sleep(LINKWATCH)
    talk = Talk(built.hosts["lan"], built.target("wan2"))
    built.talks.append(talk)
    talk.echo(10)
    assert built.watch([talk], MESSAGES)[0].slow.original == 0, "nothing was offloaded, so this shows nothing"
    decision = decided(built.router, observed(built.router))
    with built.router.entered():
        busy = reconcile.asking(decision, Conntrack(), Netlink(devices_of(built.router)))
        assert reconcile.apply(decision, Nft(), busy=busy).returned == ("flow_offload",)
    talk.echo(3)
    assert min(built.watch([talk], MESSAGES)[0].slow) >= MESSAGES


def _rename(lab: House) -> None:
    lab.router.ip("link set wan2 down", "link set wan2 name other", "link set other up")


def _make_again(lab: House) -> None:
    far = lab.hosts["wan2"]
    index = lab.router.run("ip", "-o", "link", "show", "wan2").partition(":")[0]
    lab.router.ip("link del wan2", f"link add name other index {index} type veth peer name eth0 netns {far.name}")
    lab.router.ip("link set other up", "addr add 198.51.100.1/24 dev other")
    far.ip("link set eth0 up", "addr add 198.51.100.2/24 dev eth0", "route add 0/0 via 198.51.100.1")
