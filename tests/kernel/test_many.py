"""A bridge with more ports than a flowtable takes devices: the kernel would refuse all of them."""

import json

import pytest

from kernel.house import House, Shape
from kernel.local import named
from kernel.scenes import WHY, explained, shows
from kernel.sides import bridge, port
from offload.model.plan import MOST_DEVICES

ENOUGH = 60
MANY = 300


@shows(WHY.FLOWTABLE_FULL)
@pytest.mark.parametrize("version", [4, 6])
def test_flows_are_fast_at_the_bridge_where_their_port_is_left_out(house: House, version: int) -> None:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        house.router.ip(*(f"link add dummy{each:03} type dummy" for each in range(MANY)))
        house.router.ip(*(f"link set dummy{each:03} master br-lan" for each in range(MANY)))
        try:
            house.router.offload("apply")
            listed = house.listed()
            assert len(listed) == MOST_DEVICES
            assert {"br-lan", "wan"} < set(listed)
            assert "lan1" not in listed
            talks = [house.call("lan", "wan", version), house.call("wan", "lan", version)]
            seen = house.watch(talks, ENOUGH)
            assert all(each.fast(ENOUGH) for each in seen), seen
            reply = json.loads(house.router.offload("explain", "--json", named(talks[0])))
            assert "FLOWTABLE_FULL" in explained(reply).steps["devices"].codes
        finally:
            house.router.ip(*(f"link del dummy{each:03}" for each in range(MANY)))
