"""Whether a removed pair, or a new exempt, may have offloaded connections; in doubt, yes."""

from typing import Any

import pytest

from exempts import exempt_of
from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SRC_NAT
from offload.model.plan import ExemptMatch, Plan
from offload.model.text.networks import network
from offload.status.lookup.crossings import exempted_by, offloaded_by
from offload.status.lookup.zone_lookup import UNKNOWN, Endpoint
from offload.status.shares import Way
from status.routers import HOME, ZONES, entry

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


def test_with_policy_routing_every_device_is_a_doubt() -> None:
    elsewhere = frozenset({("br-iot", "wan2")})
    assert offloaded_by([Way(LAN, BEHIND_NAT, IPS_OFFLOAD)], elsewhere, anywhere=True)
    assert not offloaded_by([Way(LAN, BEHIND_NAT, IPS_SRC_NAT)], elsewhere, anywhere=True)
    assert not offloaded_by([Way(LAN, BEHIND_NAT, IPS_OFFLOAD)], frozenset(), anywhere=True)


CALL = entry(
    "192.168.1.50#5000 > 198.51.100.9#443", "198.51.100.9#443 > 203.0.113.7#5000", status=IPS_OFFLOAD | IPS_SRC_NAT
)


def exempt(iifs: tuple[str, ...] = (), oifs: tuple[str, ...] = (), **words: Any) -> ExemptMatch:
    return ExemptMatch(exempt_of("name", "@exempt[0]", **words), iifs, oifs)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (exempt(src_ip=(network("192.168.1.0/24"),)), True),
        (exempt(src_ip=(network("192.168.2.0/24"),)), False),
        (exempt(dest_ip=(network("203.0.113.7"),)), False),
        (exempt(("br-lan",), ("wan",), proto=("udp",), dest_port=((443, 443),)), True),
        (exempt(("br-lan",), ("wan",), proto=("tcp",)), False),
        (exempt(("br-guest",)), False),
        (exempt(("br-lan",), ("br-guest",)), False),
        (exempt(src_mac=("02:00:00:00:00:01",)), True),  # conntrack has no MAC
        (exempt(("br-guest",), src_mac=("02:00:00:00:00:01",)), False),
        (exempt(dscp=46, src_ip=(network("192.168.1.50"),)), True),
        (exempt(dscp=46, src_ip=(network("192.168.1.51"),)), False),
    ],
)
def test_an_exempt(match: ExemptMatch, expected: bool) -> None:
    assert exempted_by((match,), HOME, Plan(zones=ZONES))(CALL) is expected
    assert exempted_by((exempt(proto=("tcp",)), match), HOME, Plan(zones=ZONES))(CALL) is expected
