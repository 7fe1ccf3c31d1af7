"""Write the tables of the Plan as nft text. Pure.

Names and values are not checked here, but where they are read: device names by DEVICE_NAME.
"""

from offload.compiler.offload.tables.table import compiled, without_shared
from offload.model.plan import TABLES, Plan, Table
from offload.nft.text import table_text

NOTHING = "# Nothing is offloaded: no pair of zones has mode software or hardware, or none can have it now.\n"


def render(plan: Plan) -> str:
    """The nft text that `offload print` shows: it deletes our tables, if there are any, and creates those of the Plan.

    It does not touch other tables. For a Plan without tables a comment stands in their place.
    """
    wiped = "".join(wipe(name) for name, _, _ in TABLES)
    return wiped + ("\n".join(map(render_table, plan.tables)) or NOTHING)


def render_table(table: Table, *, withheld: bool = False) -> str:
    """The nft text that creates one table, with its flowtable, chains, sets and map.

    `withheld`: the map is made without the table's elements `shared`, which both tables have (`without_shared`).
    """
    return table_text(without_shared(table) if withheld else compiled(table))


def wipe(name: str) -> str:
    """The nft text that deletes a table whether it exists or not; `delete table` alone fails if it does not."""
    return f"table inet {name}\ndelete table inet {name}\n"
