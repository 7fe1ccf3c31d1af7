"""Zones by address: longest prefix, metric, the router's own addresses, and what NAT adds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import IPS_DST_NAT, IPS_SRC_NAT, Entry
from offload.model.network import Route, Snapshot
from offload.status.lookup.zone_lookup import MULTICAST, ROUTER, UNKNOWN, UNROUTED, Endpoint, ZoneLookup
from status.routers import HOME, addresses, entry, packed, plan, route, zone

ADDRESSES = {
    "station": ("192.168.1.50", "lan"),
    "guest's station": ("192.168.2.50", "guest"),
    "the internet": ("198.51.100.9", "wan"),
    "the provider's network": ("203.0.113.9", "wan"),
    "station, IPv6": ("fd00:1::50", "lan"),
    "the internet, IPv6": ("2001:db8:9::9", "wan"),
    "the router": ("192.168.1.1", None),
    "the router's wan": ("203.0.113.7", None),
    "the router, IPv6": ("fd00:2::1", None),
    "loopback": ("127.0.0.53", None),
    "loopback, IPv6": ("::1", None),
    "unspecified": ("0.0.0.0", None),  # noqa: S104 - an address to look up
    "link-local": ("fe80::50", None),
    "multicast": ("224.0.0.251", None),
    "multicast, IPv6": ("ff02::fb", None),
    "the last multicast address": ("239.255.255.255", None),
    "class E": ("240.0.0.1", "wan"),
    "next to broadcast": ("255.255.255.254", "wan"),
    "broadcast": ("255.255.255.255", None),
    "behind unspecified": ("0.0.0.1", "wan"),
    "broadcast of a network": ("192.168.1.255", None),
}


@pytest.mark.parametrize(("address", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_zone_of_address(address: str, expected: str | None) -> None:
    assert ZoneLookup(HOME, plan()).at(packed(address)).zone == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.1", ROUTER),
        ("fe80::50", UNROUTED),
        ("fe80::1", ROUTER),
        ("::1", ROUTER),
        ("::", UNROUTED),
        ("0.0.0.0", UNROUTED),  # noqa: S104 - an address to look up
        ("192.168.1.255", MULTICAST),
        ("ff02::fb", MULTICAST),
        ("192.168.1.50", Endpoint("lan", devices=("br-lan",))),
        ("198.51.100.9", Endpoint("wan", distant=True, devices=("wan",))),
    ],
)
def test_place_of_address(address: str, expected: Endpoint) -> None:
    assert ZoneLookup(HOME, plan()).at(packed(address)) == expected


ROUTES = {
    "longer prefix wins": ((route("10.0.0.0/8", "a"), route("10.1.0.0/16", "b")), "zb"),
    "lower metric wins": ((route("10.0.0.0/8", "a", metric=10), route("10.0.0.0/8", "b", metric=5)), "zb"),
    "equal metrics, one zone": ((route("10.0.0.0/8", "a"), route("10.0.0.0/8", "a2")), "za"),
    "equal metrics, two zones": ((route("10.0.0.0/8", "a"), route("10.0.0.0/8", "b")), None),
    "multipath over one zone": ((route("10.0.0.0/8", "a", "a2"),), "za"),
    "multipath over two zones": ((route("10.0.0.0/8", "a", "b"),), None),
    "a device of no zone": ((route("10.0.0.0/8", "c"),), None),
    "a device of no zone hides the default route": ((route("10.0.0.0/8", "c"), route("0.0.0.0/0", "a")), None),
    "no route": ((), None),
    "a device of two zones": ((route("10.0.0.0/8", "both"),), None),
    "a route without a device": ((route("10.0.0.0/8"),), None),
}


@pytest.mark.parametrize(("routes", "expected"), ROUTES.values(), ids=ROUTES)
def test_zone_by_routes(routes: tuple[Route, ...], expected: str | None) -> None:
    zones = (zone("za", "a", "a2", "both"), zone("zb", "b", "both"))
    assert ZoneLookup(Snapshot(routes=routes), plan(zones=zones)).at(packed("10.1.2.3")).zone == expected


def test_address_opens_its_network_without_a_route() -> None:
    snapshot = Snapshot(addresses=addresses(br_lan="10.0.0.1/24"))
    assert ZoneLookup(snapshot, plan()).at(packed("10.0.0.9")).zone == "lan"


def test_a_route_comes_before_an_address_of_the_same_network() -> None:
    snapshot = Snapshot(addresses=addresses(br_lan="10.0.0.1/24"), routes=(route("10.0.0.0/24", "wan", metric=900),))
    assert ZoneLookup(snapshot, plan()).at(packed("10.0.0.9")).zone == "wan"


def test_point_to_point_network_has_no_broadcast() -> None:
    snapshot = Snapshot(addresses=addresses(wan="10.0.0.0/31"))
    assert ZoneLookup(snapshot, plan()).at(packed("10.0.0.1")).zone == "wan"


# Two lines to the internet in zones of their own; the main table prefers wan, so wanb is policy routing's or mwan3's.
TWO_ZONES = (zone("lan", "br-lan"), zone("wan", "wan"), zone("wanb", "wanb"))
TWO_WANS = Snapshot(
    addresses=addresses(br_lan="192.168.1.1/24", wan="203.0.113.7/24", wanb="198.51.100.7/24"),
    routes=(route("0.0.0.0/0", "wan", metric=10), route("0.0.0.0/0", "wanb", metric=20)),
)
EQUAL_WANS = replace(TWO_WANS, routes=(route("0.0.0.0/0", "wan", "wanb"),))

ENDS = {
    "plain": (HOME, entry("192.168.1.50 > 192.168.2.60"), ("lan", "guest")),
    "masqueraded": (
        HOME,
        entry("192.168.1.50 > 192.0.2.9", "192.0.2.9 > 203.0.113.7", status=IPS_SRC_NAT),
        ("lan", "wan"),
    ),
    "port forward": (
        HOME,
        entry("192.0.2.9#5 > 203.0.113.7#80", "192.168.1.50#80 > 192.0.2.9#5", status=IPS_DST_NAT),
        ("wan", "lan"),
    ),
    "reflection": (
        HOME,
        entry("192.168.1.60 > 203.0.113.7", "192.168.1.50 > 192.168.1.1", status=IPS_SRC_NAT | IPS_DST_NAT),
        ("lan", "lan"),
    ),
    "masqueraded by the second line": (
        TWO_WANS,
        entry("192.168.1.50 > 192.0.2.9", "192.0.2.9 > 198.51.100.7", status=IPS_SRC_NAT),
        ("lan", "wanb"),
    ),
    "port forward by the second line": (
        TWO_WANS,
        entry("192.0.2.9 > 198.51.100.7", "192.168.1.50 > 192.0.2.9", status=IPS_DST_NAT),
        ("wanb", "lan"),
    ),
    "equal lines, untranslated": (EQUAL_WANS, entry("192.168.1.50 > 192.0.2.9"), ("lan", None)),
    "equal lines, masqueraded": (
        EQUAL_WANS,
        entry("192.168.1.50 > 192.0.2.9", "192.0.2.9 > 198.51.100.7", status=IPS_SRC_NAT),
        ("lan", "wanb"),
    ),
    "equal lines, port forward": (
        EQUAL_WANS,
        entry("192.0.2.9 > 203.0.113.7", "192.168.1.50 > 192.0.2.9", status=IPS_DST_NAT),
        ("wan", "lan"),
    ),
    "translated to an address the router no longer has": (
        TWO_WANS,
        entry("192.168.1.50 > 192.0.2.9", "192.0.2.9 > 203.0.113.99", status=IPS_SRC_NAT),
        ("lan", "wan"),
    ),
    "translated to an address two devices share": (
        replace(TWO_WANS, addresses=addresses(br_lan="192.168.1.1/24", wan="10.0.0.2/32", wanb="10.0.0.2/32")),
        entry("192.168.1.50 > 192.0.2.9", "192.0.2.9 > 10.0.0.2", status=IPS_SRC_NAT),
        ("lan", "wan"),
    ),
}


@pytest.mark.parametrize(("snapshot", "connection", "expected"), ENDS.values(), ids=ENDS)
def test_ends_of_connection(snapshot: Snapshot, connection: Entry, expected: tuple[str | None, str | None]) -> None:
    zones = TWO_ZONES if snapshot is not HOME else (*plan().zones,)
    src, dest = ZoneLookup(snapshot, plan(zones=zones)).ends(connection)
    assert (src.zone, dest.zone) == expected


def test_router_as_an_end_is_not_hidden_by_nat() -> None:
    """A redirect to the router itself: its own address is the real destination."""
    redirected = entry("192.168.1.50#5 > 192.0.2.9#53", "192.168.1.1#53 > 192.168.1.50#5", status=IPS_DST_NAT)
    assert ZoneLookup(HOME, plan()).ends(redirected) == (Endpoint("lan", devices=("br-lan",)), ROUTER)


def test_the_devices_that_lead_to_a_zone() -> None:
    zones = (zone("za", "a", "a2"), zone("zb", "b"))
    several = ZoneLookup(Snapshot(routes=(route("10.0.0.0/8", "a", "a2"),)), plan(zones=zones))
    assert several.at(packed("10.1.2.3")).devices == ("a", "a2")
    masqueraded = entry("192.168.1.50 > 192.0.2.9", "192.0.2.9 > 198.51.100.7", status=IPS_SRC_NAT)
    ends = ZoneLookup(TWO_WANS, plan(zones=TWO_ZONES)).ends(masqueraded)
    assert [end.devices for end in ends] == [("br-lan",), ("wanb",)]


def test_nothing_known_is_nowhere() -> None:
    assert ZoneLookup(Snapshot(), plan()).at(packed("192.0.2.1")) == UNKNOWN


@settings(deadline=None)
@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
def test_every_address_has_a_place(address: bytes) -> None:
    places = ZoneLookup(HOME, plan())
    first, again = places.at(address), places.at(address)
    assert first == again
    assert first.zone in {None, "lan", "guest", "wan"}
    assert not (first.zone and (first.router or first.group))
