"""Find the zones on the wan side of the router, whose hosts are not those of the user. Pure."""

from collections.abc import Iterable

from offload.model.config import Zone
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.status.lookup.zone_lookup import DISTANT


def wan_side(zones: Iterable[Zone], plan: Plan, snapshot: Snapshot) -> frozenset[str]:
    """The names of the zones on the wan side.

    These are the zones that a default route (or half of one) leads to, and the zones with masquerade from which the
    firewall has no pair to such a zone.
    """
    # Some routers masquerade their LAN too. A VPN whose default route is in another routing table has only masquerade.
    leading = {device for route in snapshot.routes if route.target.prefixlen < DISTANT for device in route.devices}
    upstream = {zone.name for zone in plan.zones if leading & set(zone.devices)}
    inside = {pair.src for pair in plan.pairs if pair.dest in upstream}
    return frozenset(upstream | ({zone.name for zone in zones if zone.masq} - inside))
