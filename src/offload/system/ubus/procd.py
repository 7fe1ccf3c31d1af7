"""Read from procd the firewall rules and redirects of services, which their init scripts hand over.

An init script does that with procd_add_data() and `json_add_array firewall`.
"""

from typing import Any, Protocol

DATA = "service get_data"


class Bus(Protocol):
    """A client that calls methods over ubus, such as UbusClient."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...


def firewall_data(bus: Bus) -> dict[str, Any]:
    """By service, the firewall rules and redirects that procd holds for it (`service get_data`, type `firewall`).

    They are lists under the key `firewall`, of a service itself and of each of its instances. BusError if procd does
    not reply.
    """
    return bus.call("service", "get_data", {"type": "firewall"})
