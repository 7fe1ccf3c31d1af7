"""Plan -> nft text. Pure.

Every name and value in it was validated on its way in: device names by DEVICE_NAME, everything else is a number, an
address or one of our own words.
"""

from offload.compiler.offload.tables.table import compiled, without_shared
from offload.model.plan import TABLES, Plan, Table
from offload.nft.text import table_text

NOTHING = "# Nothing is offloaded: no pair of zones has mode software or hardware, or none can have it now.\n"


def render(plan: Plan) -> str:
    """The whole ruleset as `offload print` shows it: replaces our tables, whatever they held, and nothing else."""
    wiped = "".join(wipe(name) for name, _, _ in TABLES)
    return wiped + ("\n".join(map(render_table, plan.tables)) or NOTHING)


def render_table(table: Table, *, withheld: bool = False) -> str:
    """One table's declaration. Same Table, same bytes. `withheld`: without the elements that both tables share."""
    return table_text(without_shared(table) if withheld else compiled(table))


def wipe(name: str) -> str:
    """Remove a table whether it exists or not: `delete` alone fails where it does not."""
    return f"table inet {name}\ndelete table inet {name}\n"
