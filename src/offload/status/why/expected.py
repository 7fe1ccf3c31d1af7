"""What new connections of a host would get, by pair of zones. Pure."""

from ipaddress import IPv4Network, IPv6Network
from typing import Any

from offload.model.flow import Tuple
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.why.conditions import place
from offload.status.why.connection import NUMBERS, made
from offload.status.why.explain import between, expected

Json = dict[str, Any]


def expected_json(host: IPv4Network | IPv6Network, snapshot: Snapshot, plan: Plan) -> Json:
    """The part `expected` of a reply of `explain` about a host without connections: what new TCP connections would get.

    `{"host": address or network, "fact": text that says where it is, "pairs": [{"src": ZONE, "dest": ZONE, "sentence":
    ..., "code": ..., "remedy": ...}]}`, with an object for each pair that begins in the host's zone. `code`: of the
    Reason; empty without one. `remedy` may be empty. `pairs` is empty for a network, and for an address in no known
    zone or behind the default route; `fact` is empty for a network.
    """
    if host.num_addresses > 1:
        return {"host": str(host), "fact": "", "pairs": []}
    address = host.network_address.packed
    src = ZoneLookup(snapshot, plan).at(address)
    entry = made(NUMBERS["tcp"], Tuple(address, bytes(len(address)), 0, 0))
    pairs = []
    for pair in plan.pairs:
        if pair.src == src.zone and not src.distant:
            found = expected(between(entry, src, Endpoint(pair.dest), plan, snapshot), plan, snapshot)
            words = {"sentence": found.sentence, "code": found.reason.code.name if found.reason else ""}
            pairs.append({"src": pair.src, "dest": pair.dest, **words, "remedy": found.remedy})
    own = ", whose own connections are never offloaded" * src.router
    return {"host": str(host.network_address), "fact": place(address, src) + own, "pairs": pairs}
