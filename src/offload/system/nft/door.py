"""The nft door: text in, one transaction, nft's own sentence when it refuses; and what the kernel holds of ours."""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from offload.errors import NftError
from offload.model.live import STRAY_SET, LiveTable, Strays, TimedElement
from offload.system.nft import listing
from offload.system.nft import tables as kernel
from offload.system.nft.tables import Outline

FAMILY = "inet"
TIMEOUT = 30.0  # seconds; 5000 rules take nft under one


class Nft:
    """The `nft` program, and the kernel's list of tables. Every failure is an NftError whose sentence can be shown."""

    def __init__(
        self,
        program: str = "nft",
        timeout: float = TIMEOUT,
        tables: Callable[[], frozenset[str]] = kernel.inet_tables,
        outline: Callable[[str], Outline] = kernel.outline,
    ) -> None:
        self._program, self._timeout, self._outline = program, timeout, outline
        self.tables = tables

    def apply(self, text: str) -> None:
        """Send `text` as one transaction: all of it holds afterwards, or nothing changed."""
        self._run("-f", "-", text=text)

    def check(self, text: str) -> None:
        """Ask kernel and nft whether they would take `text`, and change nothing."""
        self._run("-c", "-f", "-", text=text)

    def version(self) -> str:
        """The version of nft, `1.0.6`; empty where it prints something else."""
        words = self._run("--version").split()
        return words[1].lstrip("v") if len(words) > 1 and words[0] == "nftables" else ""

    def lists(self) -> None:
        """Try whether nft lists in JSON; an NftError says why not."""
        self._objects("tables")

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        """Those of our tables that exist, as the kernel holds them now.

        Of the sets whose digest is that of the same table in `known` the elements are taken from there: to list a large
        set takes longer than any change. Without `known` every set is listed, but those that packets fill.
        """
        existing = self.tables()
        trusted = known or {}
        return {name: self._live(name, trusted.get(name)) for name in names if name in existing}

    def strays(self, name: str) -> Strays:
        """What the set of strays of a table has counted; nothing where there is no such table."""
        if name not in self.tables():
            return {}
        try:
            return listing.strays(self._objects("set", FAMILY, name, STRAY_SET))
        except (AttributeError, LookupError, TypeError, ValueError):
            return {}

    def _live(self, name: str, known: LiveTable | None) -> LiveTable:
        found = self._outline(name)
        table, same = found.table, known.digests if known else {}
        elements: dict[str, frozenset[str]] = {}
        timed: tuple[TimedElement, ...] = ()
        for each, kind in found.sets.items():
            if known and each in same and same[each] == table.digests.get(each):
                elements[each] = known.elements[each]
                continue
            try:
                listed, ending = listing.elements(self._objects(kind, FAMILY, name, each))
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                # somebody put into it what we never write: then it is not the table we made, and is made anew
                return LiveTable(name)
            elements |= listed
            timed += ending
        return replace(table, elements=elements, timed=timed)

    def _objects(self, *what: str) -> list[dict[str, Any]]:
        output = self._run("-n", "-j", "list", *what)  # numbers, also for marks that /etc/iproute2/rt_marks names
        try:
            return list(json.loads(output)["nftables"])
        except (ValueError, KeyError, TypeError) as error:
            raise NftError(f"nft -j list {' '.join(what)} did not answer in JSON: install nftables-json") from error

    def _run(self, *arguments: str, text: str | None = None) -> str:
        # uloop reaps children it does not know (openwrt.md 5): a blocking run keeps its exit status
        try:
            done = subprocess.run(  # noqa: S603 - the program is ours to choose, the arguments are fixed words
                [self._program, *arguments],
                input=text,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise NftError("the program nft is missing: install nftables-json") from error
        except OSError as error:
            raise NftError(f"the program nft cannot be run: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise NftError(f"nft did not answer within {self._timeout:g} seconds") from error
        if done.returncode:
            raise NftError(sentence(done.stderr))
        return done.stdout


def sentence(stderr: str) -> str:
    """What nft complained of, in one line: its first `Error:`, without the position in a text the user never saw."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    first = next((line for line in lines if "Error:" in line), lines[0] if lines else "nft failed without a word")
    if "Operation not permitted" in stderr:
        return "nft may not touch the ruleset: run as root"
    return first.partition("Error:")[2].strip() or first


@dataclass(slots=True)
class FakeNft:
    """A kernel that takes everything, unless told to refuse; `sent` is what it was given, `held` what it would list."""

    held: dict[str, LiveTable] = field(default_factory=dict)
    others: frozenset[str] = frozenset({"fw4"})
    refusal: str = ""
    nft: str = "1.0.6"
    sent: list[str] = field(default_factory=list)
    straying: Strays = field(default_factory=dict)
    trusting: int = 0

    def apply(self, text: str) -> None:
        """Take the text, or refuse it with the sentence set in `refusal`."""
        self.check(text)
        self.sent.append(text)

    def check(self, text: str) -> None:
        """Refuse if told so."""
        if self.refusal and text:
            raise NftError(self.refusal)

    def version(self) -> str:
        """The version set in `nft`."""
        return self.nft

    def lists(self) -> None:
        """It does."""

    def tables(self) -> frozenset[str]:
        """The tables held, and others'."""
        return self.others | frozenset(self.held)

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        """What is held, by name; `trusting` says how often not everything had to be listed."""
        self.trusting += known is not None
        return {name: self.held[name] for name in names if name in self.held}

    def strays(self, name: str) -> Strays:
        """What the test put into `straying`."""
        return self.straying if name in self.held else {}
