"""The causes in the kernel's notifications: recorded messages, and any bytes."""

import struct
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.cause import Cause
from offload.model.kernel.to_return import ToReturn
from offload.system.netlink.route.changes import route_events
from offload.system.netlink.route.messages import Links, transactions
from offload.system.netlink.route.rtnetlink import IFF_UP, NeighbourEvent


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


EVERY = 0xFFFFFFFF  # changed flags of a link that is made or deleted


def link(
    name: bytes = b"lan1\0", *, index: int = 3, flags: int = IFF_UP, changed: int = 0, master: int = 0, kind: int = 16
) -> bytes:
    body = struct.pack("=BxHiII", 0, 1, index, flags, changed) + attribute(3, name)
    return message(kind, body + (attribute(10, struct.pack("=I", master)) if master else b""))


def neighbour(family: int, address: bytes, mac: bytes, *, state: int = 2, master: int = 0) -> bytes:
    body = struct.pack("=BxxxiHBB", family, 4, state, 0, 0) + attribute(2, mac)
    body += attribute(1, address) if address else b""
    return message(28, body + (attribute(9, struct.pack("=I", master)) if master else b""))


def test_a_link_is_news_when_name_master_or_being_up_changed() -> None:
    links = Links()
    notice = [
        links.hear(each).causes
        for each in (
            link(),
            link(flags=IFF_UP | 0x10000),  # carrier
            link(master=7),
            link(master=7),
            link(master=7, flags=0),
            link(kind=17),
            link(),
        )
    ]
    assert [bool(each) for each in notice] == [True, False, True, False, True, True, True]


def test_a_bridge_s_talk_of_its_ports_is_none() -> None:
    body = struct.pack("=BxHiII", 7, 1, 3, IFF_UP, 0) + attribute(3, b"lan1\0")
    assert Links().hear(message(16, body)).causes == ()


def route(gateway: int = 1, *, metric: int = 0, table: int = 254, flags: int = 0, kind: int = 24) -> bytes:
    body = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, table, 4, 0, 1, flags) + attribute(1, bytes([192, 0, 2, 0]))
    body += attribute(5, bytes([203, 0, 113, gateway])) + attribute(6, struct.pack("=I", metric))
    return message(kind, body + attribute(12, struct.pack("=I", 3600)))


def test_a_route_is_news_when_it_comes_goes_or_leads_another_way() -> None:
    links = Links()
    heard = [
        links.hear(each).routes
        for each in (
            route(),
            route(),  # its lifetime is renewed
            route(2),
            route(metric=7),
            route(metric=7, kind=25),
            route(table=100),
            route(table=255),  # an address of the router
            route(9, flags=0x200),  # of the cache
            route(2),
            link(),
        )
    ]
    assert [bool(each) for each in heard] == [True, False, True, True, True, True, False, False, False, False]
    links.forget()
    assert links.hear(route(2)).routes


def test_a_link_local_route_that_a_new_device_brings_is_none() -> None:
    targets = {"fe80::": b"\xfe\x80", "2001:db8::": b"\x20\x01\x0d\xb8"}
    head = struct.pack("=BBBBBBBBI", 10, 64, 0, 0, 254, 2, 0, 1, 0)
    news = {
        name: Links().hear(message(24, head + attribute(1, prefix.ljust(16, b"\0")))).routes
        for name, prefix in targets.items()
    }
    assert news == {"fe80::": ToReturn.NOTHING, "2001:db8::": ToReturn.ALL}


def test_a_routing_rule_is_news_for_routes() -> None:
    heard = Links().hear(message(32, bytes(12)))
    assert (heard.routes, heard.causes) == (ToReturn.ALL, (Cause.ROUTING_RULE,))


def to(family: int, length: int, address: bytes, kind: int = 24, *, sort: int = 1, device: int = 0) -> bytes:
    body = struct.pack("=BBBBBBBBI", family, length, 0, 0, 254, 2, 0, sort, 0) + attribute(1, address)
    return message(kind, body + (attribute(4, struct.pack("=I", device)) if device else b""))


def test_a_route_to_one_host_asks_for_hardware_alone() -> None:
    v4, v6 = bytes([192, 0, 2, 9]), bytes.fromhex("20010db8").ljust(16, b"\0")
    for family, length, address, asked in (
        (2, 32, v4, ToReturn.HARDWARE),
        (2, 31, v4, ToReturn.ALL),
        (10, 128, v6, ToReturn.HARDWARE),
        (10, 32, v6, ToReturn.ALL),
    ):
        links = Links()
        heard = [links.hear(to(family, length, address, kind)).routes for kind in (24, 24, 25)]
        assert heard == [asked, ToReturn.NOTHING, asked]
    both = Links().hear(to(2, 31, v4) + to(2, 32, v4))
    assert both.routes is ToReturn.ALL


@pytest.mark.parametrize("sort", [6, 7, 8], ids=["blackhole", "unreachable", "prohibit"])
def test_a_route_that_refuses_one_host_asks_for_all(sort: int) -> None:
    """Fail2ban bans so; software flows between two bridges do not look the route up (docs/kernel.md 37)."""
    host = bytes([203, 0, 113, 9])
    there, refused, deleted = to(2, 32, host), to(2, 32, host, sort=sort), to(2, 32, host, 25, sort=sort)
    assert Links().hear(refused).routes is ToReturn.ALL
    links = Links()
    heard = [links.hear(each).routes for each in (there, refused, refused, deleted)]
    assert heard == [ToReturn.HARDWARE, ToReturn.ALL, ToReturn.NOTHING, ToReturn.NOTHING], "no flow went by it"


def test_a_route_with_another_mtu_or_encapsulation_is_news() -> None:
    links, target = Links(), bytes([192, 0, 2, 0])
    mtu = attribute(8, attribute(2, struct.pack("=I", 1400)))  # RTA_METRICS, RTAX_MTU
    label = attribute(21, struct.pack("=H", 1)) + attribute(22, bytes(12))
    head = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 2, 0, 1, 0) + attribute(1, target)
    heard = [links.hear(message(24, head + more)).routes for more in (b"", mtu, mtu, label, label)]
    assert heard == [ToReturn.ALL, ToReturn.ALL, ToReturn.NOTHING, ToReturn.ALL, ToReturn.NOTHING]


def by_device(*indexes: int, target: int = 0) -> bytes:
    body = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 4, 0, 1, 0) + attribute(1, bytes([192, 0, target, 0]))
    if len(indexes) == 1:
        return message(24, body + attribute(4, struct.pack("=I", *indexes)))
    return message(24, body + attribute(9, b"".join(struct.pack("=HBBi", 8, 0, 0, each) for each in indexes)))


DOWN = link(flags=0, changed=IFF_UP)
UP = link(changed=IFF_UP)
DELETED = link(flags=0, changed=EVERY, kind=17)
MADE = link(flags=0, changed=EVERY)
NO_ADDRESS = message(21, struct.pack("=BBBBI", 2, 24, 0, 0, 3) + attribute(2, bytes([192, 0, 2, 1])))


@pytest.mark.parametrize("gone", [DOWN, DOWN + NO_ADDRESS + DELETED, NO_ADDRESS], ids=["down", "deleted", "address"])
def test_a_route_that_comes_back_with_its_link_is_news(gone: bytes) -> None:
    """The kernel does not notify of IPv4 routes that it deletes with their device or address (docs/kernel.md 37)."""
    mine, other, both = by_device(3), by_device(4, target=1), by_device(3, 4, target=2)
    links = Links()
    for each in (link(), mine, other, both, link(flags=IFF_UP | 0x10000)):  # carrier
        links.hear(each)
    assert not any(links.hear(each).routes for each in (mine, other, both))
    assert links.hear(gone).routes is ToReturn.ALL
    assert not links.hear(UP).routes
    heard = [links.hear(each).routes for each in (mine, other, both)]
    assert heard == [ToReturn.ALL, ToReturn.NOTHING, ToReturn.ALL]


def test_a_route_by_another_device_goes_with_its_source() -> None:
    """Older kernels do not notify of that (docs/kernel.md 37)."""
    links, source = Links(), attribute(7, bytes([192, 0, 2, 1]))
    head = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 4, 0, 1, 0) + attribute(1, bytes([198, 51, 100, 0]))
    mine, other = (message(24, head + attribute(4, struct.pack("=I", 4)) + each) for each in (source, b""))
    heard = [links.hear(each).routes for each in (MADE, UP, mine, mine, NO_ADDRESS, mine, other, NO_ADDRESS)]
    nothing, every = ToReturn.NOTHING, ToReturn.ALL
    assert heard[:4] == [nothing, nothing, every, nothing]
    assert heard[4:] == [every, every, nothing, every], "two routes: one with the source, and one without"
    replaced, links = struct.pack("=IHHII", len(other), 24, 0x100, 0, 0) + other[16:], Links()
    heard = [links.hear(each).routes for each in (MADE, UP, mine, replaced, NO_ADDRESS)]
    assert heard == [nothing, nothing, every, nothing, nothing], "the route that replaced it stays"


def test_a_route_of_ipv6_that_lost_its_source_first_is_remembered_no_more_when_it_is_deleted() -> None:
    """The message of its end lacks the source then, of whose loss the kernel tells nothing."""
    source, by = attribute(7, bytes.fromhex("20010db8").ljust(16, b"\0")), attribute(4, struct.pack("=I", 3))
    head = struct.pack("=BBBBBBBBI", 10, 16, 0, 0, 254, 4, 0, 1, 0) + attribute(1, bytes.fromhex("3000") + bytes(14))
    links = Links()
    heard = [
        links.hear(each).routes for each in (MADE, UP, message(24, head + source + by), message(25, head + by), DOWN)
    ]
    assert heard == [ToReturn.NOTHING] * 2 + [ToReturn.ALL] * 2 + [ToReturn.NOTHING], "it has no route any more"


def sysctl(index: int, **values: int) -> bytes:
    """A written sysctl, or those of a new device."""
    numbers = {"forwarding": 2, "ignore": 6}
    named = (attribute(numbers[name], struct.pack("=i", value)) for name, value in values.items())
    return message(80, b"\2\0\0\0" + attribute(1, struct.pack("=i", index)) + b"".join(named))


ALL_DEVICES = -1


@pytest.mark.parametrize("where", [3, ALL_DEVICES])
def test_a_route_that_is_ignored_without_its_carrier_is_news_as_the_carrier_goes_and_comes(where: int) -> None:
    """Sysctl ignore_routes_with_linkdown; the kernel notifies of the device alone (docs/kernel.md 37)."""
    without, carrier, links = link(), link(flags=IFF_UP | 0x10000), Links()
    heard = [links.hear(each).routes for each in (carrier, by_device(3), without, carrier)]
    assert heard == [ToReturn.NOTHING, ToReturn.ALL, ToReturn.NOTHING, ToReturn.NOTHING], "it is 0"
    heard = [links.hear(each).routes for each in (sysctl(where, ignore=1), sysctl(where, ignore=1), without, without)]
    assert heard == [ToReturn.ALL, ToReturn.NOTHING, ToReturn.ALL, ToReturn.NOTHING]
    heard = [links.hear(each).routes for each in (carrier, link(master=7), link(flags=IFF_UP | 0x10000, master=7))]
    assert heard[0] is ToReturn.ALL
    heard = [links.hear(each).routes for each in (sysctl(where, ignore=0), without, carrier)]
    assert heard == [ToReturn.ALL, ToReturn.NOTHING, ToReturn.NOTHING]


def test_a_carrier_matters_to_links_with_routes_alone() -> None:
    links, carrier = Links(), IFF_UP | 0x10000
    new = (MADE, sysctl(3, forwarding=1, ignore=1), link(flags=carrier, changed=IFF_UP), link(), link(flags=carrier))
    assert not any(links.hear(each).routes for each in new), "a new one has none, whatever its sysctl"
    host, ports = to(2, 32, bytes(4), device=3), [link(index=4, master=7, flags=each) for each in (IFF_UP, carrier)]
    heard = [links.hear(each).routes for each in (host, link(), DELETED, MADE, link(flags=carrier), link())]
    assert heard[:2] == [ToReturn.HARDWARE] * 2 and not any(heard[2:]), "the sysctl went with the device"
    links.hear(sysctl(4, ignore=1))
    assert not any(links.hear(each).routes for each in ports)
    links = Links()
    links.written([(80, sysctl(3, forwarding=1, ignore=1)[16:])])
    assert links.hear(link()).routes is ToReturn.ALL, "it may have had one when the service started"


@pytest.mark.parametrize("new", [True, False], ids=["new", "old"])
def test_a_carrier_that_flaps_does_not_ask_each_of_its_routes(monkeypatch: pytest.MonkeyPatch, *, new: bool) -> None:
    """There may be thousands, and a flapping carrier has several messages in a second."""
    links, asked = Links(), list[int]()
    hosts = [to(2, 32, bytes([10, 0, 0, number]), device=3) for number in range(200)]
    for each in ([MADE] if new else []) + [sysctl(3, ignore=1), link(flags=IFF_UP | 0x10000), *hosts]:
        links.hear(each)
    own = route_events._asked

    def counted(family: int, bits: int) -> ToReturn:
        asked.append(bits)
        return own(family, bits)

    monkeypatch.setattr(route_events, "_asked", counted)
    assert links.hear(link()).routes is (ToReturn.HARDWARE if new else ToReturn.ALL) and len(asked) <= 1


def test_a_carrier_that_comes_is_news_where_nothing_told_that_it_was_away() -> None:
    """As where the service starts, or the kernel drops notifications, while a cable is unplugged."""
    carrier, links = link(flags=IFF_UP | 0x10000), Links()
    links.written([(80, sysctl(3, forwarding=1, ignore=1)[16:])])
    heard = [links.hear(each).routes for each in (carrier, carrier)]
    assert heard == [ToReturn.ALL, ToReturn.NOTHING]
    links.forget()
    heard = [links.hear(each).routes for each in (carrier, carrier)]
    assert heard == [ToReturn.LOST, ToReturn.NOTHING], "it may have been away meanwhile; hosts can cause such losses"
    links.forget()
    assert links.hear(link()).routes is ToReturn.ALL


NEW_DEVICES = -2


def test_the_sysctl_of_new_devices_is_that_of_devices_without_address_too() -> None:
    """The kernel copies it to those, and tells of the copy no more (docs/kernel.md 37)."""
    without, carrier, links = link(), link(flags=IFF_UP | 0x10000), Links()
    links.hear(carrier)
    heard = [links.hear(each).routes for each in (sysctl(NEW_DEVICES, ignore=1), without, carrier)]
    assert heard == [ToReturn.ALL] * 3
    heard = [links.hear(each).routes for each in (sysctl(NEW_DEVICES, ignore=0), without, carrier)]
    assert heard == [ToReturn.ALL, ToReturn.NOTHING, ToReturn.NOTHING]


def test_a_link_that_was_there_before_asks_for_all_when_it_goes_down() -> None:
    """Its routes were never notified; what is in a bridge has none."""
    assert Links().hear(DOWN).routes is ToReturn.ALL
    assert Links().hear(NO_ADDRESS).routes is ToReturn.ALL
    assert not Links().hear(link(flags=0, changed=IFF_UP, master=7)).routes
    assert not Links().hear(link(flags=0)).routes, "it was down before"


def test_links_without_routes_that_come_and_go_ask_for_nothing() -> None:
    """Such as those of containers and of Wi-Fi."""
    links = Links()
    heard = [links.hear(each).routes for each in (MADE, UP, DOWN, UP, DOWN + NO_ADDRESS + DELETED)]
    assert not any(heard)
    links.hear(MADE)
    links.forget()
    assert links.hear(DOWN).routes, "it may have got routes in messages that were lost"


def test_a_link_with_routes_asks_once_each_time_it_goes_down() -> None:
    links, host, both = Links(), to(2, 32, bytes(4), device=3), by_device(3, 4)
    for route_by, asked in ((by_device(3), ToReturn.ALL), (host, ToReturn.HARDWARE)):
        links.hear(MADE)
        heard = [links.hear(each).routes for each in (UP, route_by, DOWN, UP, DOWN)]
        assert heard == [ToReturn.NOTHING, asked, asked, ToReturn.NOTHING, ToReturn.NOTHING]
    # a route by several devices stays, and leads by this one again when it is up
    heard = [links.hear(each).routes for each in (UP, both, DOWN, UP, DOWN, both)]
    assert heard == [ToReturn.NOTHING, *[ToReturn.ALL] * 2, ToReturn.NOTHING, *[ToReturn.ALL] * 2]


def test_a_ban_by_route_outlives_every_link() -> None:
    links, ban = Links(), to(2, 32, bytes([203, 0, 113, 9]), sort=6)
    heard = [links.hear(each).routes for each in (MADE, UP, ban, DOWN, UP, ban)]
    assert heard == [ToReturn.NOTHING, ToReturn.NOTHING, ToReturn.ALL, *[ToReturn.NOTHING] * 3]


def nexthop(number: int, device: int, kind: int = 104) -> bytes:
    return message(kind, bytes(8) + attribute(1, struct.pack("=I", number)) + attribute(5, struct.pack("=I", device)))


def by_nexthop(number: int, *, target: int = 2) -> bytes:
    head = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 4, 0, 1, 0)
    return message(24, head + attribute(1, bytes([192, 0, target, 0])) + attribute(30, struct.pack("=I", number)))


def test_a_nexthop_object_that_is_replaced_or_goes_with_its_routes_asks_for_them() -> None:
    """The kernel may notify of none of its routes (docs/kernel.md 37)."""
    links, network, nothing = Links(), by_nexthop(5), ToReturn.NOTHING
    links.there(())
    steps = (nexthop(5, 3), nexthop(5, 3), network, network, nexthop(5, 4), nexthop(6, 4), nexthop(6, 4, 105))
    heard = [links.hear(each).routes for each in steps]
    assert heard == [ToReturn.ALL, nothing, ToReturn.ALL, nothing, *[ToReturn.ALL] * 2, nothing], "no route by sixth"
    assert links.hear(nexthop(5, 4, 105)).routes is ToReturn.ALL
    links.hear(nexthop(5, 4))
    assert [links.hear(network).routes for _ in range(2)] == [ToReturn.ALL, nothing]


def group(number: int, *members: int) -> bytes:
    found = b"".join(struct.pack("=IBBH", each, 0, 0, 0) for each in members)
    return message(104, bytes(8) + attribute(1, struct.pack("=I", number)) + attribute(2, found))


@pytest.mark.parametrize("gone", [link(), DOWN], ids=["no carrier", "down"])
def test_a_group_of_nexthop_objects_is_news_after_one_of_them_went_with_its_device(gone: bytes) -> None:
    """The kernel took that one out of the group, or deleted the group with its routes, without a word."""
    links, network, nothing = Links(), by_nexthop(10), ToReturn.NOTHING
    links.there(())
    made = (nexthop(6, 4), group(10, 5, 6), group(11, 6))
    for each in (nexthop(5, 3), *made, network):
        links.hear(each)
    heard = [links.hear(each).routes for each in (gone, *made, network)]
    assert heard == [ToReturn.ALL, nothing, ToReturn.ALL, nothing, ToReturn.ALL]
    assert links.hear(nexthop(10, 0, 105)).routes is ToReturn.ALL
    assert links.hear(nexthop(11, 0, 105)).routes is nothing, "no route was by it"


@pytest.mark.parametrize("kind", [104, 105], ids=["replaced", "deleted"])
def test_a_nexthop_object_that_was_there_before_asks_for_all(kind: int) -> None:
    """Its routes were never notified; a host by it that was does not make it less."""
    links, host = Links(), to(2, 32, bytes(4)) + by_nexthop(5)
    assert links.hear(nexthop(5, 3, kind)).routes is ToReturn.ALL
    links.hear(host)
    links.forget()
    assert links.hear(nexthop(5, 3, kind)).routes is ToReturn.ALL


def test_a_route_by_a_nexthop_object_goes_with_the_device_of_that_object() -> None:
    """As with net.ipv4.nexthop_compat_mode=0, where the route does not name the device (docs/kernel.md 37)."""
    links, network = Links(), by_nexthop(5)
    for each in (MADE, UP, nexthop(5, 3), network):
        links.hear(each)
    port, other = (link(b"lan9\0", index=9, flags=0, changed=changed, master=2) for changed in (IFF_UP, EVERY))
    heard = [links.hear(each).routes for each in (port, other, port, network, DOWN, UP, network)]
    assert heard == [*[ToReturn.NOTHING] * 4, ToReturn.ALL, ToReturn.NOTHING, ToReturn.ALL]


@pytest.mark.parametrize("down", [DOWN, link(flags=0, changed=IFF_UP, master=2)], ids=["device", "port"])
def test_a_route_by_a_nexthop_object_outlives_another_device(down: bytes) -> None:
    """Its object is deleted later: the kernel does not tell of the route, and it is no longer there."""
    links, network = Links(), by_nexthop(5)
    for each in (nexthop(5, 4), network, down):
        links.hear(each)
    assert [links.hear(each).routes for each in (nexthop(5, 4, 105), network)] == [ToReturn.ALL] * 2


def test_a_nexthop_object_goes_with_the_carrier_of_its_device() -> None:
    """The kernel tells neither of it nor of its routes (docs/kernel.md 37); a route without an object stays."""
    plugged, unplugged = link(flags=IFF_UP | 0x10040), link()
    links, network = Links(), by_nexthop(5)
    for each in (plugged, nexthop(5, 3), nexthop(6, 4), network):
        links.hear(each)
    heard = [links.hear(each) for each in (plugged, unplugged, unplugged, plugged, network)]
    assert [each.routes for each in heard] == [ToReturn.NOTHING, ToReturn.ALL, *[ToReturn.NOTHING] * 2, ToReturn.ALL]
    assert not any(each.causes for each in heard)
    assert links.hear(nexthop(5, 3)).routes is ToReturn.ALL
    assert links.hear(nexthop(6, 4)).routes is ToReturn.NOTHING, "it is by another device"


def told(*messages: bytes) -> list[tuple[int, bytes]]:
    return [(int.from_bytes(each[4:6], sys.byteorder), each[16:]) for each in messages]


def test_nexthop_objects_from_before_the_start_go_with_the_carrier_of_their_device_too() -> None:
    """They are in a dump; no message told of their routes, so these count whichever others are known."""
    for last in (link(), nexthop(5, 3, 105)):
        links = Links()
        links.there(told(nexthop(5, 3), nexthop(6, 4)))
        heard = [links.hear(each).routes for each in (nexthop(5, 3), to(2, 32, bytes(4)), nexthop(7, 3), last)]
        assert heard == [ToReturn.NOTHING, ToReturn.HARDWARE, *[ToReturn.ALL] * 2]
    links.hear(nexthop(8, 4))
    assert links.hear(nexthop(8, 4, 105)).routes is ToReturn.NOTHING, "it is new, and has no routes"


def test_more_routes_than_are_remembered_leave_the_nexthop_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that has objects (FRR) may have a full table of routes."""
    monkeypatch.setattr(route_events, "MOST_ROUTES", 4)
    for last in (link(), nexthop(5, 3, 105)):
        links = Links()
        for each in (nexthop(5, 3), by_nexthop(5), *(by_device(3, target=each) for each in range(8))):
            links.hear(each)
        assert links.hear(last).routes is ToReturn.ALL


def appended(route: bytes, flags: int = 0x800) -> bytes:
    return route[:6] + struct.pack("=H", flags) + route[8:]


REPLACES = 0x100


def test_a_route_that_was_appended_to_another_does_not_hide_its_device() -> None:
    """IPv4 deletes the first without a word when its device goes down (docs/kernel.md 37)."""
    links, first, second = Links(), by_device(3), appended(by_device(4))
    heard = [links.hear(each).routes for each in (MADE, UP, first, second, second, DOWN, UP)]
    nothing = ToReturn.NOTHING
    assert heard == [nothing, nothing, *[ToReturn.ALL] * 2, nothing, ToReturn.ALL, nothing]


def test_a_route_is_remembered_when_the_one_beside_it_is_deleted() -> None:
    gone = message(25, by_device(4)[16:])
    for deleted, asked in ((gone, ToReturn.ALL), (gone + message(25, by_device(3)[16:]), ToReturn.NOTHING)):
        links = Links()
        for each in (MADE, UP, by_device(3), appended(by_device(4)), deleted):
            links.hear(each)
        assert links.hear(DOWN).routes is asked


def test_a_next_hop_is_remembered_when_the_other_is_deleted() -> None:
    """IPv6 notifies of the one that is deleted, and not of the others of its route."""
    links = Links()
    for each in (MADE, UP, by_device(3), appended(by_device(3, 4)), message(25, by_device(4)[16:])):
        links.hear(each)
    assert links.hear(DOWN).routes is ToReturn.ALL


def test_a_route_that_was_replaced_leads_by_its_device_no_more() -> None:
    links = Links()
    for each in (MADE, UP, by_device(3), appended(by_device(4), REPLACES)):
        links.hear(each)
    assert links.hear(DOWN).routes is ToReturn.NOTHING
    for each in (MADE, UP, by_device(3), appended(by_device(4)), appended(by_device(5), REPLACES)):
        links.hear(each)
    assert links.hear(DOWN).routes is ToReturn.ALL, "of several the message does not tell which was replaced"


def operations(work: Callable[[], object]) -> int:
    """How many bytecodes of Python it takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def of_objects(count: int, *steps: Callable[[int], bytes]) -> int:
    """What steps with each of so many nexthop objects take that have a route each."""
    links = Links()
    for each in range(1, count + 1):
        links.hear(nexthop(each, each) + by_nexthop(each, target=each))
    datagrams = [step(each) for step in steps for each in range(1, count + 1)]
    return operations(lambda: [links.hear(each) for each in datagrams])


@pytest.mark.parametrize(
    "step",
    [
        lambda each: nexthop(each, each, 105),
        lambda each: link(index=1000 + each, flags=0),
        lambda each: link(index=each, flags=0),
        lambda each: link(index=1000 + each, flags=0, changed=IFF_UP),
    ],
    ids=["deleted", "no carrier elsewhere", "no carrier", "down"],
)
def test_each_of_many_nexthop_objects_and_links_takes_its_own_time(step: Callable[[int], bytes]) -> None:
    few, many = of_objects(50, step), of_objects(200, step)
    assert many < 6 * few, "four times as many take four times as long"


def test_what_is_in_a_vrf_has_routes() -> None:
    for master, asked in ((b"bridge\0", ToReturn.NOTHING), (b"vrf\0", ToReturn.ALL)):
        body = struct.pack("=BxHiII", 0, 1, 3, 0, IFF_UP) + attribute(10, struct.pack("=I", 7))
        info = attribute(18, attribute(1, b"vlan\0") + attribute(4, master))
        assert Links().hear(message(16, body + info)).routes is asked


def test_a_route_that_is_repeated_after_messages_were_lost_asks_for_no_more_than_the_loss() -> None:
    """Else hosts that make the kernel drop messages use up what is kept for failovers (RouteReturns)."""
    links, host = Links(), to(2, 32, bytes(4))
    for each in (route(), host):
        links.hear(each)
    links.forget()
    assert [links.hear(each).routes for each in (host, route())] == [ToReturn.HARDWARE, ToReturn.LOST]
    assert not any(links.hear(each).routes for each in (host, route()))
    links.forget()
    assert [links.hear(each).routes for each in (route(2), route(3))] == [ToReturn.ALL] * 2


def test_stations_and_neighbours_are_seen() -> None:
    mac = bytes.fromhex("020000000001")
    notice = Links().hear(
        neighbour(7, b"", mac, master=9)
        + neighbour(7, b"", mac)  # not in a bridge: a VXLAN's own
        + neighbour(7, b"", mac, master=9, state=0x80)  # the bridge's own address
        + neighbour(2, bytes([192, 168, 1, 2]), mac)
        + neighbour(2, bytes([192, 168, 1, 2]), b"")  # not resolved
        + neighbour(2, bytes([224, 0, 0, 1]), mac, state=0x40)
    )
    assert notice.seen == (
        NeighbourEvent("02:00:00:00:00:01", "", 4, 9, 0),
        NeighbourEvent("192.168.1.2", "02:00:00:00:00:01", 4, 0, 0),
    )


def test_transactions_name_their_tables_and_are_counted() -> None:
    generation = message(0x0A0F, bytes(4) + attribute(1, struct.pack("!I", 7)))
    element = message(0x0A0C, bytes(4) + attribute(1, b"flow_offload\0"))
    gone = message(0x0A02, bytes(4) + attribute(1, b"fw4\0"))
    notice = transactions(element + generation)
    assert (notice.tables, notice.generations, notice.causes) == (frozenset({"flow_offload"}), 1, ())
    assert transactions(gone).causes
    assert transactions(message(0x0100, bytes(20))).tables == frozenset()


def test_rules_of_the_firewall_and_of_others_are_news_and_ours_are_not() -> None:
    added, deleted = (message(kind, bytes(4) + attribute(1, b"fw4\0")) for kind in (0x0A06, 0x0A08))
    assert transactions(added).causes == transactions(deleted).causes == (Cause.FIREWALL,)
    assert transactions(message(0x0A06, bytes(4) + attribute(1, b"banip\0"))).causes == (Cause.RULES,)
    assert transactions(message(0x0A06, bytes(4) + attribute(1, b"flow_offload\0"))).causes == ()
    assert transactions(message(0x0A0C, bytes(4) + attribute(1, b"fw4\0"))).causes == ()  # an element of a set


def test_chains_on_hooks_are_news_and_other_chains_are_not() -> None:
    named = bytes(4) + attribute(1, b"banip\0") + attribute(3, b"wanin\0")
    hook = attribute(4, attribute(1, struct.pack("!I", 2)))
    assert transactions(message(0x0A03, named + hook)).causes
    assert transactions(message(0x0A05, named)).causes
    assert transactions(message(0x0A03, named)).causes == ()


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded(noise: bytes) -> None:
    Links().hear(noise)
    transactions(noise)


@given(st.sampled_from([16, 17, 20, 21, 24, 25, 28, 32, 104, 105, 0x0A00, 0x0A0C, 0x0A0F]), st.binary(max_size=200))
def test_any_message_is_decoded(kind: int, body: bytes) -> None:
    Links().hear(message(kind, body))
    transactions(message(kind, body))


def qdisc(kind: bytes = b"cake\0", *, mask: int = 0, rate: int = 1, message_kind: int = 36) -> bytes:
    options = attribute(2, struct.pack("=Q", rate)) + attribute(18, struct.pack("=I", mask))
    body = struct.pack("=BxxxiIII", 0, 3, 0x10000, 0xFFFFFFFF, 1) + attribute(1, kind) + attribute(2, options)
    return message(message_kind, body)


def test_a_shaper_that_is_given_another_rate_is_no_news() -> None:
    links = Links()
    heard = [
        links.hear(each).causes
        for each in (qdisc(), qdisc(rate=2), qdisc(mask=0xF), qdisc(b"fq_codel\0"), qdisc(message_kind=37))
    ]
    assert [bool(each) for each in heard] == [True, False, True, True, True]
    assert heard[0] == (Cause.QDISC,)


def test_a_shaper_that_goes_and_comes_again_is_news() -> None:
    """sqm-scripts delete all they made and make the same again; a pass between the two has seen none."""
    links = Links()
    assert [links.hear(each).causes for each in (qdisc(), qdisc(message_kind=37), qdisc())] == [(Cause.QDISC,)] * 3


def test_after_messages_were_lost_every_one_is_news() -> None:
    links = Links()
    link = message(16, struct.pack("=BxHiII", 0, 1, 3, 1, 0) + attribute(3, b"lan1\0"))
    assert [bool(links.hear(each).causes) for each in (link, qdisc(), link, qdisc())] == [True, True, False, False]
    links.forget()
    assert [bool(links.hear(each).causes) for each in (link, qdisc())] == [True, True]


def netconf(forwarding: int, index: int = 0xFFFFFFFF, more: bytes = b"") -> bytes:
    """As inet_netconf_notify_devconf() and its IPv6 twin make it; the default index is that of all devices."""
    values = attribute(1, struct.pack("=I", index)) + attribute(2, struct.pack("=I", forwarding))
    return message(80, bytes((2, 0, 0, 0)) + values + more)


def test_forwarding_that_is_switched_off_is_told() -> None:
    off = Links().hear(netconf(0))
    assert (off.stopped, off.causes) == (True, ())
    assert Links().hear(netconf(0, index=3)).stopped
    assert not Links().hear(netconf(1)).stopped
    assert not Links().hear(netconf(0, index=0xFFFFFFFE)).stopped, "of devices that are yet to come"
    assert not Links().hear(netconf(0, index=3, more=attribute(3, bytes(4)))).stopped, "a device came"
    assert not Links().hear(message(80, bytes(4) + attribute(3, bytes(4)))).stopped
    assert not Links().hear(message(80, b"")).stopped


def test_routing_rules_and_filters_are_news() -> None:
    heard = [Links().hear(message(kind, bytes(20))).causes for kind in (32, 33, 44, 45)]
    assert heard == [(Cause.ROUTING_RULE,)] * 2 + [(Cause.FILTER,)] * 2
