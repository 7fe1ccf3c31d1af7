"""The actions on our firewall (table inet fw4), with or without a running service."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from offload.errors import NftError, OffloadError
from offload.model.applied import Applied
from offload.service.bus.arguments import ArgumentError, shown

if TYPE_CHECKING:
    from offload.service.firewall.firewall import Firewall

ABSENT = "the package offload-firewall is not installed: the firewall is not ours to load"
STOPPED = "the firewall is stopped: start it (/etc/init.d/firewall start)"
KEPT = (
    "the firewall is loaded, but its sets keep what the configuration no longer has (offload firewall reload-sets "
    "tries again)"
)
FORCING = frozenset({"start", "restart"})  # they load even if nothing changed
ACTIONS = FORCING | {"stop", "reload", "reload-sets", "update"}
Json = dict[str, Any]


def act(part: "Firewall | None", action: str, work: Callable[[], Applied]) -> Json:
    """Do an action on our firewall (table inet fw4), run a pass (`work`), and return the firewall's state as a reply.

    `start`, `restart`: load the ruleset, even after a stop or if nothing changed. `reload`: load the ruleset if it,
    files that it includes, or rules in its table changed. `update`: only the pass. `stop`: delete the table; nothing is
    loaded until `start` or `restart`. `reload-sets`: after the pass, replace the elements of the nft sets by the
    configured ones; `restart` does that too, if its load succeeded. Empty `action`: no action and no pass.

    The reply: `ok` (no `error`), `changes` (transactions of the pass), `stopped`, `loaded` (the table exists),
    `problems` (sentences about the configuration, what nft refused, files for the next start that cannot be written,
    and sets that `restart` could not fill), and any `error`: why the last load failed, or why the pass failed before
    the firewall's part of it ended. ArgumentError for another action. OffloadError if `part` is None (the package
    offload-firewall is not installed), if the firewall is stopped (`reload`, `reload-sets`, `update`), or if nft or a
    file of ours fails, except for what `error` and `problems` report.
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
    part.unread = True
    applied = work() if action else Applied()
    # A pass also fails because of /etc/config/offload or the offload tables, which do not concern the firewall. A stop
    # deletes the ruleset before the pass.
    concerned = action != "stop" and (part.due or part.unread)
    error = part.error or (applied.error if concerned else "")
    problems = [*map(str, part.problems), *([part.unkept] if part.unkept else [])]
    # After the pass, which reads the files that sets load. A load adds elements and never deletes any.
    # Without a ruleset there is nothing to fill, and why the pass has none is what the user needs to know.
    if action == "reload-sets" and not (error and part.ruleset is None):
        part.refill()
    elif action == "restart" and not (part.due or error):
        problems += _refilled(part)
    done: Json = {"ok": not error, "changes": applied.changes, "stopped": part.stopped(), "loaded": part.loaded()}
    return done | {"problems": problems} | ({"error": error} if error else {})


def _refilled(part: "Firewall") -> list[str]:
    # No error: the firewall is loaded, so its include scripts have to run.
    try:
        part.refill()
    except NftError as refusal:
        return [f"{KEPT}: {refusal}"]
    return []
