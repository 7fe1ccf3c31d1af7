"""The verbs of `offload firewall` that load the firewall or stop it.

They are start, reload, restart, update and reload-sets; stop and flush.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from offload.errors import FileError, OffloadError

if TYPE_CHECKING:
    from offload.service.doors import File, Scripts

DONE, FAILED = 0, 1
LOADING = frozenset({"start", "reload", "restart", "update"})
OPEN = (
    "The firewall is stopped: every packet to this router and through it is accepted, and no address is translated. "
    "`/etc/init.d/firewall start` loads it again, and so does a restart of the router."
)
Json = dict[str, Any]


class Loading(NamedTuple):
    """What the verbs need of the router."""

    # does an action of the ubus method `firewall` (start, stop, ...; empty: only report), and gives the reply
    act: Callable[[str], Json]
    turn: Callable[[], AbstractContextManager[None]]  # gives a context that holds the lock, as one command at a time
    outcome: "File"  # the file with the result of the last load
    runner: "Scripts"  # saves the ruleset for the next boot, and runs scripts
    includes: Callable[[], Iterable[str]]  # gives the paths of the scripts to run after a load
    flush: Callable[[], None]  # deletes every nft table
    say: Callable[[str], None]  # prints a line to stderr
    began: float  # when this command was called, in seconds of `now`
    now: Callable[[], float]  # the time in seconds


def run(verb: str, doors: Loading) -> int:
    """Run one verb (start, stop, ...) while no other command does, print what happened, and give the exit code.

    1: it failed, the firewall was loaded already (`start`), or it was not loaded (`stop`); else 0. A `reload` loads
    nothing if a load by another command began after `doors.began`; its exit code is that of this load. After another
    load without error the ruleset is saved for the next boot and the scripts of `includes` run; what fails there is
    printed. `flush` stops the firewall and deletes all nft tables. OffloadError if the lock is not free in time, or a
    step fails; the firewall may be stopped or loaded all the same.
    """
    with doors.turn():
        shared = _shared(doors) if verb == "reload" else None
        if shared is not None:
            return _ended(doors, shared)
        if verb == "start" and _loaded(doors.act("")):
            doors.say("The firewall is loaded already.")
            return FAILED
        begun = doors.now()
        error = _acted(verb, doors)
        if verb in LOADING:
            _remember(doors, begun, error)
    return _ended(doors, error) or (_after(doors) if verb in LOADING else DONE)


def _loaded(reply: Json) -> bool:
    return bool(reply.get("loaded")) and not reply.get("stopped")


def _acted(verb: str, doors: Loading) -> str:
    # the error as a sentence; empty: success
    before = doors.act("") if verb == "stop" else {}
    reply = doors.act("stop" if verb == "flush" else verb)
    for problem in reply.get("problems", ()) if verb in LOADING else ():
        doors.say(f"[!] {problem}")
    if "error" in reply:
        return str(reply["error"])
    if verb in {"stop", "flush"}:
        doors.say(OPEN)
    if verb == "flush":
        doors.flush()
    return "" if before.get("loaded", True) else "the firewall was not loaded"


def _shared(doors: Loading) -> str | None:
    # the error of the last load (empty: it succeeded), if that began after this command was called; else None
    try:
        last = json.loads(doors.outcome.read() or b"{}")
        return str(last["error"]) if doors.began <= float(last["begun"]) <= doors.now() else None
    except (OffloadError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _remember(doors: Loading, begun: float, error: str) -> None:
    try:
        doors.outcome.write(json.dumps({"begun": begun, "error": error}).encode())
    except FileError as refusal:  # then commands that wait will load again
        doors.say(f"offload: {refusal}")


def _ended(doors: Loading, error: str) -> int:
    if error:
        doors.say(f"offload: {error}")
    return FAILED if error else DONE


def _after(doors: Loading) -> int:
    # Failures here are printed, and do not undo the load.
    if wrong := doors.runner.save():
        doors.say(f"offload: the ruleset for the next start of the router is the one before: saving it {wrong}")
    for path in doors.includes():
        if wrong := doors.runner.source(path):
            doors.say(f"Script {path} {wrong}")
    return DONE
