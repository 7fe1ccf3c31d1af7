"""Change nftables by the program nft, and read tables from the kernel.

Offload's own tables are `inet flow_offload` and `inet flow_offload_hw`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from offload.errors import NftError, NftFault
from offload.model.kernel.live import STATION_SETS, STRAY_SET, LiveTable, RuleId, Strays, TimedElement
from offload.model.kernel.live_rule import Ruleset
from offload.model.network import ForwardChain
from offload.nouns import replace
from offload.system.netlink.dump import collector_resting
from offload.system.nft import listing
from offload.system.nft.elements import keys, remembers
from offload.system.nft.nfnetlink import tables as kernel
from offload.system.nft.nfnetlink.generation import generation
from offload.system.nft.nfnetlink.rule_runs import Rules
from offload.system.nft.nfnetlink.tables import Outline
from offload.system.nft.program import PACKAGE, Program

FAMILY = "inet"
FIREWALL = "table inet fw4"  # is in every text that loads the firewall too
TIMEOUT = 30.0  # seconds; 5000 rules take nft under one

UNCHANGED = "nft reports success, but the kernel's ruleset has not changed: is `nft` the real program?"


class Nft:
    """The program nft, and nf_tables over nfnetlink. Methods that fail raise NftError, whose sentence can be shown.

    `program`: name or path. `timeout`: seconds for a run; then nft is killed. The other arguments are functions that
    read the kernel. `transactions`: how many texts `apply` has sent with success. `of_others`: how many transactions
    other programs sent before the last `ruleset` ended, plus a constant. Some attributes are functions of other
    modules: `tables` (`inet_tables`), `forward_chains` and `handles` of nfnetlink/tables.py, `remembers` and `keys` of
    elements.py (these two return None where they fail), and `Program.hurry`.
    """

    def __init__(
        self,
        program: str = "nft",
        timeout: float = TIMEOUT,
        tables: Callable[[], frozenset[str]] = kernel.inet_tables,
        outline: Callable[[str], Outline] = kernel.outline,
        generation: Callable[[], int] = generation,
        forward_chains: Callable[[], tuple[ForwardChain, ...]] = kernel.forward_chains,
        missed: Callable[[str], int] = kernel.missed,
        handles: Callable[[str], frozenset[RuleId]] = kernel.handles,
    ) -> None:
        self._program = Program(program, timeout)
        self.tables, self._outline, self._generation = tables, outline, generation
        self.forward_chains, self._missed = forward_chains, missed
        self.handles = handles
        self.remembers, self.keys = remembers, keys
        self._read: tuple[int, Ruleset] | None = None
        self._rules = Rules()
        self.hurry = self._program.hurry
        self.transactions = self.of_others = 0

    def apply(self, text: str) -> None:
        """Send an nft text as one transaction. NftError if it fails; then nothing is changed, with two exceptions.

        The kernel may have made the change if nft was killed because it ran too long (fault SILENT), or if the
        ruleset's generation number cannot be read afterwards. A number that is as before, as after an empty text, is a
        failure.
        """
        before = self._generation()
        self._run("-f", "-", text=text)
        after = self._generation()
        if after == before:
            raise NftError(UNCHANGED)
        self.transactions += 1
        if self._read and self._read[0] == before and after == before + 1 and FIREWALL not in text:
            self._read = after, self._read[1]  # only we changed something, and no rules of other programs

    def check(self, text: str) -> None:
        """Have nft and the kernel check an nft text (`nft -c`), which changes nothing.

        NftError if one of them refuses it, or if nft is missing, runs too long, or fails otherwise.
        """
        self._run("-c", "-f", "-", text=text)

    def listing(self, table: str) -> str:
        """The text of a table of family inet as nft lists it, without state such as counters (`nft -s list table`).

        NftError if that fails.
        """
        return self._run("-s", "list", "table", FAMILY, table)

    def version(self) -> str:
        """The version of nft, such as `1.0.6`; empty if nft prints another form. NftError if nft fails."""
        words = self._run("--version").split()
        return words[1].lstrip("v") if len(words) > 1 and words[0] == "nftables" else ""

    def lists(self) -> None:
        """Check that nft can list in JSON: it lists the flowtables, and the list is dropped.

        NftError if nft fails; fault NO_JSON if it was built without JSON, or if its output is not such JSON.
        """
        self._objects("flowtables")  # for a list of tables nft 1.0.6 reads the elements of all sets: seconds of bans

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        """Read these tables of offload from the kernel: {name: LiveTable}, without tables that do not exist.

        `known`: tables as they should be. If a set has the same digest there (a hash of its elements, in the comment of
        a rule), its elements are taken from `known` and not listed, and `timed` lacks them. Sets that packets fill are
        missing, and the sets of stations (STATION_SETS) have no elements. A table with an element that cannot be read
        comes without content. NftError if reading fails.
        """
        existing = self.tables()
        trusted = known or {}
        return {name: self._live(name, trusted.get(name)) for name in names if name in existing}

    def missed(self, names: Iterable[str]) -> dict[str, int]:
        """Read for how many accepted replies a table's set `replied4` or `replied6` had no room: {table: packets}.

        Tables without any such packet, and tables that do not exist, are left out.
        """
        existing = self.tables()
        counted = {name: self._missed(name) for name in names if name in existing}
        return {name: count for name, count in counted.items() if count}

    def ruleset(self) -> Ruleset:
        """The (chains, rules) of families inet, ip, ip6, bridge and netdev, as `nfnetlink.tables.ruleset` reads them.

        They are not read again while there was no transaction but those of `apply`, with texts that do not load the
        firewall; so rules of offload's own tables may be out of date. NftError if the kernel does not list them.
        """
        now = self._generation()
        if self._read is None or self._read[0] != now or not now:
            with collector_resting():
                read, self._rules = kernel.ruleset(self._rules)
            self._read = now, read
            now = self._generation()  # another program may have sent one while the rules were listed
        self.of_others = now - self.transactions
        return self._read[1]

    def strays(self, name: str) -> Strays:
        """Read how many packets met nft rules though their flow is marked as in hardware: {(iif, oif): packets}.

        The keys are names of devices. The set STRAY_SET of the table `name`, a hardware table, has counted the packets
        since the table was made. Empty if it counted none, if its elements have another form, or if there is no such
        table; but NftError if the table is there without the set.
        """
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
                f"nft -j list {' '.join(what)} did not answer in JSON", NftFault.NO_JSON, package=PACKAGE
            ) from error

    def _run(self, *arguments: str, text: str = "") -> str:
        status, output, errors = self._program.run(arguments, text)
        if status:
            from offload.system.nft.complaints import complaint

            raise complaint(errors)
        return output
