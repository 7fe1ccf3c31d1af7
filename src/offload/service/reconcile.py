"""One pass: config and Snapshot in, a Plan out, and the kernel brought there with as few transactions as it takes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from offload.compiler.devices import resolve
from offload.compiler.offload.exempts.timed_exempts import held_timed_exempts
from offload.compiler.offload.pairs.requests import warnings
from offload.compiler.offload.plan import plan
from offload.compiler.offload.tables.diff import Busy, Transaction, transactions, unasked
from offload.compiler.offload.tables.render import wipe
from offload.compiler.offload.tables.table import expected, with_nft
from offload.config.load import FILES, Packages, load, placed
from offload.errors import KernelError, NftError
from offload.model.applied import Applied
from offload.model.config import Config
from offload.model.network import Snapshot
from offload.model.plan import TABLES, Crossings, Plan, TimedExempt
from offload.model.problems.finding import Finding
from offload.model.problems.problem import Problem, ProblemCode
from offload.nouns import dataclass, replace
from offload.service.doors import Conntrack, Netlink, Nft, UciReader

TABLE_NAMES = tuple(name for name, _, _ in TABLES)


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything a pass knows before it touches the kernel."""

    config: Config
    snapshot: Snapshot
    plan: Plan
    problems: tuple[Problem, ...]


def read(uci: UciReader) -> Packages:
    """The three packages, each as sections or as the Problem that kept it from being read."""
    return {name: uci.read(name) for name in FILES}


def findings(decided: Decided, uci: UciReader) -> tuple[Finding, ...]:
    """Features of this router that conflict with offload; reads the files of programs that shape."""
    from offload.compiler.findings import findings as found_on  # costs the other verbs time
    from offload.compiler.findings.shapers import PACKAGES

    packages = {name: found for name in PACKAGES if isinstance(found := uci.read(name), tuple)}
    return found_on(decided.config, decided.snapshot, decided.plan, packages)


def decide(
    packages: Packages, snapshot: Snapshot, timed_exempts: Iterable[TimedExempt] = (), before: Plan | None = None
) -> Decided:
    """Config, Snapshot and exempts given at run time -> Plan. Pure.

    Tables and stations that are the same as in the Plan `before` are not worked out again.
    """
    config, problems = load(packages)
    topology = resolve(config, snapshot)
    then = before or Plan()
    planned = with_nft(plan(config, topology, snapshot, timed_exempts, then.learned), then)
    surprising = warnings(config, topology, snapshot)
    return Decided(config, snapshot, planned, (*problems, *placed(packages, (*topology.problems, *surprising))))


def adopted(nft: Nft) -> tuple[TimedExempt, ...]:
    """The exempts given at run time that the kernel still holds; an NftError where the kernel cannot be read.

    It does not return an empty tuple then: the next pass would delete their sets.
    """
    return held_timed_exempts(nft.live(TABLE_NAMES).values())


def pending(
    decided: Decided, nft: Nft, forced: Iterable[str] = (), *, trusting: bool = False, busy: Busy = unasked
) -> list[Transaction]:
    """The transactions that would bring the kernel to the Plan; none where it is there.

    `trusting`: nothing but ours changed our tables since all of them was listed, so sets whose digest is the wanted one
    are not listed again. `busy` answers whether a pair that goes has offloaded flows.

    If the probe found that the kernel has no flowtables, nothing is sent: a table of ours there would prove it wrong.
    """
    if not decided.snapshot.kernel.nft or not decided.snapshot.kernel.flowtable:
        return []
    known = {table.name: expected(table) for table in decided.plan.tables} if trusting else None
    return transactions(decided.plan, nft.live(TABLE_NAMES, known), forced, busy)


def asking(decided: Decided, conntrack: Conntrack, netlink: Netlink) -> Busy:
    """What answers whether crossings have offloaded flows, from the connections and routes of the moment it is asked.

    Where the kernel does not list its connections the answer is yes.
    """

    def busy(crossings: Crossings) -> bool:
        from offload.service.read_snapshot import with_routes  # costs passes without a pair that goes time
        from offload.status.lookup.crossings import offloaded_by
        from offload.status.shares import ShareCount

        try:
            placed = with_routes(decided.snapshot, netlink)
            return offloaded_by(conntrack.offloaded(lambda: ShareCount(placed, decided.plan)).ways, crossings)
        except KernelError:
            return True

    return busy


def removal(nft: Nft) -> str:
    """The text that deletes our tables, and nothing else; empty where there is none."""
    existing = nft.tables()
    return "".join(wipe(name) for name in TABLE_NAMES if name in existing)


def unreadable(decided: Decided) -> str:
    """Why this configuration must not change the kernel; empty if it is readable."""
    # the files' own problems come first; one that is merely missing hinders nothing
    found = (problem for problem in decided.problems if problem.fault is not ProblemCode.FILE_MISSING)
    return "" if decided.config.readable else str(next(found))


def apply(
    decided: Decided,
    nft: Nft,
    before: Applied | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    forced: Iterable[str] = (),
    *,
    trusting: bool = False,
    opening: str = "",
    busy: Busy = unasked,
) -> Applied:
    """Send what differs, and return the tables named in `forced` besides.

    `busy` answers whether a pair that goes has offloaded flows. It is asked again afterwards: a flow that was offloaded
    between the question and the transaction must not stay.

    `opening` is text for other tables, which goes with the first transaction, or alone where nothing is pending.
    A text that nft refuses changes nothing and is in `error`; without a difference nothing is sent.
    """
    before = before or Applied()
    if error := unreadable(decided):
        return Applied(before.generation, before.time, 0, error)

    def found() -> Iterator[Transaction]:
        first = pending(decided, nft, forced, trusting=trusting, busy=busy)
        yield from opened(first, opening)
        if late := [each.table for each in first if each.lost and busy(each.lost)]:
            yield from _returning(decided, late)

    return _sent(found, nft, before, now)


def opened(found: list[Transaction], opening: str) -> list[Transaction]:
    """The transactions with a text that comes first, in the same transaction as theirs."""
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
    """Return these tables as they were decided, and ask nothing first: for when that cannot wait for a whole pass."""
    return _sent(lambda: _returning(decided, tables), nft, before, now)


def _returning(decided: Decided, tables: Iterable[str]) -> list[Transaction]:
    """Return these tables of a kernel that holds the Plan."""
    return transactions(decided.plan, {table.name: expected(table) for table in decided.plan.tables}, tables)


def _sent(
    transactions_of: Callable[[], Iterable[Transaction]], nft: Nft, before: Applied, now: Callable[[], datetime]
) -> Applied:
    sent = 0
    returned: tuple[str, ...] = ()
    try:
        for transaction in transactions_of():
            nft.apply(transaction.text)
            sent += 1
            returned += transaction.returned
    except NftError as refusal:
        return Applied(before.generation, before.time, sent, str(refusal), returned)
    if not sent:
        return Applied(before.generation, before.time)
    return Applied(before.generation + 1, now().isoformat(timespec="seconds"), sent, returned=returned)


def removed(nft: Nft) -> str:
    """Remove our tables; empty, or what stays and why."""
    try:
        if text := removal(nft):
            nft.apply(text)
    except NftError as refusal:
        return f"{_remaining(nft)} stays, with what it offloads: {refusal}"
    return ""


def _remaining(nft: Nft) -> str:
    """Which of our tables there are still, for a sentence."""
    try:
        names = sorted(set(TABLE_NAMES) & nft.tables())
    except NftError:
        names = sorted(TABLE_NAMES)
    return "table " + " and ".join(f"inet {name}" for name in names)
