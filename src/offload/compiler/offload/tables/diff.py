"""The transactions that bring the kernel from its present tables to those of the Plan; none if it has them. Pure.

Adding devices, elements and chains, and removing exempts, does not touch live flows (docs/kernel.md 8), so a small
change does only that. A change that must bring live flows back to the slow path (a pair is removed, its family gets
narrower, a new exempt, a device is removed) returns the table: it is made anew in one transaction, its flows take a few
slow packets, and those that the Plan wants are offloaded again at once (docs/kernel.md 9). If the kernel has no
offloaded flow of a pair, removing or narrowing it returns nothing, nor does an exempt that no offloaded flow matches.
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
    """One text for `nft -f -`. `returned`: names of the tables that it deletes, or deletes and creates again.

    The flows of such a table go back to the slow path for some packets. `table`: the one that is brought to the
    Plan while its flows stay; empty for other texts, also for those that only take shared elements out of a map or put
    them back. `lost`: traffic that `table` no longer offloads. After sending the text the caller has to check whether
    the kernel has offloaded flows of it.
    """

    text: str
    returned: tuple[str, ...] = ()
    table: str = ""
    lost: Lost = NOTHING_LOST


def assume_offloaded(_: Lost) -> bool:
    """Always True: the `busy` of `transactions` for a caller that does not know which flows the kernel offloads."""
    return True


def transactions(
    plan: Plan, live: Mapping[str, LiveTable], forced: Iterable[str] = (), busy: Busy = assume_offloaded
) -> list[Transaction]:
    """The transactions, in order, from the kernel's tables (`live`, by name) to the Plan's; empty: none is needed.

    A table that the kernel lacks is created. One that it has is created again, which puts all its flows back on the
    slow path, if it is in `forced`, if `must_return`, or if the kernel may have offloaded flows of traffic that is to
    be slow now (`busy`); else it is changed, and its flows stay. Tables that the Plan lacks are deleted. Each table
    that differs has its own transactions, software first, so that a refusal of the hardware table does not affect
    software. The hardware table is deleted in a transaction of its own, because nft refuses to replace it
    (docs/kernel.md 10). Until it is back, the software table must not take its flows: elements of both tables leave the
    software table first, and return when the hardware table exists (docs/kernel.md 35).
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
        yield Transaction(wipe(table.name) + render_table(table, withheld=True), (table.name,) if held else ())
        return
    if held != expected(table):
        yield _small(table, held, plan)
    yield Transaction(_filled(table, own(table)))


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
            returned = (name,) if held else ()
            if table.hardware:
                found += [Transaction(wipe(name), returned)] if held else []
                found.append(Transaction(render_table(table)))
            else:
                found.append(Transaction(wipe(name) + render_table(table), returned))
        elif held != expected(table):
            found.append(_small(table, held, plan))
    return found


def must_return(table: Table, held: LiveTable, plan: Plan) -> bool:
    """Whether the table must be created again whatever flows exist; that puts all of them back on the slow path.

    That is so if the rules of chain `forward` or of the guard differ (as after an update), if the map `crossings` is
    missing, if a set of hosts is new, or if the flowtable loses a device which remaining pairs of zones may use, or
    which nft cannot delete. `held`: the table in the kernel. Elements that leave the map, and new exempts, are not
    considered here, but in `lost`.
    """
    wanted = expected(table)
    # an older version of ours, or another program, wrote the deciding rules
    decisive = {"forward", *(chain.name for chain in guard())}
    foreign = any(held.rules.get(name) != wanted.rules.get(name) for name in decisive) or CROSSINGS not in held.elements
    # flows that both tables may have, and new sets, take effect only after a return
    chosen = wanted.elements.keys() & STATION_SETS
    return foreign or _in_use(held.devices - wanted.devices, table, plan) or bool(chosen - held.elements.keys())


# In software only devices of the table's zones, and those that the Plan does not have, may have flows of pairs that
# stay; in hardware all may. From a table that is `behind` nft cannot delete a device.
def _in_use(gone: Collection[str], table: Table, plan: Plan) -> bool:
    zones = {zone for element in table.elements for zone in element.pair}
    free = {device.name for device in plan.devices if zones.isdisjoint(device.zones)}
    return bool(gone) and (table.hardware or table.behind or not free.issuperset(gone))
