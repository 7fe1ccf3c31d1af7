"""A flow in the reply of `flows` as JSON. Pure.

Other programs read this: keys may be added, but never renamed.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from offload.model.flow import Flow, Tuple
from offload.status.reply.reasons_json import reasons_json
from offload.status.why.reasons import protocol, tcp_state

Json = dict[str, Any]

IPV4 = 4  # bytes of a packed address


def flow_json(flow: Flow) -> Json:
    """A flow as JSON. `src`, `sport`, `dest`, `dport`: the ends of its first packet, before NAT.

    `reply` has the same keys for its replies: `reply.src` is the destination after DNAT, `reply.dest` the source after
    SNAT. `packets`, `bytes`: of both directions together; null if the kernel has not counted them. `src_zone` or
    `dest_zone` is null without a known zone. `timeout` (seconds) and `tcp_state` are null where the kernel gives none,
    as for offloaded flows.
    """
    entry = flow.entry
    return {
        "family": "ipv4" if len(entry.original.src) == IPV4 else "ipv6",
        "proto": protocol(entry.proto),
        **_ends(entry.original),
        "reply": _ends(entry.reply),
        "src_zone": flow.src_zone,
        "dest_zone": flow.dest_zone,
        "state": flow.state.value,
        "packets": None if entry.packets is None else sum(entry.packets),
        "bytes": None if entry.bytes is None else sum(entry.bytes),
        "timeout": entry.timeout,
        "tcp_state": None if entry.tcp_state is None else tcp_state(entry.tcp_state),
        "mark": entry.mark,
        "ct_zone": entry.original.ct_zone,
        "reasons": reasons_json(flow.reasons),
    }


def _ends(ends: Tuple) -> Json:
    src, dst, sport, dport, _ = ends
    return {"src": address(src), "sport": sport, "dest": address(dst), "dport": dport}


@lru_cache(maxsize=4096)
def address(packed: bytes) -> str:
    """The text of a packed address (4 or 16 bytes)."""
    if len(packed) == IPV4:  # faster: ip_address() takes ten times as long
        return "{}.{}.{}.{}".format(*packed)
    return str(ip_address(packed))
