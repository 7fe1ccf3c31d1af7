"""The nft door: runs the program nft, one transaction a call, and reads our tables back from the kernel."""

import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from offload.errors import NftError, NftFault
from offload.model.kernel.live import STATION_SETS, STRAY_SET, LiveTable, Strays, TimedElement
from offload.model.network import ForwardChain
from offload.nouns import dataclass, field, replace
from offload.system.nft import listing
from offload.system.nft import tables as kernel
from offload.system.nft.generation import generation
from offload.system.nft.program import Program
from offload.system.nft.tables import Outline, Ruleset

FAMILY = "inet"
FIREWALL = "table inet fw4"  # in a text that also loads the firewall
TIMEOUT = 30.0  # seconds; 5000 rules take nft under one
LONGEST_SENTENCE = 300  # characters of an error message of nft
PLACE = re.compile(r"^(/[^:\n]*):(\d+):[\d-]+: Error:", re.MULTILINE)
# EOPNOTSUPP in the words of glibc and of musl: the driver's own no. Every other refusal of the kernel (a device that
# went away, one that is busy) is of this moment.
NOT_SUPPORTED = re.compile(r"\bnot supported", re.IGNORECASE)
KERNEL_REFUSED = "Could not process rule"
# ENOMEM, ENOBUFS and EMSGSIZE (nft may not enlarge its socket buffer): no fault of any line of the text
NO_ROOM = re.compile(r"Cannot allocate memory|Out of memory|No buffer space|Message too (long|large)")


class Nft:
    """The `nft` program, and the kernel's list of tables. Every failure is an NftError whose sentence can be shown."""

    def __init__(
        self,
        program: str = "nft",
        timeout: float = TIMEOUT,
        tables: Callable[[], frozenset[str]] = kernel.inet_tables,
        outline: Callable[[str], Outline] = kernel.outline,
        generation: Callable[[], int] = generation,
        forward_chains: Callable[[], tuple[ForwardChain, ...]] = kernel.forward_chains,
        missed: Callable[[str], int] = kernel.missed,
        handles: Callable[[str], frozenset[tuple[str, int]]] = kernel.handles,
    ) -> None:
        self._program = Program(program, timeout)
        self.tables, self._outline, self._generation = tables, outline, generation
        self.forward_chains, self._missed = forward_chains, missed
        self.handles = handles
        self._read: tuple[int, Ruleset] | None = None
        self._rules: kernel.Rules = {}
        self.hurry = self._program.hurry
        self.transactions = 0  # how many of ours the kernel took

    def apply(self, text: str) -> None:
        """Send `text` as one transaction: the kernel takes all of it, or changes nothing and nft raises NftError."""
        before = self._generation()
        self._run("-f", "-", text=text)
        after = self._generation()
        if after == before:
            raise NftError("nft reports success, but the kernel's ruleset has not changed: is `nft` the real program?")
        self.transactions += 1
        if self._read and self._read[0] == before and after == before + 1 and FIREWALL not in text:
            self._read = after, self._read[1]  # rules of others are what they were

    def check(self, text: str) -> None:
        """Have nft and the kernel check `text` (`nft -c`); nothing is changed. NftError where they refuse it."""
        self._run("-c", "-f", "-", text=text)

    def listing(self, table: str) -> str:
        """A table of family inet as nft lists it, without counters."""
        return self._run("-s", "list", "table", FAMILY, table)

    def version(self) -> str:
        """The version of nft, `1.0.6`; empty where it prints something else."""
        words = self._run("--version").split()
        return words[1].lstrip("v") if len(words) > 1 and words[0] == "nftables" else ""

    def lists(self) -> None:
        """Check that nft can list in JSON; NftError if it cannot."""
        self._objects("tables")

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        """Read the tables with these names from the kernel; those that do not exist are not in the result.

        `known`: the tables as they were read before. A set whose digest has not changed since then is not listed again,
        because listing a large set takes longer than any transaction. Dynamic sets, which packets fill, are never
        listed.
        """
        existing = self.tables()
        trusted = known or {}
        return {name: self._live(name, trusted.get(name)) for name in names if name in existing}

    def missed(self, names: Iterable[str]) -> dict[str, int]:
        """Count, by table, the accepted replies that found the sets `replied4` and `replied6` full; without zeros."""
        existing = self.tables()
        counted = {name: self._missed(name) for name in names if name in existing}
        return {name: count for name, count in counted.items() if count}

    def ruleset(self) -> Ruleset:
        """All chains and rules, whoever made them; read again only when others have changed the ruleset."""
        now = self._generation()
        if self._read is None or self._read[0] != now or not now:
            read, self._rules = kernel.ruleset(self._rules)
            self._read = now, read
        return self._read[1]

    def strays(self, name: str) -> Strays:
        """Packets counted by a table's set of strays, by (iif, oif); empty if there is no such table."""
        if name not in self.tables():
            return {}
        try:
            return listing.strays(self._objects("set", FAMILY, name, STRAY_SET))
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            return {}

    def _live(self, name: str, known: LiveTable | None) -> LiveTable:
        found = self._outline(name)
        table, same = found.table, known.digests if known else {}
        elements: dict[str, frozenset[str]] = {}
        timed: tuple[TimedElement, ...] = ()
        for each, kind in found.sets.items():
            if each in STATION_SETS:  # the service keeps them up to date without listing them
                elements[each] = frozenset()
                continue
            if known and each in same and same[each] == table.digests.get(each):
                elements[each] = known.elements[each]
                continue
            try:
                listed, ending = listing.elements(self._objects(kind, FAMILY, name, each))
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
                # Another program added an element of a form that we never write, so the table is replaced as a whole.
                return LiveTable(name)
            elements |= listed
            timed += ending
        return replace(table, elements=elements, timed=timed)

    def _objects(self, *what: str) -> list[dict[str, Any]]:
        output = self._run("-n", "-j", "list", *what)  # numbers, also for marks that /etc/iproute2/rt_marks names
        try:
            return list(json.loads(output)["nftables"])
        except (ValueError, KeyError, RecursionError, TypeError) as error:
            raise NftError(
                f"nft -j list {' '.join(what)} did not answer in JSON: install nftables-json", NftFault.NO_JSON
            ) from error

    def _run(self, *arguments: str, text: str = "") -> str:
        status, output, errors = self._program.run(arguments, text)
        if status:
            raise complaint(errors)
        return output


def complaint(stderr: str) -> NftError:
    """What nft printed on stderr, as an error with its kind and its places."""
    places = tuple((path, int(line)) for path, line in PLACE.findall(stderr))
    return NftError(sentence(stderr), fault_of(stderr), places)


def fault_of(stderr: str) -> NftFault:
    """The kind of nft's complaint."""
    if "Operation not permitted" in stderr:
        return NftFault.NOT_PERMITTED
    if NOT_SUPPORTED.search(stderr):
        return NftFault.NOT_SUPPORTED
    if NO_ROOM.search(stderr):
        return NftFault.FAILED
    if KERNEL_REFUSED in stderr:
        return NftFault.KERNEL_REFUSED
    return NftFault.REFUSED if "Error:" in stderr else NftFault.FAILED


def sentence(stderr: str) -> str:
    """The first `Error:` of nft's messages in one line, without the position in a text that the user has not seen."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    first = next((line for line in lines if "Error:" in line), lines[0] if lines else "nft failed without a word")
    if "Operation not permitted" in stderr:
        return "nft may not touch the ruleset: run as root"
    shown = first.partition("Error:")[2].strip() or first
    if shown == os.strerror(errno.ENOENT):  # of `list`: the table went away since the kernel named it
        return "nft does not find a table that was there a moment ago: another program removed it"
    return "".join(char if char.isprintable() else "?" for char in shown[:LONGEST_SENTENCE])


@dataclass(slots=True)
class FakeNft:
    """An nft without a kernel: `sent` gathers the texts, `held` are the tables that it lists, `refusal` its error."""

    held: dict[str, LiveTable] = field(default_factory=dict)
    others: frozenset[str] = frozenset({"fw4"})
    refusal: str = ""
    nft: str = "1.0.6"
    sent: list[str] = field(default_factory=list)
    straying: Strays = field(default_factory=dict)
    chains: tuple[ForwardChain, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)
    trusting: int = 0
    rules: dict[str, frozenset[tuple[str, int]]] = field(default_factory=dict)
    foreign: Ruleset = ((), ())

    @property
    def transactions(self) -> int:
        """How many transactions were taken."""
        return len(self.sent)

    def ruleset(self) -> Ruleset:
        """The chains and rules set in `foreign`."""
        return self.foreign

    def forward_chains(self) -> tuple[ForwardChain, ...]:
        """The chains set in `chains`."""
        return self.chains

    def apply(self, text: str) -> None:
        """Take the text, or refuse it with the sentence set in `refusal`."""
        self.check(text)
        self.sent.append(text)

    def check(self, text: str) -> None:
        """Raise NftError with the sentence in `refusal`, if there is one."""
        if self.refusal and text:
            raise complaint(f"Error: {self.refusal}")

    def version(self) -> str:
        """The version set in `nft`."""
        return self.nft

    def lists(self) -> None:
        """JSON is always available."""

    def hurry(self, seconds: float) -> None:
        """Nothing to shorten: no program runs."""

    def handles(self, table: str) -> frozenset[tuple[str, int]]:
        """The rules set in `rules`."""
        return self.rules.get(table, frozenset())

    def tables(self) -> frozenset[str]:
        """The names of the tables in `held` and of those of other programs."""
        return self.others | frozenset(self.held)

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        """The tables in `held`; `trusting` counts the calls that passed `known`."""
        self.trusting += known is not None
        return {name: self.held[name] for name in names if name in self.held}

    def missed(self, names: Iterable[str]) -> dict[str, int]:
        """The counts in `missing`."""
        return {name: self.missing[name] for name in names if name in self.missing}

    def strays(self, name: str) -> Strays:
        """The counts in `straying`."""
        return self.straying if name in self.held else {}
