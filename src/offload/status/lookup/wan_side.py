"""Find the zones on the wan side of the router, whose hosts are not those of the user. Pure."""

from collections.abc import Iterable

from offload.model.config import Zone
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.status.lookup.zone_lookup import DISTANT


def wan_side(zones: Iterable[Zone], plan: Plan, snapshot: Snapshot) -> frozenset[str]:
    """The names of the zones on the wan side: those that a default route leads to, and those with masquerade.

    Some routers masquerade their LAN too: a zone that only has masquerade does not count if a pair leads from it to a
    zone with a default route. A VPN whose default route is in another routing table is found by its masquerade.
    """
    leading = {device for route in snapshot.routes if route.target.prefixlen < DISTANT for device in route.devices}
    upstream = {zone.name for zone in plan.zones if leading & set(zone.devices)}
    inside = {pair.src for pair in plan.pairs if pair.dest in upstream}
    return frozenset(upstream | ({zone.name for zone in zones if zone.masq} - inside))
