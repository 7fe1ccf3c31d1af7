"""Compile a table of the Plan into nftables objects. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from offload.compiler.offload.exempts.exempt_sets import ExemptSet, exempt_rules
from offload.compiler.offload.tables.chains import chains, covered, ingress_priority
from offload.compiler.offload.tables.crossings import Crossing, Passing, element_texts, own, passings
from offload.compiler.offload.tables.guard import GUARD, REMEMBERED_SECONDS, REPLIED
from offload.model.kernel import nft
from offload.model.kernel.live import STATION_SETS, STRAY_SET, LiveTable
from offload.model.network import MAX_NEIGHBOURS
from offload.model.plan import CROSSINGS, Plan, Table
from offload.nft.diff import outline
from offload.nft.fingerprint import digests, marked
from offload.nouns import replace

MOST_STRAYS = 1024  # pairs of devices


def compiled(table: Table) -> nft.Table:
    """The table of the Plan as nftables objects: those of its field `nft`, if they were compiled from an equal table.

    Otherwise, also if only its sets of hosts differ, it is compiled now; the field stays as it is.
    """
    if table.nft and _is_same(table, table.nft[0]):
        return table.nft[1]
    return _compiled(table)


def without_shared(table: Table) -> nft.Table:
    """The table as nftables objects, but its map is made without `table.shared` (the elements that both tables have).

    So a key that also comes from an element that is not shared may have another verdict than in the whole map. All else
    is that of the whole table, also the hashes in the comments of its rules.
    """
    return compiled(table)._replace(maps=(_pairs(own(table)),))


def expected(table: Table) -> LiveTable:
    """The table as the kernel will list it once it is loaded, as far as the two are compared (`nft.diff.outline`)."""
    return outline(compiled(table))


def with_nft(plan: Plan, before: Plan) -> Plan:
    """The Plan with each table compiled to nftables objects (field `nft`).

    `before`: an earlier Plan; what was compiled there for an equal table, also with equal sets of hosts, is used again.
    """
    then = {table.name: table.nft for table in before.tables}
    return replace(plan, tables=tuple(_with_nft(table, then.get(table.name)) for table in plan.tables))


def _with_nft(table: Table, before: tuple[Table, nft.Table] | None) -> Table:
    known = before is not None and _is_same(table, before[0])
    return replace(table, nft=before if known else (replace(table, nft=None), _compiled(table)))


# `==` of tables ignores the elements of station sets, which are compiled too
def _is_same(table: Table, before: Table) -> bool:
    return before == table and before.stations == table.stations


def _compiled(table: Table) -> nft.Table:
    exempts = exempt_rules(table.exempts)
    pairs = _pairs(passings(table.elements), table.indexes)
    sets = (*_dynamic(table), *map(_set, exempts.sets))
    of_sets = digests((*sets, pairs))
    made = (marked(chain, of_sets, covered(table) if chain.name == GUARD else "") for chain in chains(table, exempts))
    flowtable = nft.Flowtable(table.flowtable, table.devices, table.hardware, ingress_priority(table))
    return nft.Table(table.name, tuple(made), (flowtable,), sets=sets, maps=(pairs,))


def _pairs(found: Mapping[Crossing, Passing], indexes: Iterable[tuple[str, int]] = ()) -> nft.Map:
    return nft.Map(
        CROSSINGS,
        ("iface_index", "iface_index"),
        element_texts(found),
        " ".join(f"{name} {index}" for name, index in indexes),
    )


# the sets that packets fill, and those whose elements the service changes one by one as hosts move
def _dynamic(table: Table) -> Iterator[nft.Set]:
    if table.hardware:
        yield nft.Set(STRAY_SET, ("ifname", "ifname"), flags=("dynamic",), size=MOST_STRAYS)
    for name, elements in table.stations.items():
        yield nft.Set(name, (STATION_SETS[name],), elements, size=MAX_NEIGHBOURS, followed=True)
    for each in REPLIED:
        yield nft.Set(
            each.name,
            (),
            flags=("dynamic", "timeout"),
            size=table.remembered,
            timeout=REMEMBERED_SECONDS,
            typeof=each.key,
        )


def _set(each: ExemptSet) -> nft.Set:
    return nft.Set(each.name, (each.type,), each.elements, each.flags, written=each.written)
