"""Ask the kernel what the explanation of a connection needs besides its conntrack entry."""

from offload.errors import KernelError
from offload.model.flow import Entry, State
from offload.model.plan import Plan
from offload.service.bus.explaining.accepted import AcceptedReplies
from offload.service.doors import Doors
from offload.status.why.step import Live


def live(doors: Doors, plan: Plan, entry: Entry) -> Live:
    """Ask the kernel whether the firewall accepted a reply of the connection, and how packets to its two ends leave.

    The ends are the source addresses of both directions, packed; one without a unicast route, or without a reply of the
    kernel, is missing in `leaves`. `reply_accepted` is None if the connection is offloaded, there is no table of ours,
    or it is not known. Nothing is raised.
    """
    ends = (entry.original.src, entry.reply.src)
    found = {end: leaving for end in ends if (leaving := doors.netlink.leaving(end))}
    return Live(_accepted(doors, plan, entry), found)


def _accepted(doors: Doors, plan: Plan, entry: Entry) -> bool | None:
    if entry.state is not State.SLOW or not plan.tables:
        return None
    try:
        found = entry.ct_id or doors.conntrack.id_of(entry)
    except KernelError:
        return None
    return AcceptedReplies(doors.nft, plan)(entry._replace(ct_id=found).values)
