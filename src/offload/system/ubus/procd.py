"""procd's `service get_data`: the `firewall` data of services, with rules and redirects for the firewall."""

from typing import Any, Protocol

DATA = "service get_data"


class Bus(Protocol):
    """The part of a ubus client that is used here."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...


def firewall_data(bus: Bus) -> dict[str, Any]:
    """The data by service; a BusError where procd does not answer."""
    return bus.call("service", "get_data", {"type": "firewall"})
