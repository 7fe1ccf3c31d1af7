"""Two listings of a table, as `nft --stateless --terse list table` prints them -> what differs, by object. Pure."""

from collections.abc import Iterator
from difflib import SequenceMatcher

SLEEPING = "flags dormant"
FLOWS = ("flow add @", "flow offload @")  # a flowtable follows its devices, and is no part of the rules


def differences(there: str, wanted: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """The object (`chain input`), the lines that would go, and those that would come.

    An object that is not wanted stays in the kernel, without its lines; elements of sets are not compared.
    """
    before, after = _objects(there), _objects(wanted)
    for name in dict.fromkeys((*after, *before)):
        gone, new = _changed(before.get(name, []), after.get(name, []))
        kept = name not in after and not name.startswith("chain ")
        if (gone or new or name not in before) and not kept:
            yield (name if name in before else f"{name} (new)"), gone, new


def _objects(listing: str) -> dict[str, list[str]]:
    """The lines of each object; what stands between the braces of a set's elements is left out."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for raw in listing.splitlines()[1:]:
        line = raw.strip()
        if raw.startswith("\t") and not raw.startswith("\t\t") and line.endswith("{"):
            lines = found.setdefault(line.removesuffix(" {"), [])
        elif raw.startswith("\t\t") and not any(word in line for word in FLOWS):
            lines.append(line)
    return {name: lines for name, lines in found.items() if not name.startswith("flowtable ")}


def _changed(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    gone: list[str] = []
    new: list[str] = []
    for kind, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            gone += before[first:last]
            new += after[start:end]
    return gone, new
