"""Read the `firewall` data of services from procd: the rules and redirects that their init scripts hand over.

An init script does that with procd_add_data() and `json_add_array firewall`.
"""

from typing import Any, Protocol

DATA = "service get_data"


class Bus(Protocol):
    """What this module needs of a ubus client."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...


def firewall_data(bus: Bus) -> dict[str, Any]:
    """The reply of procd's `service get_data`, by service; BusError if procd does not reply.

    The sections are lists under the key `firewall`: of the service itself, and of each of its instances.
    """
    return bus.call("service", "get_data", {"type": "firewall"})
