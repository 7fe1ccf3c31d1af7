"""Whether offloaded connections may pass between two devices, or match an exempt, by addresses and routes. Pure.

Conntrack entries have neither devices nor the MAC, DSCP and mark of packets; where these decide, the result is True.
"""

from collections.abc import Callable, Iterable

from offload.model.flow import Entry
from offload.model.network import Snapshot
from offload.model.plan import Crossings, ExemptMatch, Plan
from offload.status.lookup.exempt_lookup import ExemptTest
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.shares import PATH_BITS, Way


def offloaded_by(ways: Iterable[Way], crossings: Crossings) -> bool:
    """Whether an offloaded connection may go from the iif to the oif of one of the crossings (pairs of devices).

    `ways`: endpoints and status of all connections. True also if the addresses of one leave its devices open.
    """
    offloaded = [way for way in ways if way.status & PATH_BITS]
    return any(_at(way.src, iif) and _at(way.dest, oif) for way in offloaded for iif, oif in crossings)


def exempted_by(exempts: Iterable[ExemptMatch], snapshot: Snapshot, plan: Plan) -> Callable[[Entry], bool]:
    """A function of an entry: whether packets of its original direction may match one of the exempts."""
    tests, ends = [ExemptTest.of(each) for each in exempts], ZoneLookup(snapshot, plan).ends

    def exempted(entry: Entry) -> bool:
        return any(test.means(entry) and _passes(test.match, *ends(entry)) for test in tests)

    return exempted


def _passes(match: ExemptMatch, src: Endpoint, dest: Endpoint) -> bool:
    """Whether packets between these ends may pass devices of the exempt; one without devices means all."""
    return all(
        not devices or any(_at(end, each) for each in devices)
        for end, devices in ((src, match.iifs), (dest, match.oifs))
    )


def _at(end: Endpoint, device: str) -> bool:
    """Whether packets of this end may pass the device; True also for a distant end, or if its devices are not known.

    For a distant end policy routing may choose another device than the default route does.
    """
    return end.distant or not end.devices or device in end.devices
