"""Answers to scripts about the loaded firewall: the zone of a network or device, the devices of a zone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a command asks these, and it must start fast
    from offload.compiler.firewall.zones import FirewallZone
    from offload.model.sections.firewall import RouterNetwork

Json = dict[str, Any]


def zones_json(zones: "Iterable[FirewallZone]", networks: "Mapping[str, RouterNetwork]") -> list[Json]:
    """The zones as the file firewall.json has them: objects with `name`, `networks` and `devices` (lists of names).

    A zone's networks are those of its option `network`, then those whose interface in netifd names this zone (taken
    from the argument `networks`). Negated names are left out.
    """
    return [
        {
            "name": each.name,
            "networks": [item.text for item in each.zone.network if not item.negated]
            + [name for name, network in networks.items() if network.zone == each.name],
            "devices": list(
                dict.fromkeys(item.text for part in each.parts for item in part.devices if not item.negated)
            ),
        }
        for each in zones
    ]


def zone_of_network(zones: Sequence[Json], name: str) -> list[str]:
    """The name of the first zone that a network belongs to, in a list; empty: none. `zones`: as in firewall.json."""
    return [each["name"] for each in zones if name in each["networks"]][:1]


def zone_of_device(zones: Sequence[Json], name: str) -> list[str]:
    """The name of the first zone that has the device, in a list; empty: none. `zones`: as in firewall.json."""
    return [each["name"] for each in zones if name in each["devices"]][:1]


def devices_of_zone(zones: Sequence[Json], name: str, only: str = "") -> list[str] | None:
    """The devices of a zone, or only the device `only`. None: no such zone, or the zone does not have this device."""
    found = next((each["devices"] for each in zones if each["name"] == name), None)
    if found is None or not only:
        return found
    return [only] if only in found else None
