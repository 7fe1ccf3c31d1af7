"""Read from procd the firewall rules and redirects that init scripts of services have given to it.

An init script does that with procd_add_data() and `json_add_array firewall`.
"""

from typing import Any, Protocol

DATA = "service get_data"


class Bus(Protocol):
    """A client that calls methods over ubus, such as UbusClient."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...


def firewall_data(bus: Bus) -> dict[str, Any]:
    """Ask procd for the firewall rules, redirects and so on of all services (`service get_data`, type `firewall`).

    Returns procd's reply, unchecked: `{SERVICE: {"firewall": [...], INSTANCE: {"firewall": [...]}}}`. The first list
    has what belongs to the whole service, the second what belongs to one instance. A service or instance without such
    a list lacks the key. BusError if procd does not reply.
    """
    return bus.call("service", "get_data", {"type": "firewall"})
