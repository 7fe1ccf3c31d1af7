"""Find why a connection is slow, or in software although hardware was requested. Pure.

The kernel's conditions are those of nft_flow_offload_eval() in net/netfilter/nft_flow_offload.c. What conntrack does
not show (IPsec, IPv4 options, a missing neighbour) cannot be found here.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from offload.model.config import Family, Mode
from offload.model.flow import IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT, Entry, State
from offload.model.network import Snapshot
from offload.model.plan import PairDecision, Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import PairHardware, family_of
from offload.status.hardware.requests import HardwareRequests
from offload.status.lookup.device_pairs import DevicePairs
from offload.status.lookup.exempt_lookup import ExemptLookup
from offload.status.lookup.zone_lookup import Endpoint

# The protocols of /etc/protocols that routers meet; others are shown by number.
PROTOCOLS = {1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre"}
PROTOCOLS |= {50: "esp", 51: "ah", 58: "icmpv6", 132: "sctp", 136: "udplite"}
TCP, UDP, GRE = 6, 17, 47

# enum tcp_conntrack, include/uapi/linux/netfilter/nf_conntrack_tcp.h, as conntrack(8) prints it
TCP_STATES = (
    *("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT"),
    *("CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"),
)
ESTABLISHED = TCP_STATES.index("ESTABLISHED")

# enum ip_conntrack_status: IPS_SEQ_ADJUST and IPS_NAT_CLASH
IPS_ADJUSTED = 1 << 6 | 1 << 12


class Lookups(NamedTuple):
    """Finds the Reasons of single connections that depend on their addresses, ports and devices."""

    exempted: ExemptLookup  # finds the exempts that a connection meets
    crossings: DevicePairs  # finds what the tables have for the devices of a connection
    requests: HardwareRequests  # finds why hardware was not requested for a connection

    @classmethod
    def of(cls, plan: Plan, snapshot: Snapshot) -> "Lookups":
        """Make the Lookups for this Plan and this state of the router."""
        return cls(ExemptLookup(plan), DevicePairs(plan, snapshot), HardwareRequests(plan, snapshot))


def reasons(
    entry: Entry,
    src: Endpoint,
    dest: Endpoint,
    pair: PairDecision | None,
    case: PairHardware | None = None,
    lookups: Lookups | None = None,
) -> tuple[Reason, ...]:
    """Why a connection is slow, or in software although hardware was requested: a tuple of one Reason, or empty.

    `src`, `dest`: its endpoints. `pair`: None if its zones are no pair, or not known. `case`: what flows of the pair
    showed of hardware; None: not known. `lookups`: finds exempts, the tables' elements for its devices, and why
    hardware is not requested for it; None: these are not looked up.
    """
    state = entry.state
    if state is State.SLOW:
        if case and (entry.proto, entry.original) in case.evicted.unaccounted:
            return (case.unaccounted_reason,)  # the kernel says it is slow, but hardware may have it
        return (next(every_reason(entry, src, dest, pair, lookups)),)
    if state is State.HARDWARE or pair is None or not pair.hardware:
        return ()
    return _in_software(entry, src, dest, pair, case, lookups)


def _in_software(
    entry: Entry, src: Endpoint, dest: Endpoint, pair: PairDecision, case: PairHardware | None, lookups: Lookups | None
) -> tuple[Reason, ...]:
    if pair.effective is not Mode.HARDWARE:
        return pair.reasons[:1]
    if lookups and (why := hindered(entry, src, dest, pair, lookups)):
        return (why,)
    return (case.in_software(family_of(entry.original)) if case else _cached(ReasonCode.HARDWARE_AWAITED),)


def hindered(entry: Entry, src: Endpoint, dest: Endpoint, pair: PairDecision, lookups: Lookups) -> Reason | None:
    """Why hardware is not requested for a connection of a pair for which it was; None: no such Reason is found.

    If the pair is not in hardware, it is the pair's first Reason. `src`, `dest`: the connection's endpoints.
    """
    if pair.effective is not Mode.HARDWARE:
        return next(iter(pair.reasons), None) if pair.hardware else None
    slower = next(iter(lookups.crossings.slower(entry, src, dest, pair)), None)
    return slower or lookups.requests.why_not(src, dest, entry.original, entry.reply.src)


def every_reason(
    entry: Entry, src: Endpoint, dest: Endpoint, pair: PairDecision | None, lookups: Lookups | None
) -> Iterator[Reason]:
    """All Reasons why a connection may be slow, in the order in which a packet meets their conditions.

    The last one is WAITING (a packet from the source has to come). Without a pair (None) the last one is PAIR_UNKNOWN,
    or ZONE_UNKNOWN if an end has no known zone. Whether the firewall accepted a reply is not considered (`by_replies`).
    The arguments are those of `reasons`.
    """
    yield from _of_ends(entry, src, dest)
    if pair is None:
        if src.zone and dest.zone:
            yield _cached(ReasonCode.PAIR_UNKNOWN, src=src.zone, dest=dest.zone)
        return
    yield from _of_pair(entry, pair)
    if lookups is not None:
        yield from lookups.exempted.reasons(entry, pair)
        # a flow that is slow will get software if hardware is not possible
        yield from lookups.crossings.slower(entry, src, dest, pair, Mode.SOFTWARE)
    yield from _of_kernel(entry)
    after = lookups.crossings.after(src, dest, pair) if lookups else pair.after_packets
    if entry.packets is not None and entry.packets[0] < after:
        yield _cached(ReasonCode.AFTER_PACKETS, count=after)
    yield _cached(ReasonCode.WAITING, src=pair.src)


def _of_ends(entry: Entry, src: Endpoint, dest: Endpoint) -> Iterator[Reason]:
    translated = entry.status & (IPS_SRC_NAT | IPS_DST_NAT)
    if entry.proto not in {TCP, UDP} and (entry.proto != GRE or translated):
        yield _cached(ReasonCode.NOT_OFFLOADABLE, proto=called(entry.proto))
    if src.router or dest.router or src.unrouted or dest.unrouted:
        yield _cached(ReasonCode.LOCAL)
    if src.group or dest.group:
        yield _cached(ReasonCode.NOT_UNICAST)
    if src.zone is None or dest.zone is None:
        yield _cached(ReasonCode.ZONE_UNKNOWN)


def _of_pair(entry: Entry, pair: PairDecision) -> Iterator[Reason]:
    if pair.effective is Mode.NONE:
        yield from pair.reasons or (_cached(ReasonCode.PAIR_MODE_NONE),)
    family = Family(family_of(entry.original))
    if pair.family not in (Family.ANY, family):
        yield _cached(ReasonCode.OTHER_FAMILY, src=pair.src, dest=pair.dest, family=pair.family.value)


def _of_kernel(entry: Entry) -> Iterator[Reason]:
    if entry.proto == TCP and entry.tcp_state not in {None, ESTABLISHED}:
        yield _cached(ReasonCode.TCP_STATE, state=tcp_state(entry.tcp_state))
    if entry.helper is not None:
        yield _cached(ReasonCode.HELPER, helper=entry.helper)
    if entry.status & IPS_ADJUSTED:
        yield _cached(ReasonCode.ADJUSTED)
    if not entry.status & IPS_SEEN_REPLY:
        yield _cached(ReasonCode.NO_REPLY)


def by_replies(reason: Reason, *, accepted: bool | None) -> Reason:
    """REPLY_NOT_ACCEPTED, if `reason` is WAITING and `accepted` is False; else `reason` itself.

    `accepted`: whether the firewall accepted a reply of the connection lately; None: not known.
    """
    if reason.code is ReasonCode.WAITING and accepted is False:
        return _cached(ReasonCode.REPLY_NOT_ACCEPTED)
    return reason


def protocol(number: int) -> str:
    """The name of an IP protocol, if it is in PROTOCOLS, else its number as text."""
    return PROTOCOLS.get(number, str(number))


def called(number: int) -> str:
    """An IP protocol for a sentence: its name, or `protocol 99` if it is not in PROTOCOLS."""
    return PROTOCOLS.get(number, f"protocol {number}")


def tcp_state(number: int | None) -> str:
    """The name of a TCP state as conntrack(8) prints it; for a number without a name, and for None, that as text."""
    return TCP_STATES[number] if number is not None and number < len(TCP_STATES) else str(number)


@cache
def _cached(why: ReasonCode, **words: object) -> Reason:
    # equal ones are the same object, because there are few Reasons and many flows
    return why(**words)
