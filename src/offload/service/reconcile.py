"""One pass: config and Snapshot in, a Plan out, and the kernel brought there with as few transactions as it takes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from offload.compiler.diff import Transaction, transactions
from offload.compiler.plan import plan
from offload.compiler.topology import resolve
from offload.config.load import FILES, Packages, load
from offload.errors import NftError
from offload.model.applied import Applied
from offload.model.config import Config, Section
from offload.model.live import LiveTable
from offload.model.network import Snapshot
from offload.model.plan import TABLES, Plan
from offload.model.problem import Problem

TABLE_NAMES = tuple(name for name, _, _ in TABLES)


class Uci(Protocol):
    """What is asked of uci."""

    def read(self, package: str) -> tuple[Section, ...] | Problem: ...


class Nft(Protocol):
    """What is asked of nft."""

    def apply(self, text: str) -> None: ...
    def live(self, names: Iterable[str]) -> dict[str, LiveTable]: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """Everything a pass knows before it touches the kernel."""

    config: Config
    snapshot: Snapshot
    plan: Plan
    problems: tuple[Problem, ...]


def read(uci: Uci) -> Packages:
    """The three packages, each as sections or as the Problem that kept it from being read."""
    return {name: uci.read(name) for name in FILES}


def decide(packages: Packages, snapshot: Snapshot) -> Decided:
    """Config and Snapshot -> Plan. Pure."""
    config, problems = load(packages)
    topology = resolve(config, snapshot)
    return Decided(config, snapshot, plan(config, topology, snapshot), (*problems, *topology.problems))


def pending(decided: Decided, nft: Nft) -> list[Transaction]:
    """The transactions that would bring the kernel to the Plan; none where it is there."""
    if not decided.snapshot.kernel.nft:
        return []
    return transactions(decided.plan, nft.live(TABLE_NAMES))


def unreadable(decided: Decided) -> str:
    """Why nothing may be changed on the strength of this config; empty where it is readable."""
    return "" if decided.config.readable else str(decided.problems[0])


def apply(
    decided: Decided, nft: Nft, before: Applied | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Applied:
    """Send what is pending. What nft refuses changes nothing and is told in `error`; nothing to do sends nothing."""
    before = before or Applied()
    if error := unreadable(decided):
        return Applied(before.generation, before.time, 0, error)
    sent = 0
    try:
        for transaction in pending(decided, nft):
            nft.apply(transaction.text)
            sent += 1
    except NftError as refusal:
        return Applied(before.generation, before.time, sent, str(refusal))
    if not sent:
        return Applied(before.generation, before.time)
    return Applied(before.generation + 1, now().isoformat(timespec="seconds"), sent)
