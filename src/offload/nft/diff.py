"""Compare a table in the kernel with the wanted one, and write the nft text for the difference."""

from collections.abc import Mapping

from offload.model.kernel.live import LiveTable, marks
from offload.model.kernel.nft import Chain, Map, Rule, Table
from offload.nft.fingerprint import fixed
from offload.nft.text import fill


def outline(table: Table) -> LiveTable:
    """The table as the kernel will list it once it is loaded, as far as `change` compares tables.

    `devices`: those of its flowtable. `elements`: those of its maps and sets; sets that packets fill (flag dynamic) are
    not keys, and sets that the service fills element by element (`followed`) are empty. `rules`, `digests`: the hashes
    in the comments of its rules, which `fingerprint.marked` must have written.
    """
    comments = {chain.name: _comments(chain) for chain in table.chains}
    return LiveTable(
        name=table.name,
        devices=frozenset(device for flowtable in table.flowtables for device in flowtable.devices),
        elements={each.name: frozenset(each.elements) for each in fixed((*table.sets, *table.maps))}
        | {each.name: frozenset() for each in table.sets if each.followed},
        rules={name: tuple(mark for mark, _, _ in found) for name, found in comments.items()},
        digests={
            name: digest for found in comments.values() for _, asked, _ in found for name, digest in asked.items()
        },
    )


def change(table: Table, wanted: LiveTable, held: LiveTable) -> str:
    """The text for `nft -f -` that changes `held`, the table in the kernel, to `wanted`; empty: nothing differs.

    `table`: the wanted table, with one flowtable; `wanted`: its `outline`. The text adds and deletes devices, chains,
    sets and elements, writes anew the chains and maps that differ, and adds the flowtable's `counter`. It cannot create
    base chains, maps, or sets that packets or the service fill (flag dynamic, `followed`), so `held` must have these.
    """
    maps = {each.name for each in table.maps}
    stay = sorted((set(wanted.elements) & set(held.elements)) - maps)
    return fill(
        "change",
        table=table,
        flowtable=table.flowtables[0],
        devices=sorted(wanted.devices - held.devices),
        gone_devices=sorted(held.devices - wanted.devices),
        uncounted=not held.counter,
        new_chains=[chain for chain in table.chains if chain.name not in held.rules],
        changed_chains=[chain for chain in table.chains if chain.name in held.rules and not _same(chain, held)],
        gone_chains=sorted(set(held.rules) - set(wanted.rules)),
        new_sets=[each for each in fixed(table.sets) if each.name not in held.elements],
        # flushed and filled again: nft cannot name the key of a device that is gone
        changed_maps=[each for each in table.maps if each.name in held.elements and _differs(each, wanted, held)],
        new_elements=_new_elements(table, wanted, held),
        gone_elements=_moves({name: held.elements[name] - wanted.elements[name] for name in stay}),
        gone_sets=sorted(set(held.elements) - set(wanted.elements)),
    )


# The digest covers the indexes of devices too, which change when a device is created again.
def _differs(map_: Map, wanted: LiveTable, held: LiveTable) -> bool:
    name = map_.name
    return (wanted.elements.get(name), wanted.digests.get(name)) != (held.elements.get(name), held.digests.get(name))


# Elements with a timeout are sent with their remaining time (`written`).
def _new_elements(table: Table, wanted: LiveTable, held: LiveTable) -> list[tuple[str, list[str]]]:
    timed = ((each.name, zip(each.elements, each.written, strict=True)) for each in table.sets if each.written)
    written = {(name, text): sent for name, elements in timed for text, sent in elements}
    sets = sorted(set(wanted.elements) - {each.name for each in table.maps})
    new = _moves({name: wanted.elements[name] - held.elements.get(name, set()) for name in sets})
    return [(name, [written.get((name, text), text) for text in texts]) for name, texts in new]


def _moves(elements: Mapping[str, frozenset[str]]) -> list[tuple[str, list[str]]]:
    return [(name, sorted(moved)) for name, moved in elements.items() if moved]


# Rules are compared by the fingerprints in their comments, elements by the digests there.
def _same(chain: Chain, held: LiveTable) -> bool:
    comments = _comments(chain)
    asked = {name: digest for _, digests, _ in comments for name, digest in digests.items()}
    return held.rules[chain.name] == tuple(mark for mark, _, _ in comments) and asked.items() <= held.digests.items()


def _comments(chain: Chain) -> list[tuple[str, dict[str, str], bool]]:
    return [marks(rule.comment) for rule in chain.rules if isinstance(rule, Rule)]
