"""Whether connections may pass between two devices, by addresses and routes, since conntrack has no devices. Pure."""

from collections.abc import Iterable

from offload.model.plan import Crossings
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.shares import PATH_BITS, Way


def offloaded_by(ways: Iterable[Way], crossings: Crossings) -> bool:
    """Whether there may be an offloaded connection between these devices; yes if its addresses do not decide it."""
    offloaded = [way for way in ways if way.status & PATH_BITS]
    return any(_at(way.src, iif) and _at(way.dest, oif) for way in offloaded for iif, oif in crossings)


def _at(end: Endpoint, device: str) -> bool:
    """Whether packets of this end may use the device; policy routing may choose another than the default route does."""
    return end.distant or not end.devices or device in end.devices
