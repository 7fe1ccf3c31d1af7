"""The steps of an explanation, and the data that they are made from. Pure."""

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
    """Whether a connection meets a condition: yes, no, or UNASKED: not checked, not requested or not known."""

    YES = "yes"
    NO = "no"
    UNASKED = "unasked"


class Step(NamedTuple):
    """A step of an explanation: a condition for offload with what was found, or another fact about the connection.

    `holds` of a condition: whether the connection meets it. Of `route`, `neighbour` and `mtu`: YES if all of it is
    known, else UNASKED. Of `sending`: NO if only a packet of the source is missing. Of `path`: YES if it is fast. Of
    `hardware`: YES if it has the flow; UNASKED if it was not requested.
    """

    name: str  # as in the reply of `explain`
    fact: str  # what was found, as text; may be empty
    holds: Holds  # as above
    reasons: tuple[Reason, ...] = ()  # why it is NO, if known; else Reasons of the same zone, devices, pair or hardware
    # names of the devices that a Reason of `reasons` is of; others are of none
    devices: Mapping[Reason, tuple[str, ...]] = MappingProxyType({})


class Live(NamedTuple):
    """What the kernel says about one connection at this moment."""

    reply_accepted: bool | None = None  # whether our tables remember an accepted reply of it; None: not known
    # packed address of an end -> how packets to this end leave the router; an end without a key: not known
    leaves: Mapping[bytes, Leaving] = MappingProxyType({})


class Seen(NamedTuple):
    """What the steps of the explanation of one connection are made from."""

    entry: Entry  # the connection
    src: Endpoint  # end of the original direction
    dest: Endpoint  # the other end
    pair: PairDecision | None  # of the two zones; None: they are no pair, or not known
    # what live flows showed of the pair in hardware, or of one that left it lately; None: neither, or nothing is known
    case: PairHardware | None
    plan: Plan  # the decision in force
    lookups: Lookups  # finds the Reasons of single connections, by this plan
    snapshot: Snapshot  # the state of the router
    returned: Mapping[str, str]  # by nft table, when (ISO 8601) all its flows were last put back on the slow path
    live: Live  # what the kernel says about it
