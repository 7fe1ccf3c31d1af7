"""The content of snapshot.json: make it from a Snapshot, and read it as one. Pure.

`{"ubus": {"network.interface dump": REPLY, ...}, "links": [...], "addresses": [...], "routes": [...], "kernel": {...},
"firewall": "fw4", "rules": [...], "qdiscs": [...], "filters": [...], "stations": [...]}`, and other fields of Snapshot.
An absent key has its default; addresses and routes come from the dump where they are not given.
"""

from collections.abc import Callable
from ipaddress import ip_interface, ip_network
from typing import Any, TypeVar

from offload.model.network import (
    CONNTRACK_MAX,
    Address,
    ForwardChain,
    GivenUp,
    Kernel,
    Lack,
    Link,
    Route,
    Snapshot,
    Uncounted,
)
from offload.nouns import asdict, replace
from offload.system import netifd
from offload.system.directory import values
from offload.system.directory.marks_json import marks, marks_json
from offload.system.directory.rules_json import packet_rules, packet_rules_json, unloaded_file, unloaded_json
from offload.system.directory.stations_json import stations
from offload.system.directory.values import typed

T = TypeVar("T")
LINK_WORDS = {"name": str, "kind": str, "up": bool, "master": str, "wireless": bool, "restless": bool}
LINK_WORDS |= {"hw_tc_offload": bool, "hw_bind": bool}


def snapshot_json(snapshot: Snapshot, ubus: dict[str, Any]) -> dict[str, Any]:
    """The content of snapshot.json for a Snapshot, as objects that `json.dumps` takes.

    `ubus`: netifd's replies by `OBJECT METHOD`, copied as they are: the caller removes secrets (`named_only`). They
    have the networks. Stations, neighbours, `policy_routed`, `given_up`, `uncounted`, `crowded` and the indexes of
    devices are not in the result, and comments of packet rules are empty in it.
    """
    kernel = snapshot.kernel
    return {
        "ubus": ubus,
        "links": [_link_json(link) for link in snapshot.links],
        "addresses": [{"device": each.device, "address": str(each.address)} for each in snapshot.addresses],
        "routes": [
            {"target": str(each.target), "devices": list(each.devices), "metric": each.metric}
            for each in snapshot.routes
        ],
        "kernel": {
            "release": kernel.release,
            "flowtable": kernel.flowtable,
            "nft": kernel.nft,
            "modules": list(kernel.modules),
            "missing": [asdict(lack) for lack in kernel.missing],
            "conntrack_max": kernel.conntrack_max,
            "ipsec": kernel.ipsec,
        },
        "firewall": snapshot.firewall,
        "missed": dict(snapshot.missed),
        "forward_chains": [asdict(chain) for chain in snapshot.forward_chains],
        "ingress_last": snapshot.ingress_last,
        **marks_json(snapshot),
        "packet_rules": packet_rules_json(snapshot.packet_rules),
        "unloaded": unloaded_json(snapshot.unloaded),
        "legacy_tables": list(snapshot.legacy_tables),
        "settings": dict(snapshot.settings),
    }


def snapshot(found: Any) -> Snapshot:
    """Make a Snapshot from the content of snapshot.json (`found`); an absent key has its default.

    Networks come from netifd's dump under `ubus`, and so do addresses and routes if their keys are absent; a device has
    hw_tc_offload if `links` or netifd's device status under `ubus` shows it. TypeError, ValueError, KeyError,
    AttributeError or BusError if a value is not valid; most of their texts name the key.
    """
    typed(dict, found, "the file")
    ubus = typed(dict, found.get("ubus", {}), "ubus")
    dump = ubus.get(netifd.DUMP, {})
    able = netifd.hw_tc_offload(ubus.get(netifd.DEVICES, {}))
    links = tuple(_link(typed(dict, each, "links")) for each in typed(list, found.get("links", []), "links"))
    made = Snapshot(
        links=tuple(replace(link, hw_tc_offload=link.hw_tc_offload or link.name in able) for link in links),
        networks=netifd.networks(dump),
        addresses=netifd.addresses(dump),
        routes=netifd.routes(dump),
        kernel=_kernel(typed(dict, found.get("kernel", {}), "kernel")),
        firewall=typed(str, found.get("firewall", "fw4"), "firewall"),
        missed=_numbers(found, "missed"),
        packet_rules=packet_rules(found),
        unloaded=_each(found.get("unloaded", []), "unloaded", unloaded_file),
        legacy_tables=_words(found.get("legacy_tables", []), "legacy_tables"),
        settings=_numbers(found, "settings"),
        forward_chains=_each(found.get("forward_chains", []), "forward_chains", _forward_chain),
        ingress_last=None if (last := found.get("ingress_last")) is None else typed(int, last, "ingress_last"),
        given_up=_each(found.get("given_up", []), "given_up", _given_up),
        uncounted=_each(found.get("uncounted", []), "uncounted", _uncounted),
        crowded=typed(bool, found.get("crowded", False), "crowded"),
        **marks(found),
    )
    if "addresses" in found:
        made = replace(made, addresses=_each(found["addresses"], "addresses", _address))
    if "routes" in found:
        made = replace(made, routes=_each(found["routes"], "routes", _route))
    learned, neighbours = stations(found, made.links, made.addresses)
    return replace(made, stations=learned, neighbours=neighbours)


def _numbers(found: Any, key: str) -> dict[str, int]:
    return {name: typed(int, number, key) for name, number in typed(dict, found.get(key, {}), key).items()}


def _each(given: Any, key: str, make: Callable[[dict[str, Any]], T]) -> tuple[T, ...]:
    return tuple(make(typed(dict, value, key)) for value in typed(list, given, key))


# The kernel's numbers of devices mean nothing elsewhere.
def _link_json(link: Link) -> dict[str, Any]:
    return {word: getattr(link, word) for word in LINK_WORDS} | {"lower": list(link.lower)}


def _link(each: dict[str, Any]) -> Link:
    given = {
        key: typed(kind, each[key], f"links: {key}") for key, kind in LINK_WORDS.items() if each.get(key) is not None
    }
    return Link(lower=_words(each.get("lower", []), "links: lower"), **{"name": each["name"], **given})


def _address(each: dict[str, Any]) -> Address:
    address = values.read(ip_interface, each["address"], "addresses: address", "an address with a prefix length")
    return Address(typed(str, each["device"], "addresses: device"), address)


def _route(each: dict[str, Any]) -> Route:
    devices = _words(each["devices"], "routes: devices")
    target = values.read(ip_network, each["target"], "routes: target", "a network")
    return Route(target, devices, typed(int, each.get("metric", 0), "routes: metric"))


def _given_up(each: dict[str, Any]) -> GivenUp:
    pair = _words(each.get("pair", []), "given_up: pair")
    ends = values.read(_two, pair, "given_up: pair", "two zones") if pair else None
    flows, device = typed(int, each["flows"], "flows"), typed(str, each.get("device", ""), "device")
    return GivenUp(flows, ends, device, typed(str, each.get("family", ""), "given_up: family"))


def _uncounted(each: dict[str, Any]) -> Uncounted:
    src, dest = values.read(_two, _words(each["pair"], "uncounted: pair"), "uncounted: pair", "two zones")
    return Uncounted((src, dest), _words(each["devices"], "uncounted: devices"))


def _forward_chain(each: dict[str, Any]) -> ForwardChain:
    family, table, name = (typed(str, each[key], f"forward_chains: {key}") for key in ("family", "table", "name"))
    return ForwardChain(family, table, name, typed(int, each["priority"], "forward_chains: priority"))


def _kernel(found: dict[str, Any]) -> Kernel:
    lacks = (
        Lack(typed(str, each["what"], "what"), typed(str, each["package"], "package"))
        for each in _each(found.get("missing", []), "kernel: missing", dict)
    )
    return Kernel(
        release=typed(str, found.get("release", ""), "release"),
        flowtable=typed(bool, found.get("flowtable", True), "flowtable"),
        nft=typed(str, found.get("nft", ""), "nft"),
        modules=_words(found.get("modules", []), "modules"),
        missing=tuple(lacks),
        conntrack_max=typed(int, found.get("conntrack_max", CONNTRACK_MAX), "conntrack_max"),
        ipsec=typed(bool, found.get("ipsec", False), "ipsec"),
    )


def _words(given: Any, key: str) -> tuple[str, ...]:
    return tuple(typed(str, value, key) for value in typed(list, given, key))


def _two(given: tuple[str, ...]) -> tuple[str, str]:
    src, dest = given
    return src, dest
