"""Asks the kernel what an explanation needs to know about one connection."""

from offload.errors import KernelError
from offload.model.flow import Entry, State
from offload.model.plan import Plan
from offload.service.bus.explaining.accepted import AcceptedReplies
from offload.service.doors import Doors
from offload.status.why.step import Live


def live(doors: Doors, plan: Plan, entry: Entry) -> Live:
    """Whether the firewall accepted a reply of the connection, and by packed address how packets to its ends leave.

    The ends are the sources of both directions. Those for which the kernel names no device are left out. Nothing is
    raised: what the kernel does not say is not known.
    """
    ends = (entry.original.src, entry.reply.src)
    found = {end: leaving for end in ends if (leaving := doors.netlink.leaving(end))}
    return Live(_accepted(doors, plan, entry), found)


def _accepted(doors: Doors, plan: Plan, entry: Entry) -> bool | None:
    """Whether our sets of accepted replies have the connection; None: it is offloaded, or that is not known."""
    if entry.state is not State.SLOW or not plan.tables:
        return None
    try:
        found = entry.ct_id or doors.conntrack.id_of(entry)
    except KernelError:
        return None
    return AcceptedReplies(doors.nft, plan)(entry._replace(ct_id=found).values)
