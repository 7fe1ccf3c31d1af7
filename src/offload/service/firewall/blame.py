"""Find the sections and files that nft's errors about a ruleset come from, and whether included files changed."""

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, NamedTuple

from offload.errors import NftError
from offload.model.kernel.nft import Include, Ruleset
from offload.model.text.octets import as_bytes
from offload.nft.text import line_origins, path_text, ruleset_text
from offload.service.doors import RouterFiles
from offload.service.firewall.inputs import Inputs

SENT = "/dev/stdin"  # nft's name for text that it reads from stdin
# Without zones or defaults the rest of the ruleset would mean something else.
REMOVABLE = frozenset({"rule", "redirect", "nat", "forwarding", "ipset"})
Matching = Callable[[str], tuple[str, ...]]  # gives the files that match the pattern of an include statement


class LeftOut(NamedTuple):
    """Parts to leave out of a ruleset: sections, and paths of nft files.

    A section of /etc/config/firewall is here by its id, one that netifd or procd hands over by its name.
    """

    sections: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    def with_(self, other: "LeftOut") -> "LeftOut":
        """The parts in this one or the other, as a new LeftOut."""
        return LeftOut(self.sections | other.sections, self.files | other.files)

    def without(self, other: "LeftOut") -> "LeftOut":
        """The parts in this one and not in the other, as a new LeftOut."""
        return LeftOut(self.sections - other.sections, self.files - other.files)


def removable(inputs: Inputs) -> tuple[str, ...]:
    """The sections that may be left out of a load one by one: those of type rule, redirect, nat, forwarding or ipset.

    First the ids of those in /etc/config/firewall, then the names of those that netifd's protocols and procd's services
    hand over; of these, sections without a name are missing. No id or name comes twice.
    """
    own = [each.id for each in inputs.sections if each.type in REMOVABLE]
    handed_over = [origin.name for kind, origin, _ in inputs.handed_over if kind in REMOVABLE and origin.name]
    return tuple(dict.fromkeys((*own, *handed_over)))


def blamed(error: NftError, ruleset: Ruleset, inputs: Inputs, matching: Matching) -> LeftOut:
    """The sections and included nft files that the errors of one run of nft point to; empty if they point to none.

    Only sections that `removable` gives are found. `error`: nft's answer to the text of `ruleset`, with file and line
    of each error. `inputs`: those that `ruleset` was compiled from. `matching`: gives the files that match the pattern
    of an include statement.
    """
    text = ruleset_text(ruleset)
    lines, origins = [line.strip() for line in text.splitlines()], line_origins(ruleset, text)
    included = files(ruleset, matching)
    sections, bad = set(), set()
    for path, number in error.places:
        if path in included:
            bad.add(path)
        elif path == SENT and 0 < number <= len(lines):
            sections.add(origins[number - 1] or _section(lines[:number], inputs))
            bad |= {each for each in included if lines[number - 1] == f"include {path_text(each)}"}
    return LeftOut(frozenset(sections & set(removable(inputs))), frozenset(bad))


def files(ruleset: Ruleset, matching: Matching) -> set[str]:
    """The paths of the nft files that a ruleset includes, also those that do not exist.

    `matching` gives the files that match the pattern of an include; patterns (`*`) themselves are left out.
    """
    return {path for each in _includes(ruleset) for path in (each.path, *matching(each.path)) if "*" not in path}


def contents_digest(ruleset: Ruleset, reader: RouterFiles) -> str:
    """The SHA-256 (hexadecimal) of the paths and contents of the nft files that a ruleset includes.

    Empty if a change of them could go unnoticed: one cannot be read, has the word `include`, or has a name that nft may
    take for a pattern.
    """
    found = sha256()
    for path in sorted(files(ruleset, reader.matching)):
        text = reader.text(path)
        if text is None or re.search(r"\binclude\b", text) or set(path_text(path)) & set("?[]{}~"):
            return ""
        found.update(as_bytes(f"{path}\0{text}\0"))
    return found.hexdigest()


def _section(lines: Sequence[str], inputs: Inputs) -> str:
    # for lines that are no rule of a section: parts of a set, and rules of a service
    for line in reversed(lines):
        if line.startswith("set ") and line.endswith(" {"):
            name = line.split()[1]
            named = (each.id for each in inputs.sections if each.type == "ipset" and each.options.get("name") == name)
            return next(named, name)
        if line == "}" or line.startswith("chain "):
            break
    names = (origin.name for _, origin, _ in inputs.handed_over)
    return next((name for name in names if name and f'"!fw4: {name}"' in lines[-1]), "")


def without_files(ruleset: Ruleset, files: frozenset[str], matching: Matching) -> Ruleset:
    """A copy of the ruleset without the include statements of these files (paths).

    An include whose pattern matches one of them is replaced by includes of the other files that match it. `matching`:
    gives all files that match a pattern.
    """
    if not files:
        return ruleset

    def good(rules: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(each for rule in rules for each in _good(rule, files, matching))

    table = ruleset.table
    chains = tuple(each._replace(rules=good(each.rules)) for each in table.chains)
    table = table._replace(chains=chains, before=good(table.before), after=good(table.after))
    return Ruleset(table, good(ruleset.before), good(ruleset.after))


def _good(rule: Any, files: frozenset[str], matching: Matching) -> Iterator[Any]:
    if not isinstance(rule, Include):
        yield rule
    elif rule.path in files or any(fnmatchcase(path, rule.path) for path in files):
        yield from (Include(path) for path in matching(rule.path) if path not in files)
    else:
        yield rule


def _includes(ruleset: Ruleset) -> Iterator[Include]:
    chains = (each.rules for each in ruleset.table.chains)
    for rules in (ruleset.before, ruleset.after, ruleset.table.before, ruleset.table.after, *chains):
        yield from (each for each in rules if isinstance(each, Include))
