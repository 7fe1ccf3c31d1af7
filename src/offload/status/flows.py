"""Conntrack entries + Plan -> flows with their zones and, for each slow one, the Reason. Pure.

The reasons follow the packet: what the Plan decided for its pair, then what the kernel asks of a connection
(nft_flow_offload_eval() in net/netfilter/nft_flow_offload.c), in its order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

from offload.model.config import Family, Mode
from offload.model.flow import (
    IPS_DST_NAT,
    IPS_HW_OFFLOAD,
    IPS_OFFLOAD,
    IPS_SEEN_REPLY,
    IPS_SRC_NAT,
    Entry,
    Flow,
    Share,
    State,
)
from offload.model.network import Snapshot
from offload.model.plan import PairDecision, Plan, Reason, Why
from offload.status.places import Place, Places

Pair = tuple[str, str]

# The protocols of /etc/protocols that routers meet; others are told by their number.
PROTOCOLS = {
    1: "icmp",
    2: "igmp",
    4: "ipip",
    6: "tcp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "icmpv6",
    132: "sctp",
    136: "udplite",
}
TCP, UDP, GRE = 6, 17, 47

# enum tcp_conntrack, include/uapi/linux/netfilter/nf_conntrack_tcp.h
TCP_STATES = (
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
)
ESTABLISHED = TCP_STATES.index("ESTABLISHED")

# Bits of enum ip_conntrack_status that the kernel refuses: IPS_SEQ_ADJUST and IPS_NAT_CLASH.
ADJUSTED = 1 << 6 | 1 << 12
IPV4 = 4  # bytes of a packed address


def flows(entries: Iterable[Entry], snapshot: Snapshot, plan: Plan, *, everything: bool = False) -> list[Flow]:
    """The forwarded connections, in the order of the entries; with `everything` also the router's own.

    A slow flow has the first Reason that holds. A software flow has one where its pair asked for hardware and did not
    get it.
    """
    places, pairs = Places(snapshot, plan), _pairs(plan)
    found = []
    for entry in entries:
        src, dest = places.ends(entry)
        if everything or not _unforwarded(src, dest):
            pair = pairs.get((src.zone, dest.zone))
            found.append(Flow(entry, src.zone, dest.zone, _reasons(entry, src, dest, pair)))
    return found


def shares(entries: Iterable[Entry], snapshot: Snapshot, plan: Plan) -> dict[Pair, Share]:
    """Flows and bytes by pair and path, of the connections both of whose zones are known.

    Bytes are those of both directions, 0 where nf_conntrack_acct is off. Goes over the entries once and makes no Flow:
    there may be 65,536 of them.
    """
    ends = Places(snapshot, plan).ends
    counts = defaultdict[tuple[str, str, int], list[int]](lambda: [0, 0])
    for entry in entries:
        src, dest = ends(entry)
        if src.zone is not None and dest.zone is not None:
            count = counts[src.zone, dest.zone, entry.status & (IPS_OFFLOAD | IPS_HW_OFFLOAD)]
            count[0] += 1
            if entry.bytes is not None:
                count[1] += sum(entry.bytes)

    found: dict[Pair, Share] = {}
    for (src_zone, dest_zone, path), (number, octets) in counts.items():
        share = found.setdefault((src_zone, dest_zone), no_share())
        share.flows[state_of(path)] += number
        share.bytes[state_of(path)] += octets
    return found
