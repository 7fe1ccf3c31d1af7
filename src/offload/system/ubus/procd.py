"""Read the `firewall` data of services from procd's `service get_data`: their rules and redirects."""

from typing import Any, Protocol

DATA = "service get_data"


class Bus(Protocol):
    """What this module needs of a ubus client."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...


def firewall_data(bus: Bus) -> dict[str, Any]:
    """The data by service; BusError if procd does not reply."""
    return bus.call("service", "get_data", {"type": "firewall"})
