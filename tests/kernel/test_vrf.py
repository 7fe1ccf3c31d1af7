"""Zones of one VRF with different modes: each pair has the path that status says, on a real kernel.

On the forward hook packets have the VRF's name as input device, whichever of its devices they came in by.
"""

from collections.abc import Iterator

import pytest

from kernel.house import NETWORKS, OFFLOAD, House, Shape
from kernel.inside import decided, observed
from kernel.sides import port, vrf
from kernel.topologies import LAN
from offload.model.config import Mode

ENOUGH = 60  # packets that a flow moves in each direction while its slow ones are counted
SIDES = {"lan": LAN, "guest": port("guest1"), "wan": port("wan"), "wan2": port("eth2")}
PAIRS = [("lan", "wan"), ("guest", "wan"), ("lan", "wan2")]
ZONE = "\nconfig zone\n\toption name '{}'\n\toption mode 'none'\n"


@pytest.fixture(scope="module", name="inside", params=[("lan", "guest", "wan", "wan2"), ("wan", "wan2")], ids=" ".join)
def _inside(request: pytest.FixtureRequest, house: House) -> Iterator[House]:
    """A router with these of its networks in the VRF, and routes between it and the others."""
    sides = {name: vrf(side) if name in request.param else side for name, side in SIDES.items()}
    with house.shaped(Shape(sides)):
        if "lan" not in request.param:
            _leak(house)
        yield house


def _leak(house: House) -> None:
    tables = {"lan": 10, "guest": 10, "wan": "main", "wan2": "main"}
    house.router.ip(
        *(
            f"route add {NETWORKS[name][0]}.0/24 dev {house.ends[name].l3} table {table}"
            for name, table in tables.items()
        )
    )


@pytest.mark.parametrize(("slow", "fast"), [("wan2", PAIRS[:2]), ("guest", None)])
def test_a_slow_zone_slows_those_that_share_its_name(
    inside: House, slow: str, fast: list[tuple[str, str]] | None
) -> None:
    (inside.router.config / "offload").write_text(OFFLOAD + ZONE.format(slow))
    inside.router.offload("apply")
    found = decided(inside.router, observed(inside.router)).plan.pairs
    said = {(pair.src, pair.dest) for pair in found if pair.effective is not Mode.NONE}
    shared = bool(inside.ends["lan"].vrf)
    assert said & set(PAIRS) == set(fast if fast is not None else [] if shared else [PAIRS[0], PAIRS[2]])
    seen = inside.watch([inside.call(*pair) for pair in PAIRS], ENOUGH)
    assert {pair for pair, each in zip(PAIRS, seen, strict=True) if each.fast(ENOUGH)} == said & set(PAIRS)
