"""Converting netifd's replies, the sentence for an invalid reply, and which keys a bug report has."""

import json
import re
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest

from offload.errors import BusError
from offload.model.network import Address, Network, Route
from offload.system.netifd import addresses, hw_tc_offload, links, named_only, networks, routes

ROUTE = {"target": "0.0.0.0", "mask": 0, "nexthop": "198.51.100.1", "metric": 10}  # noqa: S104 - a route's target
WAN = {
    "interface": "wan",
    "up": True,
    "proto": "pppoe",
    "l3_device": "pppoe-wan",
    "device": "eth1.7",
    "ipv4-address": [{"address": "198.51.100.9", "mask": 32, "ptpaddress": "198.51.100.1"}],
    "ipv6-address": [{"address": "2001:db8::9", "mask": 64, "preferred": 1800}],
    "ipv6-prefix-assignment": [],
    "route": [ROUTE],
    "dns-server": ["198.51.100.53"],
    "data": {"zone": "wan", "username": "user@isp", "password": "secret"},
}
LAN = {
    "interface": "lan",
    "up": True,
    "l3_device": "br-lan",
    "ipv6-prefix-assignment": [
        {"address": "fd00:1::", "mask": 60, "local-address": {"address": "fd00:1::1", "mask": 60}},
        {"address": "fd00:2::", "mask": 60},
    ],
}


def dump(*interfaces: Any) -> dict[str, Any]:
    return {"interface": list(interfaces)}


def test_a_network() -> None:
    assert networks(dump(WAN)) == (Network("wan", True, "pppoe-wan", "eth1.7", "pppoe", "wan"),)


def test_a_network_that_is_down_has_no_device_whatever_netifd_remembers() -> None:
    (down,) = networks(dump(WAN | {"up": False}))
    assert (down.up, down.l3_device, down.device) == (False, "", "eth1.7")


def test_addresses_and_the_router_s_own_in_assigned_prefixes() -> None:
    assert addresses(dump(WAN, LAN)) == (
        Address("pppoe-wan", ip_interface("198.51.100.9/32")),
        Address("pppoe-wan", ip_interface("2001:db8::9/64")),
        Address("br-lan", ip_interface("fd00:1::1/60")),
    )


def test_routes() -> None:
    assert routes(dump(WAN, LAN)) == (Route(ip_network("0.0.0.0/0"), ("pppoe-wan",), 10),)


def test_routes_of_other_tables_and_that_are_not_unicast_are_left_out() -> None:
    for words, count in (({"table": 254, "type": 1}, 1), ({"table": 100}, 0), ({"type": 7}, 0)):
        other = dump(WAN | {"route": [ROUTE | words]})
        assert len(routes(other)) == len(routes(named_only(other))) == count


def test_devices_with_those_beneath_them() -> None:
    status = {"br-lan": {"devtype": "bridge", "bridge-members": ["lan1"]}, "eth1.7": {"parent": "eth1"}, "lo": {}}
    found = {each["name"]: (each["kind"], each["lower"]) for each in links(status)}
    assert found == {"br-lan": ("bridge", ["lan1"]), "eth1.7": ("", ["eth1"]), "lo": ("", [])}


@pytest.mark.parametrize("wrong", [{"bridge-members": [1]}, {"bridge-members": "lan1"}, {"parent": 7}, {"devtype": []}])
def test_a_device_status_of_another_shape_is_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(BusError, match=re.escape(f"network.device status: br-lan: '{next(iter(wrong))}' is not")):
        links({"br-lan": wrong})


def test_devices_that_report_hw_tc_offload() -> None:
    status = {"eth0": {"hw-tc-offload": True}, "eth1": {"hw-tc-offload": False}, "lo": {}}
    assert hw_tc_offload(status) == {"eth0"}
    assert hw_tc_offload({}) == frozenset()


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ([], "network.interface dump is not an object"),
        (None, "network.interface dump is not an object"),
        ({"interface": {}}, "'interface' is not a list"),
        (dump(1), "an item of 'interface' is not an object"),
        (dump({}), "interface 0 has no name"),
        (dump({"interface": 3}), "'interface' is not a string"),
        (dump(WAN | {"l3_device": 3}), "'l3_device' is not a string"),
        (dump(WAN | {"data": []}), "data is not an object"),
        (dump(WAN | {"ipv4-address": {}}), "'ipv4-address' is not a list"),
        (dump(WAN | {"ipv4-address": [{"address": "1.2.3.4", "mask": True}]}), "is not an address"),
        (dump(WAN | {"route": [{"target": ROUTE["target"], "mask": True}]}), "is not a route"),
        (dump(WAN | {"ipv4-address": [{"address": "1.2.3.4"}]}), "is not an address"),
        (dump(WAN | {"ipv4-address": [{"mask": 3}]}), "is not an address"),
        (dump(WAN | {"ipv4-address": [{"address": "1.2.3.4", "mask": 33}]}), "is not an address"),
        (dump(WAN | {"route": [{"target": "x", "mask": 0}]}), "is not a route"),
        (dump(WAN | {"ipv6-prefix-assignment": [1]}), "an item of 'ipv6-prefix-assignment' is not an object"),
    ],
)
def test_a_reply_unlike_netifds_is_one_sentence(reply: Any, sentence: str) -> None:
    with pytest.raises(BusError, match=re.escape(sentence)):
        _ = networks(reply), addresses(reply), routes(reply)


@pytest.mark.parametrize("local", [5, None, "fd00::1", ["fd00::1"]])
def test_a_local_address_that_is_no_object_is_one_sentence(local: Any) -> None:
    with pytest.raises(BusError, match="local-address is not an object"):
        named_only(dump(WAN | {"ipv6-prefix-assignment": [{"local-address": local}]}))


def test_only_what_is_read_leaves_the_router() -> None:
    part = named_only(dump(WAN, LAN))
    text = json.dumps(part)
    assert not any(word in text for word in ("user@isp", "secret", "dns", "nexthop", "ptpaddress", "preferred"))
    for read in (networks, addresses, routes):
        assert read(part) == read(dump(WAN, LAN))
