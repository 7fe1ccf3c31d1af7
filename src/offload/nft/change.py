"""Write one transaction that turns a loaded ruleset into another. Pure; it does not decide what may change.

Elements that others added to sets stay, unless the set itself changes. Rules of others stay only if nothing but chains'
hooks and rules changes, and then in the chains that do not.
"""

from collections.abc import Iterable, Sequence

from offload.model.kernel.nft import Flowtable, Helper, NamedLimit, Ruleset, Set, Table
from offload.nft.text import fill, ruleset_text

Named = Set | Flowtable | Helper | NamedLimit


def change(before: Ruleset | None, after: Ruleset) -> str:
    """The text for `nft -f -` that turns `before`, in the kernel, into `after`; empty: they are equal.

    `before`: the ruleset that was loaded last into the same table; None: not known. If only hooks and rules of chains
    differ, just these chains are flushed and written again. Otherwise, and for None, all rules of the table are flushed
    and the whole table is declared again. Before that, chains of `before` that `after` lacks are deleted, and sets,
    limits, helpers and flowtables that it lacks or has with other properties; for None nothing is. Elements of a set
    are added and never deleted, except with such a set. The kernel refuses another hook or priority of a chain.
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
    """The text for `nft -f -` that deletes the table, also where it does not exist, and loads the whole ruleset.

    What others added to the table is lost.
    """
    name = ruleset.table.name
    return f"table inet {name}\ndelete table inet {name}\n{ruleset_text(ruleset)}"


def contents(ruleset: Ruleset) -> str:
    """The text for `nft -f -` that empties the sets of the ruleset's table and adds the ruleset's own elements to them.

    The table and these sets must exist. Elements that others added are lost. Rules, include statements, and sets that
    the ruleset does not have are not touched.
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
