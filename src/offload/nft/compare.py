"""Compare two listings of a table, as `nft --stateless list table` prints them, object by object. Pure."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

ELEMENT = "element "
ELEMENTS = re.compile(r"^\t\telements = \{ (.*?) \}$", re.MULTILINE | re.DOTALL)
AGE = re.compile(r" (?:timeout|expires) .*")
SLEEPING = "flags dormant"
FLOWS = ("flow add @", "flow offload @")  # flowtables are not compared, since devices come and go; nor these statements


def differences(there: str, wanted: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (heading, lines to be removed, lines to be added) for each chain, set or other object that differs.

    `there`: the listing of the table in the kernel; `wanted`: that of the table that would replace it. The heading is
    `chain input`, or `chain input (new)` if `there` lacks it. Lines are not indented; an element of a set is a line
    `element 192.0.2.1`. What only `there` has is ignored if it is an element, an object that is no chain, or a chain
    without hook and rules: other programs may have added it. Also ignored: flowtables and rules that fill them; flags
    and comment of the table; timeouts of elements and what follows them, such as a comment.
    """
    before, after = _objects(there), _objects(wanted)
    for name in dict.fromkeys((*after, *before)):
        gone, new = _changed(before.get(name, []), after.get(name, []))
        gone = [line for line in gone if not line.startswith(ELEMENT)]
        kept = name not in after and not name.startswith("chain ")
        if (gone or new or name not in before) and not kept:
            yield (name if name in before else f"{name} (new)"), gone, new


# heading (`chain input`) -> lines, without flowtables and rules that fill them
def _objects(listing: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for raw in ELEMENTS.sub(_one_a_line, listing).splitlines()[1:]:
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


# sorted, without timeout and remaining time
def _one_a_line(found: re.Match[str]) -> str:
    words = sorted(AGE.sub("", each) for each in re.split(r",\s+", found[1]))
    return "\n".join(f"\t\t{ELEMENT}{each}" for each in words)
