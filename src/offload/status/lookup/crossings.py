"""Test whether offloaded connections pass between two devices, or whether a connection matches an exempt. Pure.

Conntrack entries have no devices, so those of the ends are looked up. A condition that cannot be tested counts as met.
"""

from collections.abc import Callable, Iterable

from offload.model.flow import Entry
from offload.model.network import Snapshot
from offload.model.plan import Crossings, ExemptMatch, Plan
from offload.status.lookup.exempt_lookup import ExemptTest
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.shares import PATH_BITS, Way


def offloaded_by(ways: Iterable[Way], crossings: Crossings, *, anywhere: bool = False) -> bool:
    """Whether an offloaded connection may enter by the first and leave by the second device of one of `crossings`.

    `crossings`: {(input device, output device)}. `ways`: endpoints and status of all connections. An end without known
    devices, or that only a default route reaches, counts as being at any device; with `anywhere` all ends do: devices
    are those by the main table, and policy routing may choose others.
    """
    offloaded = [way for way in ways if way.status & PATH_BITS]
    if anywhere:
        return bool(offloaded and crossings)
    return any(_may_pass(way.src, iif) and _may_pass(way.dest, oif) for way in offloaded for iif, oif in crossings)


def exempted_by(
    exempts: Iterable[ExemptMatch], snapshot: Snapshot, plan: Plan, *, anywhere: bool = False
) -> Callable[[Entry], bool]:
    """Make the function that tells of a conntrack entry whether its original packets may match one of `exempts`.

    Conditions that conntrack does not show (MAC, DSCP, the packet's mark) count as met, and so does a device if the end
    has no known devices, or only a default route reaches it; with `anywhere`, as in `offloaded_by`, any device does.
    """
    tests, ends = [ExemptTest.of(each) for each in exempts], ZoneLookup(snapshot, plan).ends

    def exempted(entry: Entry) -> bool:
        return any(test.means(entry) and (anywhere or _may_pass_devices(test.match, *ends(entry))) for test in tests)

    return exempted


def _may_pass_devices(match: ExemptMatch, src: Endpoint, dest: Endpoint) -> bool:
    return all(
        not devices or any(_may_pass(end, each) for each in devices)
        for end, devices in ((src, match.iifs), (dest, match.oifs))
    )


def _may_pass(end: Endpoint, device: str) -> bool:
    # For a distant end policy routing may choose another device than the default route does.
    return end.distant or not end.devices or device in end.devices
