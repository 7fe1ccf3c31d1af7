"""The actions on our firewall (table inet fw4), with or without a running service."""

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
    """Do an action on our firewall (table inet fw4), run a pass (`work`), and return the firewall's state as a reply.

    `start`, `restart`: load the ruleset, even after a stop or if nothing changed. `reload`: load it if it, files that
    it includes, or rules in its table changed. `update`: only the pass. `stop`: delete the table, and load nothing
    until `start` or `restart`. `reload-sets`, and `restart` if it has loaded: after the pass, replace the elements of
    its nft sets by the configured ones. Empty: no action and no pass. ArgumentError for another action. OffloadError if
    `part` is None (the package offload-firewall is not installed), if the firewall is stopped (`reload`, `reload-sets`,
    `update`), or if nft or a file of ours fails. The reply: `ok` (no `error`), `changes` (transactions of the pass),
    `stopped`, `loaded` (the table exists), `problems` (sentences about the configuration and what nft refused), and any
    `error`: why the last load failed, or why the pass failed (that only for `reload-sets`, `stop`, `update`, or while a
    requested load still waits). If no ruleset is known after a pass that failed, `reload-sets` replaces nothing.
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
    error = part.error or (applied.error if part.due or action in {"reload-sets", "stop", "update"} else "")
    # After the pass, which reads the files that sets load. A load adds elements and never deletes any.
    # Without a ruleset there is nothing to fill, and why the pass has none is what the user needs to know.
    if (action == "reload-sets" and not (error and part.ruleset is None)) or (
        action == "restart" and not (part.due or error)
    ):
        part.refill()
    done: Json = {"ok": not error, "changes": applied.changes, "stopped": part.stopped(), "loaded": part.loaded()}
    done |= {"problems": [str(problem) for problem in part.problems]}
    return done | ({"error": error} if error else {})
