"""Write the nft text that loads a ruleset: as a change of the loaded one, anew, or only the elements of its sets.

Pure, except that templates are read.
"""

from collections.abc import Iterable, Sequence

from offload.model.kernel.nft import Flowtable, Helper, NamedLimit, Ruleset, Set, Table
from offload.nft.text import fill, ruleset_text

Named = Set | Flowtable | Helper | NamedLimit


def change(before: Ruleset | None, after: Ruleset) -> str:
    """The text for `nft -f -` that turns the table in the kernel from `before` into `after`; empty: they are equal.

    `before`: the ruleset that was loaded last; None: it is not known. If only rules, hooks and policies of chains
    differ, the text flushes and writes these chains. Otherwise it flushes all rules of the table, deletes the objects
    that `after` lacks, and sets, limits, helpers and flowtables with other properties, and declares all of `after`; for
    None it deletes no object. A set that stays keeps its elements, also those that `after` lacks. nft refuses the text
    if a base chain gets another hook or priority.
    """
    if before == after:
        return ""
    if before is None:
        return ruleset_text(after)
    if _same_frame(before, after):
        changed = [now for then, now in zip(before.table.chains, after.table.chains, strict=True) if then != now]
        return fill("chains", table=after.table, chains=changed)
    gone = list(_gone(before.table, after.table))
    opening = f"table inet {after.table.name}\nflush table inet {after.table.name}\n" if gone else ""
    return opening + "".join(gone) + ruleset_text(after)


def replacement(ruleset: Ruleset) -> str:
    """The text for `nft -f -` that deletes the table, if it exists, and loads the whole ruleset.

    Rules and elements that others added to the table are lost.
    """
    name = ruleset.table.name
    return f"table inet {name}\ndelete table inet {name}\n{ruleset_text(ruleset)}"


def contents(ruleset: Ruleset) -> str:
    """The text for `nft -f -` that empties the ruleset's sets in the kernel, and adds the ruleset's elements to them.

    The table and these sets must exist. Elements that others added are lost. Rules stay as they are.
    """
    return fill("contents", table=ruleset.table)


def _same_frame(before: Ruleset, after: Ruleset) -> bool:
    names = [[each.name for each in ruleset.table.chains] for ruleset in (before, after)]
    return names[0] == names[1] and _without_chains(before) == _without_chains(after)


def _without_chains(ruleset: Ruleset) -> Ruleset:
    return ruleset._replace(table=ruleset.table._replace(chains=()))


# Chains, sets, limits, helpers and flowtables that `after` lacks. Except for chains also those that it has with other
# properties, because nft cannot change these.
def _gone(before: Table, after: Table) -> Iterable[str]:
    wanted = {each.name for each in after.chains}
    yield from (f"delete chain inet {after.name} {each.name}\n" for each in before.chains if each.name not in wanted)
    kinds: tuple[tuple[str, Sequence[Named], Sequence[Named]], ...] = (
        ("set", _declared(before), _declared(after)),
        ("limit", before.limits, after.limits),
        ("ct helper", before.helpers, after.helpers),
        ("flowtable", before.flowtables, after.flowtables),
    )
    for kind, then, now in kinds:
        yield from (f"delete {kind} inet {after.name} {each.name}\n" for each in then if each not in now)


# Others may have added elements.
def _declared(table: Table) -> list[Set]:
    return [each._replace(elements=()) for each in table.sets]
