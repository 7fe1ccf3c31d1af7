"""The parts of an explanation: its steps, and the data that they are made from. Pure."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from offload.model.flow import Entry
from offload.model.network import Leaving, Snapshot
from offload.model.plan import PairDecision, Plan
from offload.model.problems.reason import Reason
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.why.reasons import Lookups


class Holds(Enum):
    """Whether a connection meets a condition: YES, NO, or UNASKED, which means not checked or not known."""

    YES = "yes"
    NO = "no"
    UNASKED = "unasked"


class Step(NamedTuple):
    """A step of an explanation: a condition for offload, or what is known of routes, neighbours, MTU, path or hardware.

    `holds` of a condition: whether the connection meets it. Of the steps `route`, `neighbour` and `mtu`: YES if all of
    it is known, else UNASKED. Of `path`: whether it is fast. Of `hardware`: whether it has the flow; UNASKED if it was
    not requested.
    """

    name: str  # as in the reply of `explain`
    fact: str  # what was found, as text; it may be empty for UNASKED, but need not
    holds: Holds
    reasons: tuple[Reason, ...] = ()  # for NO, why; else those about the same zone, devices, pair or hardware, if any


class Live(NamedTuple):
    """What the kernel says about one connection at this moment.

    `leaves` has the addresses of its ends; for one that is not in it this is not known.
    """

    reply_accepted: bool | None = None  # whether a reply that the firewall accepted is remembered; None: not known
    leaves: Mapping[bytes, Leaving] = MappingProxyType({})  # by packed address, how packets to it leave


class Seen(NamedTuple):
    """All that is known about one connection; the steps of its explanation are made from this."""

    entry: Entry  # the connection
    src: Endpoint  # end of the original direction
    dest: Endpoint  # the other end
    pair: PairDecision | None  # of the two zones; None: they are no pair, or not known
    # what live flows showed of the pair in hardware, or of one that left it lately; None: neither, or nothing is known
    case: PairHardware | None
    plan: Plan  # the decision
    lookups: Lookups  # finds the plan's elements for a connection
    snapshot: Snapshot  # the router
    returned: Mapping[str, str]  # by nft table, when (ISO 8601) all its flows were last put back on the slow path
    live: Live  # what the kernel says about it
