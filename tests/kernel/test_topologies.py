"""Every topology, made of real kernel objects: with the devices that are listed, every pair is fast both ways."""

from collections.abc import Iterator

import pytest

from kernel.evidence import conntrack_flags
from kernel.house import OUTSIDE, House
from kernel.inside import decided, listing, observed
from kernel.topologies import TOPOLOGIES, Topology
from kernel.traffic import Proto

ENOUGH = 60  # packets that a flow moves in each direction while its slow ones are counted
KINDS: tuple[tuple[int, Proto], ...] = ((4, "tcp"), (6, "udp"), (4, "udp"), (6, "tcp"))


@pytest.fixture(scope="module", params=TOPOLOGIES)
def topology(request: pytest.FixtureRequest, house: House) -> Iterator[Topology]:
    wanted = TOPOLOGIES[request.param]
    with house.shaped(wanted.shape):
        yield wanted


def calls(house: House) -> Iterator[tuple[str, str, int, Proto]]:
    """Who calls whom: each network in each direction it may, the families and protocols taking turns."""
    inside = [network for network in house.hosts if network not in OUTSIDE]
    pairs = [(src, dest) for src in inside for dest in house.hosts if src != dest]
    pairs = [pair for pair in pairs if pair != ("vpn", "wan")]
    for number, (src, dest) in enumerate([*pairs, ("wan", "lan")]):
        for version, proto in (KINDS[:2], KINDS[2:])[number % 2]:
            yield src, dest, version, proto


def test_both_directions_of_every_pair_are_fast(house: House, topology: Topology) -> None:
    house.router.offload("apply")
    assert house.listed() == sorted(topology.listed.split())
    called = list(calls(house))
    seen = house.watch([house.call(*each) for each in called], ENOUGH)
    assert {call: each for call, each in zip(called, seen, strict=True) if not each.fast(ENOUGH)} == {}


def test_other_lists_are_no_better(house: House, topology: Topology) -> None:
    plan = decided(house.router, observed(house.router)).plan
    for devices_ in (*topology.right, *topology.wrong):
        house.router.nft(listing(plan, *devices_.split()))
        talk = house.call(*topology.tried)
        (seen,) = house.watch([talk], ENOUGH)
        assert "OFFLOAD" in conntrack_flags(house.router, talk), devices_
        assert seen.fast(ENOUGH) == (devices_ in topology.right), (devices_, seen)
