"""Whether connections may pass from one device to another, by addresses and routes: conntrack has no devices. Pure."""

from collections.abc import Iterable

from offload.model.plan import Crossings
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.shares import PATH_BITS, Way


def offloaded_by(ways: Iterable[Way], crossings: Crossings) -> bool:
    """Whether an offloaded connection may be one of these crossings; also where its addresses leave that open."""
    offloaded = [way for way in ways if way.status & PATH_BITS]
    return any(_at(way.src, iif) and _at(way.dest, oif) for way in offloaded for iif, oif in crossings)


def _at(end: Endpoint, device: str) -> bool:
    """Policy routing may lead to a distant address by another device than the default route does."""
    return end.distant or not end.devices or device in end.devices
