"""One look at the router through the doors -> Snapshot."""

from typing import Any, Protocol

from offload.model.network import Kernel, Snapshot
from offload.system import netifd
from offload.system.netlink import Scene

FIREWALL_TABLES = {"fw4": "fw4", "foomuuri": "foomuuri", "firewalld": "firewalld"}


class Bus(Protocol):
    """What is asked of ubus."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...


class Netlink(Protocol):
    """What is asked of rtnetlink."""

    def scene(self) -> Scene: ...


class Tables(Protocol):
    """What is asked of nft."""

    def tables(self) -> frozenset[str]: ...


def observe(bus: Bus, netlink: Netlink, nft: Tables, kernel: Kernel) -> tuple[Snapshot, dict[str, Any]]:
    """Read netifd and netlink; also netifd's dump as it came, for `offload snapshot`.

    Addresses and routes are the kernel's: it also knows those that netifd did not set (containers, VPNs).
    """
    dump = bus.call("network.interface", "dump")
    scene = netlink.scene()
    tables = nft.tables() if kernel.nft else frozenset[str]()
    firewall = next((name for table, name in FIREWALL_TABLES.items() if table in tables), "none")
    snapshot = Snapshot(
        links=scene.links,
        networks=netifd.networks(dump),
        addresses=scene.addresses,
        routes=scene.routes,
        stations=scene.stations,
        neighbours=scene.neighbours,
        kernel=kernel,
        firewall=firewall,
    )
    return snapshot, dump
