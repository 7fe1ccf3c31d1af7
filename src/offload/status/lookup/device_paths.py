"""Find the devices that packets of an address pass, from the layer 3 device down, such as a bridge and its port. Pure.

The sources are the forwarding tables of bridges and the router's neighbour table. An address behind another router has
no MAC there, so its bridge port stays unknown.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import ip_address

from offload.model.network import Snapshot
from offload.model.topology import directly_below
from offload.status.lookup.zone_lookup import Endpoint

# (MAC, bridge, VLAN) -> port, and (address, device, NEIGHBOUR) -> MAC
KnownStations = Mapping[tuple[str, str, int], str]
NEIGHBOUR = -1


def known_stations(snapshot: Snapshot) -> dict[tuple[str, str, int], str]:
    """A dict of a Snapshot's stations, (MAC, bridge, VLAN) -> port, and neighbours, (IP, device, NEIGHBOUR) -> MAC.

    The bridge is empty if the port is none of the Snapshot's links, or has no master.
    """
    masters = {link.name: link.master for link in snapshot.links}
    stations = {(each.mac, masters.get(each.port, ""), each.vlan): each.port for each in snapshot.stations}
    neighbours = {(each.address, each.device, NEIGHBOUR): each.mac for each in snapshot.neighbours}
    return stations | neighbours


class DevicePaths:
    """Finds the devices that packets of an address pass on this router.

    `known`: ports and MACs in the form of `known_stations`; it may have more than the Snapshot has.
    """

    def __init__(self, snapshot: Snapshot, known: KnownStations) -> None:
        self._macs = known
        self._ports = defaultdict[tuple[str, str], set[str]](set)  # of a MAC on a bridge, whatever its VLAN
        for (mac, bridge, vlan), port in known.items():
            if vlan != NEIGHBOUR:
                self._ports[mac, bridge].add(port)
        self._lower = directly_below(snapshot)
        self._bridges = {link.name for link in snapshot.links if link.kind == "bridge"}
        self.path = cache(self._path)

    def of(self, end: Endpoint, address: bytes) -> tuple[str, ...]:
        """The devices that packets of a packed address pass: the layer 3 device of `end`, then the known ones below it.

        Of a bridge with several ports it is the port of the address's station; if that is not known, the devices end
        with the bridge. Empty if `end` does not have exactly one device.
        """
        return self.path(end.devices[0], address) if len(end.devices) == 1 else ()

    def _path(self, device: str, address: bytes) -> tuple[str, ...]:
        return tuple(self._down(device, self._macs.get((str(ip_address(address)), device, NEIGHBOUR), "")))

    def _down(self, device: str, mac: str) -> Iterator[str]:
        passed: set[str] = set()
        while device and device not in passed:
            passed.add(device)
            yield device
            device = self._directly_below(device, mac)

    def _directly_below(self, device: str, mac: str) -> str:
        # of a bridge with several ports the station's one; empty where it is not known
        lower = set(self._lower.get(device, ()))
        if len(lower) > 1 and device in self._bridges:
            lower = lower & self._ports.get((mac, device), set())
        return next(iter(lower)) if len(lower) == 1 else ""
