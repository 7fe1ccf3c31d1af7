"""The verbs `zones`, `set`, `pair`, `flush`, `cut`, `reload`, `takeover` and `giveback`.

The function of a verb takes the Router and the parsed arguments, has the service do the verb (where none runs, this
process does it, and always with --root, --once and --forget), and gives an Answer, mostly by `answered`. If a reply has
an error, the exit code is FAILED.
"""

# Imports at the top stay light: a verb that the service answers needs neither jinja2 nor offload.compiler.
from typing import TYPE_CHECKING, Any

from offload.cli.answer import Answer, Exit, answered, problem_notes
from offload.cli.router import Router
from offload.cli.terminal import width
from offload.errors import UsageError
from offload.model.text.shown import shown
from offload.model.text.similar import did_you_mean
from offload.status.text import tables

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

Json = dict[str, Any]

MODES = ("none", "software", "hardware")  # as in model.config, which takes longer to import than all of this


def zones(router: Router, _: "Namespace") -> Answer:
    """The verb `zones`: show the zones and the pairs of zones with their requested and effective modes."""
    data = router.reply("zones")
    return answered(data, lambda: tables.zones_text(data, width()))


def set_zone(router: Router, given: "Namespace") -> Answer:
    """The verb `set`: write a zone's mode to /etc/config/offload, and apply it; with --dry-run show what would change.

    UsageError, and nothing written, for a word that is no mode and for an unknown zone. If the kernel cannot be
    changed, the mode stays written, and the exit code is FAILED.
    """
    word = mode(given.mode)
    if given.dry_run:
        return _previewed(router.live_reply("preview", {"query": {"zones": {given.zone: word}}}))
    return _changed(router.live_reply("set", {"zone": given.zone, "mode": word}))


def set_pair(router: Router, given: "Namespace") -> Answer:
    """The verb `pair`: write the mode for connections from one zone to another to /etc/config/offload, and apply it.

    `given.src`, `given.dest`: names of zones; `*`: every zone. --dry-run and errors as of `set_zone`.
    """
    words = {"src": given.src, "dest": given.dest, "mode": mode(given.mode)}
    if given.dry_run:
        return _previewed(router.live_reply("preview", {"query": {"pairs": [words]}}))
    return _changed(router.live_reply("set_pair", words))


def mode(word: str) -> str:
    """The word in lower case, if it is then none, software or hardware; UsageError for another word."""
    if word.lower() in MODES:
        return word.lower()
    raise UsageError(f"'{shown(word)}'{did_you_mean(word, MODES)} is no mode: use {', '.join(MODES)}")


def reload(router: Router, _: "Namespace") -> Answer:
    """The verb `reload`: probe the kernel, read router and configuration, and change the kernel's tables accordingly.

    Problems of the configuration are notes.
    """
    data = router.live_reply("reload", {})
    return answered(data, lambda: applied_text(data), problem_notes(data))


def flush(router: Router, given: "Namespace") -> Answer:
    """The verb `flush`: create offload's nft tables again, which makes their flows slow for some packets.

    With --zone, --host or --state: those tables that have a flow which these options select. UsageError for a bad
    value.
    """
    data = router.live_reply("flush", {"query": _chosen(given)})
    return answered(data, lambda: _flushed(data["returned"]))


def cut(router: Router, given: "Namespace") -> Answer:
    """The verb `cut`: delete the conntrack entries of the forwarded connections that fit --zone, --host and --state.

    An option that is not given fits any. The next packet of such a connection must pass the firewall again. UsageError
    without an option, and for a bad value; exit code FAILED if an entry cannot be deleted.
    """
    if not (chosen := _chosen(given)):
        raise UsageError("whose connections are to end? Name them by --zone, --host or --state")
    data = router.live_reply("cut", {"query": chosen})
    return answered(data, lambda: _ended(data["ended"], data["flows"]))


def _flushed(tables_: "Sequence[str]") -> str:
    if not tables_:
        return "No such flow is offloaded: nothing changes."
    return f"Back on the slow path for a moment: all flows of {', '.join(tables_)}."


def _ended(ended: int, meant: int) -> str:
    if not meant:
        return "There is no such forwarded connection."
    return f"Ended {ended} of {meant} connection{'s' * (meant != 1)}."


def _chosen(given: "Namespace") -> dict[str, str]:
    words = {key: value for key in ("zone", "host", "state") if (value := getattr(given, key)) is not None}
    from offload.status.query import Query

    Query.of(words)  # refuse an invalid query before the service is called
    return words


def takeover(router: Router, given: "Namespace") -> Answer:
    """The verb `takeover`: switch fw4's flow_offloading off, and write the mode that it stood for to `config globals`.

    Nothing is switched if fw4's option is off, or if the mode would have no effect, as where offload is switched off;
    the latter is an error, but not with --once. --once does nothing if /etc/config/offload has the option `taken`; else
    it writes that option, even if nothing is switched. With --once or --root the work is on files alone (FileError if
    one cannot be read or written); else the firewall is reloaded if they changed.
    """
    off = "Nothing is taken over: fw4's own offload is off."
    earlier = "Nothing is taken over: fw4's own offload is off, or it was asked for before, or offload is switched off."
    done = "fw4's own offload is off; its mode is now that of all zones without a mode of their own."
    if not given.once and router.root is None:
        return _handed(router.live_reply("takeover", {}), off, done)
    from offload.service.bus.takeover import take  # the files alone: at installation, and in a directory

    changed = take(router.uci, once=given.once)
    return _handed({"ok": True, "changed": changed}, earlier if given.once else off, done)


def giveback(router: Router, given: "Namespace") -> Answer:
    """The verb `giveback`: undo `takeover`: switch fw4's option flow_offloading on again.

    It stays as it is if nothing was taken over, it or the mode of `config globals` was changed since, that mode has no
    effect, or a zone or pair has a lower one. --forget deletes option `taken`, even then. With --forget or --root the
    work is on files alone (FileError if one cannot be read or written); else the firewall is reloaded if they changed.
    """
    unchanged = "Nothing to give back: fw4's switch was not taken over, or it was changed since."
    done = "fw4's own offload is on again, and fw4 alone decides from now on."
    if not given.forget and router.root is None:
        return _handed(router.live_reply("giveback", {}), unchanged, done)
    from offload.service.bus.takeover import give  # the files alone: when the package goes, and in a directory

    return _handed({"ok": True, "changed": give(router.uci, forget=given.forget)}, unchanged, done)


def _handed(data: Json, nothing: str, done: str) -> Answer:
    # `nothing` if no file changed; else `done`, the pairs whose mode changed, and whether the firewall is reloaded. If
    # files changed and the reply has an error: that text, the error, and exit code FAILED.
    def text() -> str:
        if not data["changed"]:
            return nothing
        moved = [
            f"{each['src']} > {each['dest']}: {each['before']} -> {each['effective']}" for each in data.get("pairs", ())
        ]
        reload_ = (
            "The firewall is reloaded." if data.get("reloading") else "Reload the firewall: /etc/init.d/firewall reload"
        )
        return "\n".join([done, *moved, reload_])

    if data.get("changed") and "error" in data:
        refusal = f"the files are written, but the kernel does not follow: {data['error']}"
        return Answer(text(), data, Exit.FAILED, (refusal,))
    return answered(data, text, problem_notes(data))


def applied_text(data: Json) -> str:
    """A sentence about how many nft transactions a pass sent. `data`: a reply with that number as `changes`.

    For 0 it says that there was nothing to do, or, if `missing` is not empty, that nothing was sent.
    """
    count = data["changes"]
    if not count and data.get("missing"):
        return "Nothing was sent."
    if not count:
        return "Nothing to do: the kernel already has it."
    return f"Applied in {count} transaction{'s' * (count != 1)}."


def _changed(data: Json) -> Answer:
    def text() -> str:
        if data.get("missing"):
            return "Written, but nothing takes effect: kernel or nft cannot do it."
        return tables.changes_text(data, width())

    return answered(data, text, problem_notes(data))


def _previewed(data: Json) -> Answer:
    def text() -> str:
        changes = tables.changes_text(data, width(), nothing="No pair would change its path.")
        count = data["flows"] if data["returned"] else 0
        if not count:
            return f"{changes}\nNo live flow would take the slow path."
        flows = f"{count} live flow{'s' * (count != 1)}"
        return f"{changes}\n{flows} would take the slow path for a few packets."

    return answered(data, text, problem_notes(data))
