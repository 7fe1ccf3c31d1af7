"""Convert netifd's replies. Pure; a BusError names the part of a reply that is not as netifd documents it.

The replies are netifd's interface status (`network.interface dump`) and device status (`network.device status`). Names
of devices are as `device_name` gives those of the kernel.
"""

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import Any

from offload.errors import BusError
from offload.model.network import Address, Network, Route
from offload.system.netlink.route.rtnetlink import RT_TABLE_MAIN, RTN_UNICAST
from offload.system.netlink.wire import device_name

DUMP = "network.interface dump"
DEVICES = "network.device status"


def networks(dump: Any) -> tuple[Network, ...]:
    """The networks (`config interface`) in a reply of `network.interface dump`, in its order.

    `l3_device`, the device that has the addresses, is empty unless a network is up.
    """
    return tuple(
        Network(
            name=_word(each, "interface"),
            up=each.get("up") is True,
            l3_device=_device(each, "l3_device") if each.get("up") is True else "",
            device=_device(each, "device"),
            proto=_word(each, "proto"),
            zone=_word(_object(each.get("data", {}), "data"), "zone"),
        )
        for each in _interfaces(dump)
    )


def addresses(dump: Any) -> tuple[Address, ...]:
    """The router's addresses in a reply of `network.interface dump`, each with its device, and without duplicates.

    They include the router's address in each IPv6 prefix that is assigned to a network. Addresses of a network without
    an l3 device are left out.
    """
    found = []
    for each in _interfaces(dump):
        device = _device(each, "l3_device")
        assigned = [
            {**_object(prefix.get("local-address", {}), "local-address")}
            for prefix in _objects(each, "ipv6-prefix-assignment")
        ]
        entries = (*_objects(each, "ipv4-address"), *_objects(each, "ipv6-address"), *assigned)
        found += [Address(device, _interface(entry)) for entry in entries if device and entry]
    return tuple(dict.fromkeys(found))


def routes(dump: Any) -> tuple[Route, ...]:
    """The routes in a reply of `network.interface dump`, each by the l3 device of its network, without duplicates.

    Three kinds are left out: routes of a network without an l3 device, of a table other than main, and routes that are
    not unicast (blackhole, unreachable).
    """
    found = []
    for each in _interfaces(dump):
        device = _device(each, "l3_device")
        for entry in _objects(each, "route"):
            if entry.get("table", RT_TABLE_MAIN) != RT_TABLE_MAIN or entry.get("type", RTN_UNICAST) != RTN_UNICAST:
                continue  # netifd has these keys only where they are configured
            try:
                target = ip_network(f"{entry['target']}/{entry['mask']}", strict=False)
            except (KeyError, TypeError, ValueError) as error:
                raise BusError(f"{DUMP}: {entry!r} is not a route") from error
            metric = entry.get("metric", 0)
            found += [Route(target, (device,), metric if type(metric) is int else 0)] if device else []
    return tuple(dict.fromkeys(found))


def hw_tc_offload(status: Any) -> frozenset[str]:
    """The names of the devices that have `hw-tc-offload` true in a reply of `network.device status`."""
    named = _object(status, DEVICES)
    return frozenset(
        device_name(name)
        for name, each in named.items()
        if _object(each, f"{DEVICES}: {name}").get("hw-tc-offload") is True
    )


def links(status: Any) -> list[dict[str, Any]]:
    """The devices in a reply of `network.device status`, as snapshot.json has them: `{"name", "kind", "lower"}`.

    `lower`: the ports of a bridge, or the parent of a VLAN or the like; empty for a device with neither.
    """
    found = []
    for name, given in _object(status, DEVICES).items():
        what = f"{DEVICES}: {name}"
        each = _object(given, what)
        members, parent = each.get("bridge-members", []), _device(each, "parent", what)
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise BusError(f"{what}: 'bridge-members' is not a list of names")
        lower = [*map(device_name, members), *([parent] if parent else ())]
        found.append({"name": device_name(name), "kind": _word(each, "devtype", what), "lower": lower})
    return found


def _interfaces(dump: Any) -> Iterator[dict[str, Any]]:
    for index, each in enumerate(_objects(_object(dump, DUMP), "interface")):
        if not _word(each, "interface"):
            raise BusError(f"{DUMP}: interface {index} has no name")
        yield each


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BusError(f"{what} is not an object, as netifd's replies are")
    return value


def _objects(owner: dict[str, Any], key: str) -> list[dict[str, Any]]:
    values = owner.get(key, [])
    if not isinstance(values, list):
        raise BusError(f"{DUMP}: '{key}' is not a list")
    return [_object(value, f"{DUMP}: an item of '{key}'") for value in values]


def _word(owner: dict[str, Any], key: str, what: str = DUMP) -> str:
    value = owner.get(key, "")
    if not isinstance(value, str):
        raise BusError(f"{what}: '{key}' is not a string")
    return value


def _device(owner: dict[str, Any], key: str, what: str = DUMP) -> str:
    return device_name(_word(owner, key, what))


def _interface(entry: dict[str, Any]) -> IPv4Interface | IPv6Interface:
    try:
        return ip_interface(f"{entry['address']}/{entry['mask']}")  # netifd always gives both
    except (KeyError, TypeError, ValueError) as error:
        raise BusError(f"{DUMP}: {entry!r} is not an address") from error


# What the functions above read; nothing else may leave the router in a bug report. Other keys hold PPPoE names and
# passwords, WireGuard keys, DNS servers.
_NAMED = ("interface", "up", "l3_device", "device", "proto")
_LISTS = {
    "ipv4-address": ("address", "mask"),
    "ipv6-address": ("address", "mask"),
    "route": ("target", "mask", "metric", "table", "type"),
}


def named_only(dump: Any) -> dict[str, Any]:
    """A copy of a reply of `network.interface dump` with the keys that functions here read, and no others.

    PPPoE names and passwords, WireGuard keys and DNS servers are not in it.
    """
    return {"interface": [_named_only(each) for each in _interfaces(dump)]}


def _named_only(each: dict[str, Any]) -> dict[str, Any]:
    kept = {key: each[key] for key in _NAMED if key in each}
    kept |= {
        key: [{word: entry[word] for word in words if word in entry} for entry in _objects(each, key)]
        for key, words in _LISTS.items()
        if key in each
    }
    locals_ = [
        _object(prefix["local-address"], "local-address")
        for prefix in _objects(each, "ipv6-prefix-assignment")
        if "local-address" in prefix
    ]
    kept["ipv6-prefix-assignment"] = [
        {"local-address": {word: entry[word] for word in ("address", "mask") if word in entry}} for entry in locals_
    ]
    zone = _object(each.get("data", {}), "data").get("zone")
    return kept | ({"data": {"zone": zone}} if zone else {})
