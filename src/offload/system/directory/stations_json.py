"""The key `stations` of snapshot.json: stations of bridges, and neighbours of the router. Pure.

`"stations": [{"mac": "02:00:00:00:00:01", "device": "lan1", "addresses": ["192.168.1.10"]}, ...]`: a MAC, the bridge
port that it was learned at, and the addresses that the router has resolved to it. People write this key; offload does
not, because it shows which hosts exist.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from offload.model.network import Address, Link, Neighbour, Station
from offload.system.directory import values

Known = tuple[tuple[Station, ...], tuple[Neighbour, ...]]
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.ASCII)


def stations(found: Any, links: Iterable[Link], addresses: Iterable[Address]) -> Known:
    """Read the key `stations` of snapshot.json: (stations, neighbours) for a Snapshot, both empty without the key.

    `found`: the content of the file. Each address of a station becomes a Neighbour. Its device is that of the first of
    the router's `addresses` whose network contains it; if there is none, the bridge of the station's port by `links`
    (empty if the port is in no bridge). TypeError, KeyError or ValueError for an entry that is not valid.
    """
    given = found.get("stations", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise TypeError("'stations' is not a list of objects")
    masters = {link.name: link.master for link in links}
    networks = tuple(addresses)
    learned, neighbours = [], []
    for each in given:
        mac, port = _mac(each), _text(each, "device")
        learned.append(Station(mac, port))
        for text in _texts(each, "addresses"):
            address = values.read(ip_address, text, "stations: addresses", "a list of addresses")
            near = (known.device for known in networks if address in known.address.network)
            neighbours.append(Neighbour(str(address), next(near, masters.get(port, "")), mac))
    return tuple(learned), tuple(neighbours)


def _mac(each: dict[str, Any]) -> str:
    mac = _text(each, "mac").lower()
    if not MAC.fullmatch(mac):
        raise ValueError("stations: 'mac' is not a MAC address")
    return mac


def _text(each: dict[str, Any], key: str) -> str:
    value = each[key]
    if not isinstance(value, str):
        raise TypeError(f"stations: '{key}' is not str")
    return value


def _texts(each: dict[str, Any], key: str) -> list[str]:
    found = each.get(key, [])
    if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
        raise TypeError(f"stations: '{key}' is not a list of str")
    return found
