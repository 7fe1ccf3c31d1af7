"""Whether a removed pair may have offloaded connections; in doubt, yes."""

import pytest

from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SRC_NAT
from offload.status.lookup.crossings import offloaded_by
from offload.status.lookup.zone_lookup import UNKNOWN, Endpoint
from offload.status.shares import Way

LAN, GUEST = Endpoint("lan", devices=("br-lan",)), Endpoint("guest", devices=("br-guest",))
WAN, BEHIND_NAT = Endpoint("wan", distant=True, devices=("wan",)), Endpoint("wan", devices=("wan",))
GONE = frozenset({("br-guest", "wan")})


@pytest.mark.parametrize("status", [IPS_OFFLOAD, IPS_OFFLOAD | IPS_HW_OFFLOAD | IPS_SRC_NAT])
@pytest.mark.parametrize(
    ("src", "dest", "expected"),
    [
        (GUEST, BEHIND_NAT, True),
        (GUEST, WAN, True),
        (LAN, BEHIND_NAT, False),
        (LAN, WAN, False),
        (LAN, UNKNOWN, False),
        (GUEST, LAN, False),
        (GUEST, UNKNOWN, True),
        (UNKNOWN, BEHIND_NAT, True),
        (WAN, GUEST, False),
    ],
)
def test_an_offloaded_connection(src: Endpoint, dest: Endpoint, expected: bool, status: int) -> None:
    assert offloaded_by([Way(src, dest, status)], GONE) is expected


def test_a_slow_connection_and_none_at_all_are_a_no() -> None:
    assert not offloaded_by([Way(GUEST, WAN, IPS_SRC_NAT)], GONE)
    assert not offloaded_by([], GONE)


def test_by_another_wan_than_the_default_route_s_is_a_doubt() -> None:
    assert offloaded_by([Way(LAN, WAN, IPS_OFFLOAD)], frozenset({("br-lan", "wan2")}))
    assert not offloaded_by([Way(LAN, BEHIND_NAT, IPS_OFFLOAD)], frozenset({("br-lan", "wan2")}))
