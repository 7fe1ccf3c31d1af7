"""The transactions that bring the kernel from its present tables to those of the Plan; none if it has them. Pure.

Adding devices, elements and chains, and removing exempts, does not touch live flows (docs/kernel.md 8); such a change
keeps the table. A change that must bring live flows back to the slow path returns the table: it is made anew, its flows
take a few slow packets, and those that the Plan wants are offloaded again (docs/kernel.md 9).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from offload.compiler.offload.tables.crossings import Crossing, Passing, element_texts, own, passings
from offload.compiler.offload.tables.guard import guard
from offload.compiler.offload.tables.lost import NOTHING_LOST, Lost, lost
from offload.compiler.offload.tables.render import render_table, wipe
from offload.compiler.offload.tables.table import compiled, expected
from offload.model.kernel.live import STATION_SETS, LiveTable
from offload.model.plan import CROSSINGS, TABLES, Plan, Table
from offload.nft.diff import change
from offload.nouns import dataclass

Busy = Callable[[Lost], bool]  # whether the kernel may have an offloaded flow of this traffic


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of nft, and what it does to our tables.

    After sending a text with `lost` the caller has to check whether the kernel has such flows.
    """

    text: str  # for `nft -f -`
    returned: tuple[str, ...] = ()  # tables that it deletes, or deletes and creates again: their flows become slow
    made: tuple[str, ...] = ()  # the table that it creates, also if there was none: its flows meet rules as they are
    table: str = ""  # the table that it changes as the Plan wants while its flows stay; empty for any other text
    lost: Lost = NOTHING_LOST  # traffic that `table` no longer offloads, whose flows may still be in its flowtable


def assume_offloaded(_: Lost) -> bool:
    """Always True: the `busy` of `transactions` for a caller that does not know which flows the kernel offloads."""
    return True


def transactions(
    plan: Plan, live: Mapping[str, LiveTable], forced: Iterable[str] = (), busy: Busy = assume_offloaded
) -> list[Transaction]:
    """The transactions, in order, from the kernel's tables (`live`, by name) to the Plan's; empty: none is needed.

    Tables that the kernel lacks are created, those that the Plan lacks are deleted. A table of both is created again,
    which puts all its flows on the slow path, if its name is in `forced`, if `must_return`, or if traffic that it no
    longer offloads (`lost`) may have offloaded flows (`busy`); else it is changed, if it differs, and its flows stay.
    Each table has its own transactions, software first. The hardware table is deleted in a transaction of its own,
    because nft refuses to replace it (docs/kernel.md 10). While it is created, the software table lacks its elements
    `shared`, which both tables have (docs/kernel.md 35).
    """
    tables = {table.name: table for table in plan.tables}
    software, hardware = (tables.get(name) for name, _, _ in TABLES)
    made = {name for name in tables if name in forced or _is_made(tables[name], live.get(name), plan, busy)}
    if software and hardware and software.shared and hardware.name in made:
        return [
            *_withheld(software, live.get(software.name), plan, made),
            *_transactions({hardware.name: hardware}, live, plan, made, only=hardware.name),
            Transaction(_filled(software, passings(software.elements))),
        ]
    return _transactions(tables, live, plan, made)


# Whether the table must be created, or again to end the offload of its flows. False also if it differs by less, which
# `_small` changes.
def _is_made(table: Table, held: LiveTable | None, plan: Plan, busy: Busy) -> bool:
    if held is None:
        return True
    if held == expected(table):
        return False
    return must_return(table, held, plan) or (bool(gone := lost(table, held, plan)) and busy(gone))


# after these the software table is as planned, without the elements that the hardware table has too
def _withheld(table: Table, held: LiveTable | None, plan: Plan, made: Collection[str]) -> Iterator[Transaction]:
    if held is None or table.name in made:
        yield _creation(table, held, withheld=True)
        return
    if held != expected(table):
        yield _small(table, held, plan)
    yield Transaction(_filled(table, own(table)))


def _creation(table: Table, held: LiveTable | None, *, withheld: bool = False) -> Transaction:
    names = (table.name,)
    return Transaction(wipe(table.name) + render_table(table, withheld=withheld), names if held else (), names)


# `held`: the table in the kernel, whose live flows stay
def _small(table: Table, held: LiveTable, plan: Plan) -> Transaction:
    text = change(compiled(table), expected(table), held)
    return Transaction(text, table=table.name, lost=lost(table, held, plan))


# the map gets these elements and no others
def _filled(table: Table, found: Mapping[Crossing, Passing]) -> str:
    added = f"add element inet {table.name} {CROSSINGS} {{ {', '.join(element_texts(found))} }}\n" if found else ""
    return f"flush map inet {table.name} {CROSSINGS}\n{added}"


# `made`: names of the tables to create, also if they exist. `only`: for the table of this name alone; empty: for all,
# and those that `tables` lacks are deleted.
def _transactions(
    tables: Mapping[str, Table], live: Mapping[str, LiveTable], plan: Plan, made: Collection[str], only: str = ""
) -> list[Transaction]:
    found: list[Transaction] = []
    for name in (only,) if only else tuple(name for name, _, _ in TABLES):
        table, held = tables.get(name), live.get(name)
        if table is None:
            found += [Transaction(wipe(name), (name,))] if held else []
        elif held is None or name in made:
            if table.hardware:
                found += [Transaction(wipe(name), (name,))] if held else []
                found.append(Transaction(render_table(table), made=(name,)))
            else:
                found.append(_creation(table, held))
        elif held != expected(table):
            found.append(_small(table, held, plan))
    return found


def must_return(table: Table, held: LiveTable, plan: Plan) -> bool:
    """Whether the table must be created again, whatever flows it has; that puts all of them back on the slow path.

    `table`: as the Plan wants it; `held`: as the kernel has it. The result is True if the rules of the guard differ (as
    after an update), if chain `forward` has rules of others, if the kernel lacks that chain, the map `crossings` or a
    wanted set of hosts, or if a device leaves the flowtable, and pairs of zones that stay may use it or nft cannot
    delete it. Elements that leave the map, and new exempts, do not count here: `lost` finds them.
    """
    wanted = expected(table)
    # an older version of ours, or another program, wrote the deciding rules
    guards = (chain.name for chain in guard())
    foreign = (
        any(held.rules.get(name) != wanted.rules.get(name) for name in guards)
        or "" in held.rules.get("forward", ("",))
        or CROSSINGS not in held.elements
    )
    # flows that both tables may have, and new sets, take effect only after a return
    chosen = wanted.elements.keys() & STATION_SETS
    return foreign or _in_use(held.devices - wanted.devices, table, plan) or bool(chosen - held.elements.keys())


# In software only devices of the table's zones, and those that the Plan does not have, may have flows of pairs that
# stay; in hardware all may. From a table that is `behind` nft cannot delete a device.
def _in_use(gone: Collection[str], table: Table, plan: Plan) -> bool:
    zones = {zone for element in table.elements for zone in element.pair}
    free = {device.name for device in plan.devices if zones.isdisjoint(device.zones)}
    return bool(gone) and (table.hardware or table.behind or not free.issuperset(gone))
