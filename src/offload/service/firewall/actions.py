"""The actions on our firewall, with or without a running service: load it, stop it, reload its sets."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from offload.errors import OffloadError
from offload.model.applied import Applied
from offload.service.bus.arguments import ArgumentError, shown

if TYPE_CHECKING:
    from offload.service.firewall.firewall import Firewall

ABSENT = "the package offload-firewall is not installed: the firewall is not ours to load"
STOPPED = "the firewall is stopped: start it (/etc/init.d/firewall start)"
FORCING = frozenset({"start", "restart"})  # they load even if nothing changed
ACTIONS = FORCING | {"stop", "reload", "reload-sets", "update"}
Json = dict[str, Any]


def act(part: "Firewall | None", action: str, work: Callable[[], Applied]) -> Json:
    """Do an action on our firewall, then run a pass (`work`), and give the firewall's state as a reply.

    `start`, `restart`: load the ruleset even if nothing changed. `stop`: delete table inet fw4. `reload`: load it if it
    changed. `reload-sets`: after the pass, fill all nft sets anew. `update`: only the pass. Empty: only the reply.
    ArgumentError for another one. OffloadError if it is not possible: `part` is None (package offload-firewall is not
    installed), or the firewall is stopped and the action is `reload`, `reload-sets` or `update`.
    The reply: `ok`, `changes` (transactions), `stopped`, `loaded` (table inet fw4 exists), `problems` (sentences about
    its files), and any `error`: why the load failed, else why the pass failed, if a load still waits or after `stop`
    and `update`.
    """
    if part is None:
        raise OffloadError(ABSENT)
    if action and action not in ACTIONS:
        raise ArgumentError(f"action: {shown(action)} is none of {', '.join(sorted(ACTIONS))}")
    if action in {"reload", "reload-sets", "update"} and part.stopped():
        raise OffloadError(STOPPED)
    if action in FORCING:
        part.start()
    elif action == "stop":
        part.stop()
    elif action == "reload":
        part.reload()
    applied = work() if action else Applied()
    if action == "reload-sets":  # after the pass, which reads the files that sets load
        part.refill()
    error = part.error or (applied.error if part.due or action in {"stop", "update"} else "")
    done: Json = {"ok": not error, "changes": applied.changes, "stopped": part.stopped(), "loaded": part.loaded()}
    done |= {"problems": [str(problem) for problem in part.problems]}
    return done | ({"error": error} if error else {})
