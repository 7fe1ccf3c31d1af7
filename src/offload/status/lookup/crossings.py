"""Whether offloaded connections may pass between two devices, by addresses and routes. Pure.

Conntrack entries have no devices.
"""

from collections.abc import Iterable

from offload.model.plan import Crossings
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.shares import PATH_BITS, Way


def offloaded_by(ways: Iterable[Way], crossings: Crossings) -> bool:
    """Whether an offloaded connection may have its source at the iif and its destination at the oif of a crossing.

    True also if its addresses leave that open.
    """
    offloaded = [way for way in ways if way.status & PATH_BITS]
    return any(_at(way.src, iif) and _at(way.dest, oif) for way in offloaded for iif, oif in crossings)


def _at(end: Endpoint, device: str) -> bool:
    """Whether packets of this end may pass the device; True also for a distant end, or if its devices are not known.

    For a distant end policy routing may choose another device than the default route does.
    """
    return end.distant or not end.devices or device in end.devices
