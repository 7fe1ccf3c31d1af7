"""The verbs of the command: what each answers, its arguments, and its help.

A verb that the running service can answer asks it first; what imports pyroute2 or jinja2 comes after that.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any, Protocol

from offload.cli import remote
from offload.cli.answer import Answer, Exit
from offload.compiler.offload.render import render
from offload.config.anonymous import anonymous, known
from offload.errors import FileError, KernelError
from offload.model.applied import Applied
from offload.model.flow import Entry
from offload.model.network import Snapshot
from offload.model.plan import HARDWARE_TABLE
from offload.service import reconcile
from offload.service.engine import Nft, Uci
from offload.service.hardware_monitor import HardwareMonitor
from offload.service.reconcile import Decided
from offload.status import report, tables
from offload.status.flows import Pair, page, shares
from offload.status.hardware import PairHardware
from offload.status.query import PAGE, SORTS, Query
from offload.system import netifd
from offload.system.router_directory import RouterDirectory, snapshot_json


class Router(Protocol):
    """What a verb works on: the running router, or a directory given with --root."""

    root: Path | None

    @property
    def nft(self) -> Nft: ...
    @property
    def uci(self) -> Uci: ...
    def snapshot(self) -> tuple[Snapshot, dict[str, Any]]: ...
    def decide(self, *, held: bool = False) -> Decided: ...
    def entries(self) -> list[Entry]: ...
    def asked(self, method: str, words: Mapping[str, Any] | None = None) -> dict[str, Any] | None: ...
    def ask(self, method: str, words: Mapping[str, Any]) -> dict[str, Any]: ...
    def live(self, verb: str) -> None: ...
    def serve(self) -> None: ...


def status(router: Router, _: argparse.Namespace) -> Answer:
    """What is offloaded, zone by zone, and why not."""
    if data := router.asked("status"):
        return _served(data, partial(tables.status_text, data), tuple(data.get("notes", ())))
    decided = router.decide(held=True)
    notes: list[str] = []
    entries, pending, unreadable = [], [], reconcile.unreadable(decided)
    if router.root is None:
        pending = [] if unreadable else reconcile.pending(decided, router.nft)
        try:
            entries = router.entries()
        except KernelError as error:
            notes.append(f"flows are not counted: {error}")
    counted = shares(entries, decided.snapshot, decided.plan)
    applied = Applied(error=unreadable)
    cases = _proven(router, decided, entries)
    data = report.status_json(decided.plan, decided.snapshot, decided.problems, counted, applied, cases)
    data["applied"]["pending"] = len(pending)
    return Answer(tables.status_text(data), data, notes=tuple(notes))


def flow_list(router: Router, given: argparse.Namespace) -> Answer:
    """Every forwarded connection with its path, and why it is slow."""
    router.live("flows")
    words = {key: value for key in Query.KEYS if (value := getattr(given, key)) is not None}
    words = {"limit": PAGE} | words
    query = Query.of(words)  # what can never be meant is told before anything is read
    if data := _pages(router, words | ({"all": True} if given.all else {}), query.limit):
        return _served(data, partial(tables.flows_text, data.get("flows", ())), _others(data))
    decided = router.decide(held=True)
    query = Query.of(words, [zone.name for zone in decided.plan.zones])
    entries = router.entries()
    cases = _proven(router, decided, entries)
    found, total = page(entries, decided.snapshot, decided.plan, query, cases, everything=given.all)
    data = {"ok": True, "total": total, "offset": query.offset, "flows": [report.flow_json(flow) for flow in found]}
    return Answer(tables.flows_text(data["flows"]), data, notes=_others(data))


def print_ruleset(router: Router, _: argparse.Namespace) -> Answer:
    """The nft text for this configuration, the same bytes every time."""
    decided = router.decide()
    if error := reconcile.unreadable(decided):
        raise FileError(error)
    text = render(decided.plan)
    return _judged(Answer(text.rstrip("\n"), {"ok": True, "ruleset": text}), decided)


def check(router: Router, _: argparse.Namespace) -> Answer:
    """What is wrong with the configuration, and what kernel or nft lack."""
    data = router.asked("check")
    if data is None:
        decided = router.decide()
        data = report.check_json(decided.problems, decided.snapshot.kernel)
    if "error" in data:
        return _served(data, str)
    sentences = [*remote.notes(data), *data["missing"]]
    code = Exit.LACKING if data["missing"] else Exit.PROBLEMS if sentences else Exit.DONE
    return Answer("\n".join(sentences) or "Nothing is wrong.", data, code, remote.left_off(data))


def apply(router: Router, given: argparse.Namespace) -> Answer:
    """Bring the kernel in line with the configuration; with --dry-run only show what would be sent."""
    if not given.dry_run:
        router.live("apply")
        if router.asked("zones"):
            return remote.reload(router.ask, given)
    decided = router.decide(held=True)
    if error := reconcile.unreadable(decided):
        raise FileError(error)
    idle = "Nothing was sent." if decided.snapshot.kernel.missing else "Nothing to do: the kernel already has it."
    if given.dry_run:
        live = [] if router.root else [each.text for each in reconcile.pending(decided, router.nft)]
        texts = [render(decided.plan)] if router.root else live
        text = "\n".join(texts).rstrip("\n") or idle
        return _judged(Answer(text, {"ok": True, "transactions": texts}), decided)
    applied = reconcile.apply(decided, router.nft)
    data = {"ok": not applied.error, "changes": applied.changes, "time": applied.time}
    if applied.error:
        return Answer("", data | {"error": applied.error}, Exit.FAILED, (applied.error,))
    text = f"Applied in {applied.changes} transaction{'s' * (applied.changes != 1)}." if applied.changes else ""
    return _judged(Answer(text or idle, data), decided)


def take_snapshot(router: Router, given: argparse.Namespace) -> Answer:
    """Write this router as a directory for --root, without passwords and keys."""
    router.live("snapshot")
    snapshot, dump = router.snapshot()
    packages = reconcile.read(router.uci)
    sections = known(section for found in packages.values() if isinstance(found, tuple) for section in found)
    replies = {netifd.DUMP: netifd.named_only(dump)}
    directory = RouterDirectory(Path(given.directory))
    directory.write(sections if given.with_names else anonymous(sections), snapshot_json(snapshot, replies))
    notes = tuple(str(found) for found in packages.values() if not isinstance(found, tuple))
    text = f"Written to {directory.root}. Try: offload check --root {directory.root}"
    return Answer(text, {"ok": True, "directory": str(directory.root)}, notes=notes)


def service(router: Router, _: argparse.Namespace) -> Answer:
    """Stay, follow every change, and answer on ubus; procd runs this."""
    router.live("service")
    router.serve()
    return Answer("", {"ok": True})


def _proven(router: Router, decided: Decided, entries: Sequence[Entry]) -> Mapping[Pair, PairHardware]:
    """What these connections prove of the pairs in hardware, by themselves."""
    proofs = HardwareMonitor()
    proofs.follow(decided.plan, decided.snapshot, 0.0)
    if entries and proofs.cases:
        proofs.once(entries, decided.snapshot, decided.plan, router.nft.strays(HARDWARE_TABLE[0]))
    return proofs.cases


def _pages(router: Router, words: dict[str, Any], limit: int | None) -> dict[str, Any] | None:
    """The service's flows, page by page until all that were asked for are here."""
    data = router.asked("flows", {"query": words})
    while data and "error" not in data:
        flows_so_far, at = data["flows"], data["offset"] + len(data["flows"])
        left = data["total"] - at if limit is None else min(data["total"] - at, limit - len(flows_so_far))
        if left <= 0:
            break
        more = router.ask("flows", {"query": words | {"offset": at, "limit": left}})
        if not more.get("flows"):
            break
        data = data | {"flows": flows_so_far + more["flows"]}
        data.pop("left_off", None)  # of the first page: here they are
    return data


def _others(data: dict[str, Any]) -> tuple[str, ...]:
    """That there are flows beside those shown."""
    shown = len(data.get("flows", ()))
    if data.get("total", shown) <= data.get("offset", 0) + shown:
        return ()
    return (f"{shown} of {data['total']} flows: --limit and --offset show the others",)


def _served(data: dict[str, Any], text: Callable[[], str], notes: tuple[str, ...] = ()) -> Answer:
    """What the service answered; a refusal has its sentence and nothing else to show."""
    if "error" in data:
        return Answer("", data, Exit.FAILED, (data["error"],))
    return Answer(text(), data, notes=(*notes, *remote.left_off(data)))


def _code(decided: Decided) -> Exit:
    if decided.snapshot.kernel.missing:
        return Exit.LACKING
    return Exit.PROBLEMS if decided.problems else Exit.DONE


def _judged(answer: Answer, decided: Decided) -> Answer:
    """The answer with the configuration's problems beside it and in the exit code."""
    notes = tuple(map(str, (*decided.problems, *decided.snapshot.kernel.missing)))
    data = answer.data | {"problems": [report.problem_json(problem) for problem in decided.problems]}
    return Answer(answer.text, data, _code(decided), notes)


def _by_service(run: Callable[[remote.Ask, argparse.Namespace], Answer]) -> Callable[..., Answer]:
    """A verb that needs nothing but the service's answers."""

    @wraps(run)
    def verb(router: Router, given: argparse.Namespace) -> Answer:
        return run(router.ask, given)

    return verb


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what runs it, and the arguments only it has. Its first docstring line is its help."""

    run: Callable[[Router, argparse.Namespace], Answer]
    arguments: tuple[tuple[str, dict[str, Any]], ...] = ()


def _flag(words: str) -> dict[str, Any]:
    return {"action": "store_true", "help": words}


MODE = ("mode", {"metavar": "MODE", "help": "none, software or hardware"})
CHOOSING = (
    ("--zone", {"help": "only flows from or to this zone"}),
    ("--host", {"help": "only flows from or to this address or network"}),
    ("--state", {"help": "slow, software or hardware"}),
)
VERBS = {
    "status": Verb(status),
    "flows": Verb(
        flow_list,
        (
            *CHOOSING,
            ("--sort", {"help": ", ".join(SORTS)}),
            ("--limit", {"help": f"at most so many ({PAGE})"}),
            ("--offset", {"help": "leave out so many first"}),
            ("--all", _flag("also connections of the router itself")),
        ),
    ),
    "print": Verb(print_ruleset),
    "check": Verb(check),
    "apply": Verb(apply, (("--dry-run", _flag("show the nft text, send nothing")),)),
    "zones": Verb(_by_service(remote.zones)),
    "set": Verb(_by_service(remote.set_zone), (("zone", {"metavar": "ZONE"}), MODE)),
    "pair": Verb(_by_service(remote.set_pair), (("src", {"metavar": "SRC"}), ("dest", {"metavar": "DEST"}), MODE)),
    "exempt": Verb(
        _by_service(remote.exempt),
        (
            ("action", {"choices": ("add", "delete", "list"), "metavar": "ACTION", "help": "add, delete or list"}),
            ("id", {"nargs": "?", "type": int, "metavar": "ID", "help": "which one to delete"}),
            ("--timeout", {"default": "1h", "help": "for how long: 90s, 30m, 1h (the default), 2d"}),
            *(
                (f"--{word.replace('_', '-')}", {"action": "append"} if many else {})
                for word, many in remote.MATCHES.items()
            ),
        ),
    ),
    "flush": Verb(_by_service(remote.flush), CHOOSING),
    "cut": Verb(_by_service(remote.cut), CHOOSING),
    "reload": Verb(_by_service(remote.reload)),
    "takeover": Verb(remote.takeover, (("--once", _flag("not where it was asked for before")),)),
    "giveback": Verb(remote.giveback, (("--forget", _flag("and forget that it was ever asked for")),)),
    "service": Verb(service),
    "snapshot": Verb(
        take_snapshot,
        (
            ("directory", {"metavar": "DIR", "help": "a directory to make, or an empty one"}),
            ("--with-names", _flag("with the names of rules and exempts, not numbers instead")),
        ),
    ),
}
