"""A PPPoE session that ends and comes back: its parent keeps new flows fast until the product has been there."""

from kernel.evidence import Sighting
from kernel.house import House
from kernel.inside import applied, decided, observed
from kernel.topologies import PPPOE, TOPOLOGIES

ENOUGH = 60


def test_a_pppoe_session_that_comes_back_finds_its_pair_fast(house: House) -> None:
    with house.shaped(TOPOLOGIES["pppoe"].shape):
        house.router.offload("apply")
        assert one(house).fast(ENOUGH)

        PPPOE.hang_up()
        PPPOE.dial()
        # The kernel has dropped the old device from the flowtable; its parent is there, and that is enough.
        assert house.listed() == ["br-lan", "eth1", "lan1"]
        assert one(house).fast(ENOUGH)

        applied(house.router, decided(house.router, observed(house.router)))
        assert house.listed() == sorted(TOPOLOGIES["pppoe"].listed.split())
        assert one(house).fast(ENOUGH)


def one(house: House) -> Sighting:
    """What becomes of a new conversation from lan to wan."""
    (seen,) = house.watch([house.call("lan", "wan")], ENOUGH)
    return seen
