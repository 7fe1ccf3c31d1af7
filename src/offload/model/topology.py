"""The devices on which a zone's packets can arrive, and which of them a flowtable should list."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network

from offload.model.network import Snapshot
from offload.model.problems.reason import Reason
from offload.nouns import dataclass


def directly_below(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """{device: devices directly below it}: ports of a bridge, what a VLAN stands on, what PPPoE runs over, ...

    What PPPoE runs over is from netifd, the others are from the links. Keys are all links, with () if nothing is below;
    and masters and PPPoE devices that are no link.
    """
    found: dict[str, list[str]] = {link.name: list(link.lower) for link in snapshot.links}
    for link in snapshot.links:
        if link.master:
            found.setdefault(link.master, []).append(link.name)
    for network in snapshot.networks:
        if network.proto == "pppoe" and network.l3_device and network.device not in {"", network.l3_device}:
            found.setdefault(network.l3_device, []).append(network.device)
    return {name: tuple(dict.fromkeys(names)) for name, names in found.items()}


def all_below(devices: Iterable[str], lower: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The devices below these, at any depth, each once. `lower`: {device: devices directly below it}."""
    found: dict[str, None] = {}
    waiting = list(devices)
    while waiting:
        waiting = [name for upper in waiting for name in lower.get(upper, ()) if name not in found]
        found |= dict.fromkeys(waiting)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ZoneDevices:
    """The devices of one zone that exist now."""

    name: str  # of the zone
    l3: tuple[str, ...] = ()  # devices that routes name: `br-lan`, `pppoe-wan`
    # l3 device -> devices below it (all the way down) that a software flowtable should list
    beneath: Mapping[str, tuple[str, ...]] | None = None
    # l3 device -> the devices that its packets arrive on; hardware can cover only these
    leaves: Mapping[str, tuple[str, ...]] | None = None
    left_out: tuple[tuple[str, Reason], ...] = ()  # (device, why no flowtable may list it for this zone)
    reasons: tuple[Reason, ...] = ()  # why devices of the configuration are missing, or not all of them known
    subnets: tuple[IPv4Network | IPv6Network, ...] = ()  # as of config's Zone: the zone is in these; empty: any address
    inverted: bool = False  # option network or device has `!x` or `+`, so more devices may belong to it than `l3` names
    bridges: Mapping[str, str] | None = None  # l3 device that is a bridge, or a VLAN on one -> the bridge
    vrfs: Mapping[str, str] | None = None  # l3 device in a VRF -> the VRF's own device

    @property
    def nowhere(self) -> bool:
        """Whether packets of the zone cannot be told from others: neither all its devices nor subnets are known."""
        return self.inverted and not self.subnets

    @property
    def incoming(self) -> tuple[str, ...]:
        """The input devices of the zone's packets as the forward hook sees them, each once."""
        return tuple(dict.fromkeys(map(self.came_in, self.l3)))

    def came_in(self, device: str) -> str:
        """The name that the forward hook sees for an l3 device that a packet came in on.

        For a device in a VRF it is the VRF's own device (l3mdev_ip_rcv(), include/net/l3mdev.h), otherwise `device`.
        """
        return (self.vrfs or {}).get(device, device)

    @property
    def listed(self) -> tuple[str, ...]:
        """The l3 devices, each followed by the devices below it that a software flowtable should list; no repeats."""
        return tuple(dict.fromkeys(name for device in self.l3 for name in self.group(device)))

    def group(self, device: str) -> tuple[str, ...]:
        """The l3 device, followed by the devices below it that a software flowtable should list, if any."""
        return (device, *(self.beneath or {}).get(device, ()))

    def bridge_of(self, device: str) -> str:
        """The bridge through which packets of an l3 device arrive; empty: none.

        It is the device itself, or for a VLAN on a bridge this bridge.
        """
        return (self.bridges or {}).get(device, "")

    def passed(self, device: str) -> tuple[str, ...]:
        """The l3 device, those listed below it, and those that its packets arrive on; each once."""
        return tuple(dict.fromkeys((*self.group(device), *self.leaves_of(device))))

    def leaves_of(self, device: str) -> tuple[str, ...]:
        """The devices on which packets of an l3 device arrive (wired ports, say).

        The device itself if no others are known.
        """
        return (self.leaves or {}).get(device, (device,))
