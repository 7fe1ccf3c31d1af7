"""The firewall's actions where no service runs: the command loads the ruleset itself."""

from typing import Any

from offload.errors import BusError, OffloadError
from offload.model.applied import Applied
from offload.model.problems.problem import Problem
from offload.service.doors import Doors
from offload.service.firewall.actions import ABSENT, Json, act
from offload.service.firewall.firewall import Firewall
from offload.service.read_snapshot import netifd_says
from offload.service.reconcile import removal
from offload.system.ubus.procd import firewall_data


def act_alone(doors: Doors, action: str) -> Json:
    """Do a firewall action in this process, as no service runs, and return the reply of the ubus method `firewall`.

    `action`: start, restart, reload, update, reload-sets, stop, or empty (only report). After a load our offload tables
    are deleted: live flows meet the new rules. If procd does not answer, the rules of its services are missing. A load
    that failed is `error` in the reply. OffloadError if the package offload-firewall is not installed, if the action is
    unknown or not possible now, or if nft or a file of ours fails.
    """
    if doors.firewall is None:
        raise OffloadError(ABSENT)
    part = Firewall(doors.firewall, doors.nft, doors.clock)
    return act(part, action, lambda: _work(doors, part))


def _work(doors: Doors, part: Firewall) -> Applied:
    # After a load our offload tables are deleted, so that live flows pass the new rules.
    if part.stopped():
        return Applied()
    sections = doors.uci.read("firewall")
    if isinstance(sections, Problem):
        return Applied(error=str(sections))
    try:
        pending = part.pending(sections, netifd_says(doors.bus), _services(doors))
    except OffloadError as refusal:
        part.unprepared = str(refusal)
        return Applied(error=part.error)
    loaded = pending is not None and part.load(pending)
    if loaded and (text := removal(doors.nft)):
        doors.nft.apply(text)
    return Applied(changes=int(loaded))


def _services(doors: Doors) -> dict[str, Any]:
    try:
        return firewall_data(doors.bus)
    except BusError:  # procd does not answer: load without the rules of its services
        return {}
