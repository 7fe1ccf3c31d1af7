"""Asks the kernel what an explanation needs to know about one connection."""

from ipaddress import ip_address

from offload.compiler.offload.tables.guard import REPLIED
from offload.errors import KernelError
from offload.model.flow import Entry, State
from offload.model.plan import Plan
from offload.service.doors import Doors
from offload.status.why.step import Live


def live(doors: Doors, plan: Plan, entry: Entry) -> Live:
    """Whether the firewall accepted a reply of the connection, and by which device packets to its ends leave."""
    ends = (entry.original.src, entry.reply.src)
    found = {end: leaving for end in ends if (leaving := doors.netlink.leaving(end))}
    return Live(_accepted(doors, plan, entry), found)


def _accepted(doors: Doors, plan: Plan, entry: Entry) -> bool | None:
    """Whether a set of our tables has the connection as one whose reply was accepted.

    None: it is offloaded, there is no table of ours, or the kernel does not find the connection.
    """
    if entry.state is not State.SLOW or not plan.tables:
        return None
    try:
        found = doors.conntrack.id_of(entry)
    except KernelError:
        return None
    if not found:
        return None
    there = entry.original
    name = REPLIED[ip_address(there.src).version == 6].name  # noqa: PLR2004 - of two
    key = found + there.src + there.dst
    return any(doors.nft.remembers(table.name, name, key) for table in plan.tables)
