"""The verbs `status`, `flows`, `metrics`, `explain`, `print`, `check`, `apply`, `snapshot` and `service`.

The function of a verb takes the Router and the parsed arguments, and gives an Answer.
"""

# Heavy imports are inside the functions: a verb that the service answers starts fast without them.
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from offload.cli import remote
from offload.cli.answer import Answer, Exit, answered, left_off, problem_notes
from offload.cli.router import Router
from offload.cli.terminal import width
from offload.errors import UsageError
from offload.model.text.shown import shown as shown_word
from offload.model.text.similar import did_you_mean
from offload.status.query_words import KEYS, PAGE
from offload.status.text import flow_lines, layout, tables

if TYPE_CHECKING:
    from argparse import Namespace

FEW = 4  # pairs that a sentence names
LONG = 500  # the service gives at most so many flows in one reply
SOUND = "Nothing is wrong. `offload status` lists the mode of each zone, and the reasons."


def status(router: Router, given: "Namespace") -> Answer:
    """The verb `status`: show zones, pairs of zones and devices with their modes, and why these are not faster.

    `given.zone`: show this zone alone; None: all. `given.short`: show it in a few lines. Errors as of `shown_status`.
    """
    return shown_status(router, given.zone, short=given.short)


def shown_status(router: Router, zone: str | None = None, *, short: bool = False) -> Answer:
    """The Answer for the reply of `status`: zones, pairs of zones and devices with their modes and Reasons.

    `zone`: show this zone alone; None: all. `short`: the text has a few lines. UsageError for an unknown zone,
    OffloadError as of `Router.reply`. If the reply has an error, that is the one note, and the exit code FAILED.
    """
    found = router.reply("status")
    if zone is not None and "error" not in found:
        found = only(found, zone)
    text = tables.summary_text if short else tables.status_text
    return _served(found, lambda: text(found, width()), tuple(found.get("notes", ())))


def only(data: dict[str, Any], zone: str) -> dict[str, Any]:
    """A copy of a reply of `status` whose `zones`, `pairs` and `devices` have only those of one zone.

    The other keys stay as they are. UsageError for an unknown zone.
    """
    names = [each["name"] for each in data["zones"]]
    if zone not in names:
        hint = did_you_mean(zone, names)
        raise UsageError(f"there is no zone '{shown_word(zone)}'{hint}; the zones: {', '.join(names) or 'none'}")
    return data | {
        "zones": [each for each in data["zones"] if each["name"] == zone],
        "pairs": [each for each in data["pairs"] if zone in {each["src"], each["dest"]}],
        "devices": [each for each in data["devices"] if zone in each["zones"]],
    }


def flow_list(router: Router, given: "Namespace") -> Answer:
    """The verb `flows`: list forwarded connections with their path, and why they are not on a faster one.

    The options choose and sort them (see Query); --all adds connections of the router itself, and to multicast or
    broadcast. If a reply of the method `flows` has an error, no flow is listed: the Answer has the error as its note,
    and the exit code FAILED. UsageError for a bad option; OffloadError if the router cannot be read.
    """
    from offload.status.query import Query

    words = {key: value for key in KEYS if (value := getattr(given, key)) is not None}
    words = {"limit": PAGE} | words
    query = Query.of(words)  # refuse an invalid query before anything is read
    words |= {"all": True} if given.all else {}
    if (query.limit or 0) > LONG and router.can_list_flows():
        found, written = router.every_flow(words)
        shown = max(0, min(found["total"] - found["offset"], query.limit or 0))
        return Answer("", found, notes=_others(found, shown), written=written)
    data = _pages(router, words, query.limit)
    listed = data.get("flows", ())
    return _served(data, partial(flow_lines.flows_text, listed, width()), _others(data, len(listed)))


def metrics(router: Router, _: "Namespace") -> Answer:
    """The verb `metrics`: print the numbers of `status` as OpenMetrics text.

    With --json they are `{"ok": true, "families": [...]}`. If the reply of `status` has an error, the Answer is that of
    `shown_status`. For a directory (--root) there are no metrics of live flows and timed exempts.
    """
    from offload.status.text.metrics import families, families_json, openmetrics

    found = shown_status(router)
    if not found.data["ok"]:
        return found
    made = list(families(found.data, live=router.root is None))
    return Answer(openmetrics(made), {"ok": True, "families": families_json(made)}, notes=found.notes)


def explain(router: Router, given: "Namespace") -> Answer:
    """The verb `explain`: show step by step why connections are on their path, and what the user can change.

    `given.connection`: the words that name them (a host, two ends, or a line of conntrack). UsageError if they name
    none. If the reply has an error, the Answer has it as its note, and the exit code FAILED.
    """
    from offload.status.text.explain_text import explain_text

    text = " ".join(given.connection)
    data = router.reply("explain", {"query": {"text": text}})
    return _served(data, lambda: explain_text(data, width()))


def print_ruleset(router: Router, _: "Namespace") -> Answer:
    """The verb `print`: print the nft text of offload's tables for this configuration, without timed exempts.

    Notes and exit code as of `answered`; the first notes are problems of the configuration. OffloadError if the router
    or a configuration file cannot be read.
    """
    from offload.compiler.offload.tables.render import render
    from offload.service import reconcile

    decided = router.decide()
    data = reconcile.reply(decided, ruleset=render(decided.plan))
    return answered(data, lambda: data["ruleset"].rstrip("\n"), problem_notes(data))


def check(router: Router, _: "Namespace") -> Answer:
    """The verb `check`: list problems of the configuration, missing features, failures, and settings that conflict.

    If `ok` of the reply is true, pairs of zones that are slower than chosen are named, at most FEW (4). Exit code:
    LACKING if a feature is missing, else DONE if `ok` is true, else PROBLEMS. If the reply has an error, the Answer has
    it as its note, and the exit code FAILED. OffloadError as of `Router.reply`.
    """
    data = router.reply("check")
    if "error" in data:
        return _served(data, str)
    found = data.get("findings", [])
    faults = [f"{each['place']} {each['text']}" for each in data.get("firewall", [])]
    faults += [f"the last attempt failed: {each}" for each in data.get("failed", [])]
    lines = [layout.fitted([line], width()) for line in (*problem_notes(data), *faults, *data["missing"])]
    sentences = [*lines, *tables.findings_text(found, width())]
    code = Exit.LACKING if data["missing"] else Exit.DONE if data["ok"] else Exit.PROBLEMS
    if data["ok"] and (slower := data.get("slower")):
        sentences.append(layout.fitted([_slower_sentence(slower, alone=not sentences)], width()))
    return Answer("\n".join(sentences) or layout.fitted([SOUND], width()), data, code, left_off(data))


def _slower_sentence(slower: list[dict[str, str]], *, alone: bool) -> str:
    pairs = ", ".join(f"{each['src']} > {each['dest']}" for each in slower[:FEW])
    others = f" and {len(slower) - FEW} more" if len(slower) > FEW else ""
    verb = "is" if len(slower) == 1 else "are"
    begin = "Nothing is wrong, but " * alone
    return f"{begin}{pairs}{others} {verb} slower than chosen, at least in part: `offload status` says why."


def apply(router: Router, given: "Namespace") -> Answer:
    """The verb `apply`: without --dry-run it is the verb `reload`; with it, print the nft text that would be sent.

    For a directory (--root) that text creates all tables, and --dry-run is needed: FileError without it. OffloadError
    if the router, its nft tables or a configuration file cannot be read.
    """
    if not given.dry_run:
        router.require_running("apply without --dry-run")
        return remote.reload(router, given)
    from offload.service import reconcile

    decided = router.decide(held=True)
    data = reconcile.reply(decided, transactions=router.transactions(decided))
    text = "\n".join(data["transactions"]).rstrip("\n")
    return answered(data, lambda: text or remote.applied_text(data | {"changes": 0}), problem_notes(data))


def take_snapshot(router: Router, given: "Namespace") -> Answer:
    """The verb `snapshot`: write this router's state and configuration, without passwords, to a directory for --root.

    Without --with-names, numbers replace free text and the names of rules, redirects, forwardings, exempts, pairs and
    nft files. A configuration file that is missing or cannot be read is not written; a note says so. FileError if the
    directory is not empty or cannot be written; OffloadError if the router cannot be read.
    """
    from pathlib import Path

    from offload.service import main, reconcile
    from offload.service.checking.nft_files import with_unloaded
    from offload.service.read_snapshot import to_write
    from offload.system.directory.router_directory import RouterDirectory

    (snapshot, dump), packages = router.snapshot(), reconcile.read(router.uci)
    seen = with_unloaded(reconcile.decide(packages, snapshot), main.doors()).snapshot
    directory = RouterDirectory(Path(given.directory))
    directory.write(*to_write(seen, dump, packages, with_names=given.with_names))
    notes = tuple(str(found) for found in packages.values() if not isinstance(found, tuple))
    text = f"Written to {directory.root}. Try: offload check --root {directory.root}"
    return Answer(text, {"ok": True, "directory": str(directory.root)}, notes=notes)


def service(router: Router, _: "Namespace") -> Answer:
    """The verb `service`: run the service in this process until a signal stops it. Errors as of `Router.serve`."""
    router.serve()
    return Answer("", {"ok": True})


def _pages(router: Router, words: dict[str, Any], limit: int | None) -> dict[str, Any]:
    # `limit` None: all flows; the service's own is of one reply. If one of the replies is an error, that is the result:
    # half a list would look whole.
    data = router.live_reply("flows", {"query": words})
    while "error" not in data:
        flows_so_far, at = data["flows"], data["offset"] + len(data["flows"])
        left = data["total"] - at if limit is None else min(data["total"] - at, limit - len(flows_so_far))
        if left <= 0:
            break
        more = router.live_reply("flows", {"query": words | {"offset": at, "limit": left}})
        if "error" in more:
            return more
        if not more["flows"]:
            break
        data = data | {"flows": flows_so_far + more["flows"]}
        data.pop("left_off", None)  # of the first page; here no page is cut short
    return data if "error" in data else data | {"limit": limit}


def _others(data: dict[str, Any], shown: int) -> tuple[str, ...]:
    if data.get("total", shown) <= data.get("offset", 0) + shown:
        return ()
    return (f"{shown} of {data['total']} flows: --limit and --offset show the others",)


def _served(data: dict[str, Any], text: Callable[[], str], notes: tuple[str, ...] = ()) -> Answer:
    # of a failed reply only the error is a note, and the exit code is FAILED
    if "error" in data:
        return Answer("", data, Exit.FAILED, (data["error"],))
    return Answer(text(), data, notes=(*notes, *left_off(data)))
