"""The steps of a pass: from configuration and router to the wanted nft tables, and the transactions to them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from offload.compiler.devices import resolve
from offload.compiler.offload.exempts.timed_exempts import held_timed_exempts
from offload.compiler.offload.pairs.warnings import warnings
from offload.compiler.offload.plan import plan
from offload.compiler.offload.tables.diff import Busy, Transaction, assume_offloaded, transactions
from offload.compiler.offload.tables.lost import Lost
from offload.compiler.offload.tables.render import wipe
from offload.compiler.offload.tables.table import expected, with_nft
from offload.config.load import FILES, Packages, load, placed
from offload.errors import FileError, KernelError, NftError
from offload.model.applied import Applied
from offload.model.config import Config
from offload.model.network import Snapshot
from offload.model.plan import TABLES, Plan, TimedExempt
from offload.model.problems.finding import Finding
from offload.model.problems.problem import Problem, ProblemCode
from offload.nouns import dataclass, replace
from offload.service.doors import Conntrack, Netlink, Nft, UciReader
from offload.status.problem_json import problem_json

TABLE_NAMES = tuple(name for name, _, _ in TABLES)
MOST_ASKED = 32  # new exempts: each is compared with each offloaded flow, and above this a return costs less


@dataclass(frozen=True, slots=True)
class Decided:
    """What a pass has read of the router (`config`, `snapshot`), and the decision that follows from it.

    `plan`: the wanted nft tables, and what each zone, pair and device gets; after nft refused some tables, those in
    effect. `problems`: faults of the configuration files, and choices whose effect on this router one may not expect.
    """

    config: Config
    snapshot: Snapshot
    plan: Plan
    problems: tuple[Problem, ...]


def read(uci: UciReader) -> Packages:
    """Read the configuration files: by name (FILES) the sections, or the Problem why the file cannot be read."""
    return {name: uci.read(name) for name in FILES}


def findings(decided: Decided, uci: UciReader, *, served: bool = True) -> tuple[Finding, ...]:
    """What on this router conflicts with offload, for `check`. Nothing is changed.

    `uci` reads the configuration files of traffic shapers; those that cannot be read are skipped. `served`: the service
    runs. Empty: nothing conflicts; also if offload is off, fw4 offloads by itself, or the kernel has no flowtables.
    """
    from offload.compiler.findings import findings as found_on  # costs the other verbs time
    from offload.compiler.findings.shapers import PACKAGES

    packages = {name: found for name in PACKAGES if isinstance(found := uci.read(name), tuple)}
    return found_on(decided.config, decided.snapshot, decided.plan, packages, served=served)


def decide(
    packages: Packages, snapshot: Snapshot, timed_exempts: Iterable[TimedExempt] = (), before: Plan | None = None
) -> Decided:
    """Decide the wanted nft tables for these files, the router as read, and the exempts given at run time. Pure.

    Problems of the result include the faults of the files. `before`: the Plan of the last pass, whose unchanged parts
    are used again to save time; None: there was none.
    """
    config, problems = load(packages)
    topology = resolve(config, snapshot)
    then = before or Plan()
    planned = with_nft(plan(config, topology, snapshot, timed_exempts, then.learned), then)
    surprising = warnings(config, topology, snapshot)
    return Decided(config, snapshot, planned, (*problems, *placed(packages, (*topology.problems, *surprising))))


def adopted(nft: Nft) -> tuple[TimedExempt, ...]:
    """The exempts given at run time (traffic kept slow for a time) that are in the sets of our tables in the kernel.

    NftError if our tables cannot be read.
    """
    return held_timed_exempts(nft.live(TABLE_NAMES).values())


def pending(
    decided: Decided, nft: Nft, forced: Iterable[str] = (), *, trusting: bool = False, busy: Busy = assume_offloaded
) -> list[Transaction]:
    """The transactions that bring our tables in the kernel to the decision; empty: none is needed or possible.

    `forced`: tables to create again even if nothing differs. `trusting`: only we changed our tables since they were
    listed, so sets with the wanted digest are not listed again. `busy`: function that tells whether traffic that is to
    become slow has offloaded flows; if so, its table is created again. NftError if our tables cannot be listed.
    """
    if not decided.snapshot.kernel.nft or not decided.snapshot.kernel.flowtable:
        return []
    known = {table.name: expected(table) for table in decided.plan.tables} if trusting else None
    return transactions(decided.plan, nft.live(TABLE_NAMES, known), forced, busy)


def asking(decided: Decided, conntrack: Conntrack, netlink: Netlink) -> Busy:
    """A function that asks the kernel whether any of the traffic that is to become slow has offloaded flows now.

    It takes a Lost (that traffic). It gives True also for more than MOST_ASKED (32) exempts, or if the kernel does not
    list its routes or connections. With policy routing any connection counts as being at any device.
    """

    def busy(lost: Lost) -> bool:
        from offload.service.read_snapshot import with_routes  # only passes that make traffic slow need it
        from offload.status.lookup.crossings import exempted_by, offloaded_by
        from offload.status.shares import ShareCount

        if len(lost.exempts) > MOST_ASKED:
            return True
        try:
            placed, anywhere = with_routes(decided.snapshot, netlink), bool(decided.snapshot.policy_routed)
            if lost.crossings:
                count = conntrack.offloaded(lambda: ShareCount(placed, decided.plan))
                if offloaded_by(count.ways, lost.crossings, anywhere=anywhere):
                    return True
            if not lost.exempts:
                return False
            return conntrack.has_offloaded(exempted_by(lost.exempts, placed, decided.plan, anywhere=anywhere))
        except KernelError:
            return True

    return busy


def removal(nft: Nft) -> str:
    """The nft text that deletes those of our tables that exist; empty: none does. NftError if they cannot be listed."""
    existing = nft.tables()
    return "".join(wipe(name) for name in TABLE_NAMES if name in existing)


def unreadable(decided: Decided) -> str:
    """The sentence why a configuration file cannot be read; empty: each is read or missing."""
    # a file with problems is named first; a missing one does no harm
    found = (problem for problem in decided.problems if problem.fault is not ProblemCode.FILE_MISSING)
    return "" if decided.config.readable else str(next(found))


def reply(decided: Decided, **found: Any) -> dict[str, Any]:
    """A reply about what a pass would do: `{"ok": True, **found, "problems": [...], "missing": [...]}`.

    `missing`: sentences, the features that kernel or nft lack. FileError if a configuration file cannot be read.
    """
    if error := unreadable(decided):
        raise FileError(error)
    lacks = [str(lack) for lack in decided.snapshot.kernel.missing]
    return {"ok": True, **found, "problems": [problem_json(each) for each in decided.problems], "missing": lacks}


def apply(
    decided: Decided,
    nft: Nft,
    before: Applied | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    forced: Iterable[str] = (),
    *,
    trusting: bool = False,
    opening: str = "",
    busy: Busy = assume_offloaded,
) -> Applied:
    """Bring our nft tables to the decision, by one or more transactions for each that differs; gives the outcome.

    `before`: the outcome of the last pass, or of a later return of tables (`again`); None: this is the first. `forced`,
    `trusting`, `busy`: as in `pending`. `opening`: nft text for other tables, sent at the beginning of the first
    transaction, or alone if there is none. If a configuration file or our tables cannot be read, nothing is sent; if
    nft refuses a transaction, earlier ones stay. In these cases nothing is raised, and `error` has the sentence.
    """
    before = before or Applied()
    if error := unreadable(decided):
        return before.then(0, "", error)

    def found() -> Iterator[Transaction]:
        first = pending(decided, nft, forced, trusting=trusting, busy=lambda lost: bool(lost.crossings) and busy(lost))
        yield from opened(first, opening)
        if late := [each.table for each in first if each.lost and busy(each.lost)]:
            yield from _returning(decided, late)

    return _sent(found, nft, before, now, busy)


def opened(found: list[Transaction], opening: str) -> list[Transaction]:
    """The transactions with the text `opening` before that of the first; without any, one that is `opening` alone.

    If `opening` is empty, the transactions as they are.
    """
    if not opening:
        return found
    first = found[0] if found else Transaction("")
    return [replace(first, text=opening + first.text), *found[1:]]


def again(
    decided: Decided,
    nft: Nft,
    before: Applied,
    tables: Iterable[str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Applied:
    """Create these tables again as `decided` has them, which puts their flows back on the slow path for a moment.

    The kernel's tables are not read. Names of tables that the Plan lacks are ignored. Gives the outcome that follows
    `before`. If nft refuses, nothing is raised: `error` has its sentence, and earlier transactions stay.
    """
    return _sent(lambda: _returning(decided, tables), nft, before, now, assume_offloaded)


def _returning(decided: Decided, tables: Iterable[str]) -> list[Transaction]:
    # as if the kernel had exactly these tables: nothing is listed
    return transactions(decided.plan, {table.name: expected(table) for table in decided.plan.tables}, tables)


def _sent(
    found: Callable[[], Iterable[Transaction]], nft: Nft, before: Applied, now: Callable[[], datetime], busy: Busy
) -> Applied:
    done, error = list[Transaction](), ""
    try:
        for transaction in found():
            nft.apply(transaction.text)
            done.append(transaction)
    except NftError as refusal:
        error = str(refusal)
    returned = tuple(name for each in done for name in each.returned)
    made = tuple(name for each in done for name in each.made)
    owed = tuple(each.table for each in done if error and each.lost and each.table not in made and busy(each.lost))
    return replace(before.then(len(done), now().isoformat(timespec="seconds"), error, returned, made), owed=owed)


def removed(nft: Nft) -> str:
    """Delete our tables in one transaction. Gives empty text, or a sentence why that failed and which may remain."""
    try:
        if text := removal(nft):
            nft.apply(text)
    except NftError as refusal:
        return f"{_remaining(nft)}: {refusal}"
    return ""


def _remaining(nft: Nft) -> str:
    try:
        names = sorted(set(TABLE_NAMES) & nft.tables())
    except NftError:
        names = sorted(TABLE_NAMES)
    called = " and ".join(f"inet {name}" for name in names)
    several = f"tables {called} stay, with what they offload"
    return several if len(names) > 1 else f"table {called} stays, with what it offloads"
