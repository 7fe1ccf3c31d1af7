"""The command `offload`: a table of verbs, the doors they need, and exit codes.

Doors are opened here and handed in. Each verb answers with one value, which is printed as text for people or as JSON.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from offload import __version__
from offload.compiler.render import render
from offload.config.schema import named_only
from offload.errors import FileError, KernelError, OffloadError
from offload.model.applied import Applied
from offload.model.network import Kernel, Snapshot
from offload.service import reconcile
from offload.service.observe import observe
from offload.service.reconcile import Decided
from offload.status import report, tables
from offload.status.flows import flows, shares
from offload.status.query import SORTS, Query, QueryError, select
from offload.system import netifd
from offload.system.bus import Bus
from offload.system.capability import probe
from offload.system.conntrack import Conntrack
from offload.system.files import RouterDirectory, snapshot_json
from offload.system.netlink import Netlink, modules, release
from offload.system.nft import Nft
from offload.system.uci import Uci


class Exit(IntEnum):
    """Exit codes; README documents them."""

    DONE = 0
    FAILED = 1  # nothing was changed; the sentence says why
    USAGE = 2  # as argparse has it
    PROBLEMS = 3  # done, as far as the configuration is good; its problems are listed
    LACKING = 4  # kernel or nft cannot do it; the package to install is named


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb has to say: to people, to programs, and to the shell."""

    text: str
    data: dict[str, Any]
    code: Exit = Exit.DONE
    notes: tuple[str, ...] = ()  # for people, on stderr


class Router:
    """The router a verb works on: the running one, or a directory given with --root."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.nft = Nft()
        self.uci = Uci() if root is None else Uci(RouterDirectory(root).confdir)

    def snapshot(self) -> tuple[Snapshot, dict[str, Any]]:
        """What the router has, and netifd's dump as it came (empty for a directory)."""
        if self.root is not None:
            return RouterDirectory(self.root).snapshot(), {}
        return observe(Bus(), Netlink(), self.nft, self.kernel())

    def kernel(self) -> Kernel:
        """What the running kernel can do."""
        return probe(self.nft, release(), modules())

    def decide(self) -> Decided:
        """Read everything and decide; the kernel is not touched."""
        snapshot, _ = self.snapshot()
        return reconcile.decide(reconcile.read(self.uci), snapshot)

    def live(self, verb: str) -> None:
        """Refuse what needs a running router, where a directory was given."""
        if self.root is not None:
            raise FileError(f"{verb} needs the running router, and --root names a directory")


def status(router: Router, _: argparse.Namespace) -> Answer:
    """What is offloaded, zone by zone, and why not."""
    decided = router.decide()
    notes: list[str] = []
    entries, pending = [], []
    if router.root is None:
        pending = reconcile.pending(decided, router.nft)
        try:
            entries = Conntrack().entries()
        except KernelError as error:
            notes.append(f"flows are not counted: {error}")
    counted = shares(entries, decided.snapshot, decided.plan)
    applied = Applied(error=reconcile.unreadable(decided))
    data = report.status_json(decided.plan, decided.snapshot, decided.problems, counted, applied)
    data["applied"]["pending"] = len(pending)
    return Answer(tables.status_text(data), data, notes=tuple(notes))


def flow_list(router: Router, given: argparse.Namespace) -> Answer:
    """Every forwarded connection with its path, and why it is slow."""
    router.live("flows")
    words = {key: value for key in Query.KEYS if (value := getattr(given, key)) is not None}
    Query.of(words)  # what can never be meant is told before anything is read
    decided = router.decide()
    query = Query.of(words, [zone.name for zone in decided.plan.zones])
    found = flows(Conntrack().entries(), decided.snapshot, decided.plan, everything=given.all)
    chosen = [report.flow_json(flow) for flow in select(found, query)]
    return Answer(tables.flows_text(chosen), {"ok": True, "flows": chosen})


def print_ruleset(router: Router, _: argparse.Namespace) -> Answer:
    """The nft text for this configuration, the same bytes every time."""
    decided = router.decide()
    if error := reconcile.unreadable(decided):
        raise FileError(error)
    text = render(decided.plan)
    return _judged(Answer(text.rstrip("\n"), {"ok": True, "ruleset": text}), decided)


def check(router: Router, _: argparse.Namespace) -> Answer:
    """What is wrong with the configuration, and what kernel or nft lack."""
    decided = router.decide()
    lacks = [str(lack) for lack in decided.snapshot.kernel.missing]
    sentences = [*(str(problem) for problem in decided.problems), *lacks]
    data = {
        "ok": not sentences,
        "problems": [report.problem_json(problem) for problem in decided.problems],
        "missing": lacks,
    }
    return Answer("\n".join(sentences) or "Nothing is wrong.", data, _code(decided))


def apply(router: Router, given: argparse.Namespace) -> Answer:
    """Bring the kernel in line with the configuration; with --dry-run only show what would be sent."""
    if not given.dry_run:
        router.live("apply")
    decided = router.decide()
    if error := reconcile.unreadable(decided):
        raise FileError(error)
    if given.dry_run:
        live = [] if router.root else [each.text for each in reconcile.pending(decided, router.nft)]
        texts = [render(decided.plan)] if router.root else live
        text = "\n".join(texts).rstrip("\n") or "Nothing to do: the kernel already has it."
        return _judged(Answer(text, {"ok": True, "transactions": texts}), decided)
    applied = reconcile.apply(decided, router.nft)
    data = {"ok": not applied.error, "changes": applied.changes, "time": applied.time}
    if applied.error:
        return Answer("", data | {"error": applied.error}, Exit.FAILED, (applied.error,))
    text = f"Applied in {applied.changes} transaction{'s' * (applied.changes != 1)}." if applied.changes else ""
    return _judged(Answer(text or "Nothing to do: the kernel already has it.", data), decided)


def take_snapshot(router: Router, given: argparse.Namespace) -> Answer:
    """Write this router as a directory for --root, without passwords and keys."""
    router.live("snapshot")
    snapshot, dump = router.snapshot()
    packages = reconcile.read(router.uci)
    sections = [
        kept for found in packages.values() if isinstance(found, tuple) for s in found if (kept := named_only(s))
    ]
    replies = {netifd.DUMP: netifd.named_only(dump)}
    directory = RouterDirectory(Path(given.directory))
    directory.write(sections, snapshot_json(snapshot, replies))
    notes = tuple(str(found) for found in packages.values() if not isinstance(found, tuple))
    text = f"Written to {directory.root}. Try: offload check --root {directory.root}"
    return Answer(text, {"ok": True, "directory": str(directory.root)}, notes=notes)


def _code(decided: Decided) -> Exit:
    if decided.snapshot.kernel.missing:
        return Exit.LACKING
    return Exit.PROBLEMS if decided.problems else Exit.DONE


def _judged(answer: Answer, decided: Decided) -> Answer:
    """The answer with the configuration's problems beside it and in the exit code."""
    notes = tuple(map(str, (*decided.problems, *decided.snapshot.kernel.missing)))
    data = answer.data | {"problems": [report.problem_json(problem) for problem in decided.problems]}
    return Answer(answer.text, data, _code(decided), notes)


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what runs it, and the arguments only it has. Its first docstring line is its help."""

    run: Callable[[Router, argparse.Namespace], Answer]
    arguments: tuple[tuple[str, dict[str, Any]], ...] = ()


VERBS = {
    "status": Verb(status),
    "flows": Verb(
        flow_list,
        (
            ("--zone", {"help": "only flows from or to this zone"}),
            ("--host", {"help": "only flows from or to this address or network"}),
            ("--state", {"help": "slow, software or hardware"}),
            ("--sort", {"help": ", ".join(SORTS)}),
            ("--limit", {"help": "at most so many"}),
            ("--offset", {"help": "leave out so many first"}),
            ("--all", {"action": "store_true", "help": "also connections of the router itself"}),
        ),
    ),
    "print": Verb(print_ruleset),
    "check": Verb(check),
    "apply": Verb(apply, (("--dry-run", {"action": "store_true", "help": "show the nft text, send nothing"}),)),
    "snapshot": Verb(take_snapshot, (("directory", {"metavar": "DIR", "help": "where to write it"}),)),
}


def parser() -> argparse.ArgumentParser:
    """The command line, made from the table of verbs."""
    top = argparse.ArgumentParser(prog="offload", description="Flow offload per zone, and why not.")
    top.add_argument("--version", action="version", version=f"offload {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        sentence = (verb.run.__doc__ or "").splitlines()[0]
        sub = verbs.add_parser(name, help=sentence, description=sentence)
        sub.add_argument("--json", action="store_true", help="answer in JSON")
        sub.add_argument("--root", type=Path, metavar="DIR", help="a router as a directory instead of this one")
        for flag, words in verb.arguments:
            sub.add_argument(flag, **words)
    return top


def main(argv: list[str]) -> int:
    """Run one verb; every refusal is one sentence on stderr (or in JSON) and an exit code."""
    given = parser().parse_args(argv)
    try:
        answer = VERBS[given.verb].run(Router(given.root), given)
    except OffloadError as refusal:
        sentence = str(refusal)
        code = Exit.USAGE if isinstance(refusal, QueryError) else Exit.FAILED
        answer = Answer("", {"ok": False, "error": sentence}, code, (sentence,))
    if given.json:
        print(json.dumps(answer.data, indent=1))
    elif answer.text:
        print(answer.text)
    for note in () if given.json else answer.notes:
        print(f"offload: {note}", file=sys.stderr)
    return answer.code
