"""Replies that a firewall drops stay dropped with the tables of hardware and software side by side."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from kernel import chip
from kernel.forbidden import BEHIND, PLACES, ROUNDS, answered, apply, dropping, forged
from kernel.house import House, Shape
from kernel.netns import Namespace, cable
from kernel.sides import Ends, bridge
from kernel.traffic import Talk

ENGINE = ("lan1", "wan")
BOTH = {"flow_offload", "flow_offload_hw"}


def radio(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
    """A port whose driver offloads nothing, as an access point's: it needs the software table beside the other."""
    cable(router, "ap0", far, "eth1")
    return Ends("ap0", "eth1")


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[House]:
    """The station that is attacked is at the engine's port."""
    with house.shaped(Shape({"lan": bridge(chip.port("lan1"), radio), "wan": chip.port("wan")})):
        house.router.write("offload", "config globals 'globals'\n\toption mode 'hardware'\n")
        yield house


def tables(lab: House) -> set[str]:
    """Our tables in the kernel."""
    listing = json.loads(lab.router.run("nft", "-j", "list", "tables"))["nftables"]
    return {each["table"]["name"] for each in listing if "table" in each} & BOTH


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("place", PLACES)
def test_replies_that_are_dropped_stay_dropped(built: House, place: str, version: int) -> None:
    with dropping(built, place), closing(Talk(built.hosts["lan"], built.target("wan", version), "udp")) as talk:
        assert place in BEHIND or tables(built) == BOTH
        before = chip.forwarded(built.router, ENGINE)
        assert answered(talk) == 0
        assert chip.forwarded(built.router, ENGINE) == before


@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_acknowledges_packets_it_never_received(built: House, place: str) -> None:
    with dropping(built, place):
        assert place in BEHIND or tables(built) == BOTH
        assert forged(built) == 0


@pytest.mark.parametrize("version", [4, 6])
def test_where_nothing_is_dropped_both_are_answered(built: House, version: int) -> None:
    """Without the drop the attacks work; otherwise the tests above would prove nothing."""
    apply(built)
    assert forged(built) == ROUNDS * 100
    with closing(Talk(built.hosts["lan"], built.target("wan", version), "udp")) as talk:
        chip.settled(built.router, ENGINE, talk)
        assert answered(talk) == ROUNDS
