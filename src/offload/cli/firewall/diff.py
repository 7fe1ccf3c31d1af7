"""`offload firewall diff`: what a reload would change in the kernel.

The new ruleset is loaded as a table with `flags dormant`, whose rules see no packet, then nft lists it, then it is
deleted. This text is compared with nft's list of the firewall's present table.
"""

import sys
from collections.abc import Iterator

from offload.cli.firewall.compiled import compiled
from offload.cli.firewall.given import DONE, PROBLEMS, Given
from offload.errors import NftError
from offload.model.kernel.nft import Include, Ruleset
from offload.model.text.shown import shown
from offload.nft.compare import differences
from offload.nft.text import ruleset_text
from offload.service.firewall.blame import files, without_files
from offload.system.firewall_files import FirewallFiles
from offload.system.nft.door import Nft

TABLE, ASLEEP = "fw4", "fw4_next"


def show_diff(given: Given) -> int:
    """Print which lines a reload would remove and add in chains, sets and other objects; give the exit code.

    3: something would change; 0: nothing. Flowtables and rules that use them are not compared, nor are included files
    that nft refuses; without -q a line on stderr names such a file. OffloadError if what the firewall is compiled from
    cannot be read, or nft fails otherwise.
    """
    nft = Nft()
    ruleset, broken = _taken(nft, compiled(None)[0])
    for path in () if given.quiet else sorted(broken):
        sys.stderr.write(f"[!] File {shown(path)} is left out: nft refuses it\n")
    wanted = _listed(nft, sleeping(ruleset))
    there = nft.listing(TABLE) if TABLE in nft.tables() else ""
    lines = list(_lines_of(there, wanted))
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "Nothing would change.\n")
    return PROBLEMS if lines else DONE


def _taken(nft: Nft, ruleset: Ruleset) -> tuple[Ruleset, frozenset[str]]:
    # without the nft files that nft refuses, which a load would leave out too; and their paths
    matching, broken = FirewallFiles().matching, frozenset[str]()
    while True:
        found = without_files(ruleset, broken, matching)
        try:
            nft.check(ruleset_text(found))
        except NftError as error:
            more = {path for path, _ in error.places} & files(found, matching) - broken
            if not more:
                raise
            broken |= more
        else:
            return found, broken


def sleeping(ruleset: Ruleset) -> str:
    """The nft text of the ruleset's table, but dormant, with the name ASLEEP (fw4_next), and without flowtables.

    It also lacks rules that use flowtables, and files that the ruleset includes outside of the table.
    """
    table = ruleset.table
    chains = tuple(
        each._replace(
            rules=tuple(rule for rule in each.rules if isinstance(rule, Include) or "flow " not in rule.verdict)
        )
        for each in table.chains
    )
    text = ruleset_text(Ruleset(table._replace(name=ASLEEP, chains=chains, flowtables=())))
    head = f"table inet {ASLEEP} {{\n"
    return head + "\tflags dormant;\n" + text.partition(head)[2]


def _listed(nft: Nft, text: str) -> str:
    nft.apply(text)
    try:
        return nft.listing(ASLEEP)
    finally:
        nft.apply(f"delete table inet {ASLEEP}\n")


def _lines_of(there: str, wanted: str) -> Iterator[str]:
    for block, gone, new in differences(there, wanted):
        yield block
        yield from (f"  - {line}" for line in gone)
        yield from (f"  + {line}" for line in new)
