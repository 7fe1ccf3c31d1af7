"""The verb `exempt`: add a timed exempt, delete an exempt, or list them all."""

# Imports at the top stay light: a verb that the service answers needs neither jinja2 nor offload.compiler.
import re
from typing import TYPE_CHECKING

from offload.cli.answer import Answer, answered, problem_notes
from offload.cli.router import Router
from offload.cli.verbs import keys, matches, option
from offload.errors import UsageError
from offload.model.text.shown import shown
from offload.status.text import tables

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
NUMBER = re.compile(r"\d{1,9}", re.ASCII)  # of a timed exempt
DURATION = re.compile(r"(\d{1,7})([smhd]?)", re.ASCII)
USUAL = "1h"  # as the help says


def exempt(router: Router, given: "Namespace") -> Answer:
    """The verb `exempt`: add, delete or list exempts (conditions for traffic that stays slow).

    `add` makes a timed exempt. `delete` takes the number of a timed exempt, or the section or name of a `config
    exempt`, which it deletes from /etc/config/offload. `list` shows both kinds. UsageError for `delete` without such a
    word, for `add` without a condition, or with a bad condition or timeout, and for what an action would ignore.
    """
    words = {key: value for key in matches() if (value := getattr(given, key)) is not None}
    _refuse_surplus(given, words if given.timeout is None else (*words, "timeout"))
    if given.action == "list":
        data = router.live_reply("exempt_list", {})
        return answered(data, lambda: tables.exempts_text(data["exempts"], data.get("configured", ())))
    if given.action == "delete":
        if given.id is None:
            raise UsageError("which exempt is to be deleted? 'offload exempt list' shows their numbers and names")
        if NUMBER.fullmatch(given.id):
            data = router.live_reply("exempt_delete", {"id": int(given.id)})
            return answered(data, lambda: f"Exempt {given.id} is deleted.")
        data = router.live_reply("exempt_remove", {"name": given.id})
        return answered(
            data, lambda: f"Exempt {data['section']} is deleted from /etc/config/offload.", problem_notes(data)
        )
    seconds = duration(USUAL if given.timeout is None else given.timeout)
    if not words:
        *others, last = map(option, keys())
        raise UsageError(f"what is to stay slow? Name it by {', '.join(others)} or {last}")
    data = router.live_reply("exempt_add", {"match": words, "timeout": seconds})
    return answered(data, lambda: tables.added_text(data["id"], data["expires"]))


def _refuse_surplus(given: "Namespace", options: "Iterable[str]") -> None:
    surplus, action = next(iter(options), None), given.action
    if action != "add" and surplus:
        raise UsageError(f"{option(surplus)} has no meaning after {action}: only 'offload exempt add' takes it")
    if action != "delete" and given.id is not None:
        why = "it lists all exempts" if action == "list" else "name what to match by options (--src-ip ...)"
        raise UsageError(f"'{shown(given.id)}' has no meaning after {action}: {why}")


def duration(text: str) -> int:
    """The seconds of a text such as `90`, `90s`, `30m`, `1h` or `2d`.

    UsageError for a text of another form, and for a number of more than seven digits.
    """
    found = DURATION.fullmatch(text)
    if not found:
        raise UsageError(f"timeout: '{text[:40]}' is no time: write 90s, 30m, 1h or 2d")
    return int(found[1]) * SECONDS[found[2]]
