"""What to send so that the kernel holds the Plan, given what it holds now. Pure; nothing to do is an empty list."""

from collections.abc import Mapping

from offload.compiler.exempts import exempt_rules
from offload.compiler.render import fingerprint_of, render_table, wipe
from offload.model.live import LiveTable
from offload.model.plan import TABLES, Plan, Table

FORWARD_RULES = 4  # state, direction, exempt, vmap: as in the template


def transactions(plan: Plan, live: Mapping[str, LiveTable]) -> list[str]:
    """Texts for `nft -f -`, each one transaction, in order.

    A table that differs is replaced: its flows take a few slow packets and are offloaded again (kernel.md 6). The
    hardware table is removed in a transaction of its own first, for the kernel refuses to replace it in one
    (kernel.md 27).
    """
    wanted = {table.name: table for table in plan.tables}
    first, second = "", ""
    for name, _, _ in TABLES:
        table, held = wanted.get(name), live.get(name)
        if table is None:
            second += wipe(name) if held else ""
            continue
        text = render_table(table)
        if held == expected(table, text):
            continue
        if table.hardware and held:
            first += wipe(name)
            second += text
        else:
            second += wipe(name) + text
    return [text for text in (first, second) if text]


def expected(table: Table, text: str) -> LiveTable:
    """What `nft -j` should list of a table rendered as `text`."""
    exempts = exempt_rules(table.exempts)
    sizes = {
        "pairs": len(table.elements),
        "exempt": len(exempts.rules),
        "forward": FORWARD_RULES,
        **{each.name: len(each.elements) for each in exempts.sets},
        **{key.chain: 1 + (key.family != "any") + (key.after_packets > 0) for key in table.policies},
    }
    return LiveTable(table.name, fingerprint_of(text), frozenset(table.devices), sizes)
