"""The ubus method `totals`: by host and by pair (zone > zone), connections that ended and those alive."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from offload.errors import OffloadError
from offload.service.bus.methods import last_decision
from offload.service.counting.totals import Totals
from offload.service.engine import Engine
from offload.status.counts import counts_json
from offload.status.lookup.wan_side import wan_side
from offload.status.lookup.zone_lookup import ZoneLookup

Json = dict[str, Any]
UNCOUNTED = "the service counts them, and none runs: /etc/init.d/offload start"
UNREPORTED = "this kernel does not report connections that end: install kmod-nf-conntrack-netlink"


def totals(engine: Engine, _: Mapping[str, Any]) -> Json:
    """The reply of `totals`: ended and live connections, packets and bytes, in lists `hosts` and `pairs` (of zones).

    Those with the most bytes come first. A host is an address inside, as in service/counting/totals.py. `hosts` has at
    most 512; `others` has the sums of all other hosts. `since`: when counting began, ISO 8601. `complete`: whether no
    end of a connection was missed since. OffloadError if ended connections are not counted, or something cannot be
    read, such as connections.
    """
    decided = last_decision(engine)
    if not engine.totals.since:
        raise OffloadError(UNREPORTED if engine.resident else UNCOUNTED)
    read = engine.connections.read(engine.doors.conntrack, engine.with_routes(decided), decided.plan)
    zones, found = ZoneLookup(read.snapshot, read.plan), engine.totals.copy()

    outside = wan_side(decided.config.zones, read.plan, read.snapshot)
    between = engine.doors.conntrack.between
    found.add_live(read.count, read.entries, zones, engine.sightings.of_values, outside, between)
    return {
        "ok": True,
        "since": found.since,
        "complete": found.whole,
        "hosts": list(_hosts(found, zones)),
        "others": counts_json(found.others),
        "pairs": list(_pairs(found)),
    }


def _hosts(found: Totals, zones: ZoneLookup) -> Iterator[Json]:
    for host, counts in sorted(found.hosts.items(), key=lambda each: -sum(each[1].octets)):
        yield {"host": str(ip_address(host)), "zone": zones.at(host).zone, **counts_json(counts)}


def _pairs(found: Totals) -> Iterator[Json]:
    for (src, dest), counts in sorted(found.pairs.items(), key=lambda each: -sum(each[1].octets)):
        yield {"src": src, "dest": dest, **counts_json(counts)}
