"""Plan -> nft text. The only file that knows Jinja2; the templates loop, they do not think. Pure.

Every name and value that reaches a template was validated on its way in: device names by DEVICE_NAME, everything else
is a number, an address or one of our own words.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from offload.compiler.offload.chains import chains, element_text
from offload.compiler.offload.exempt_sets import exempt_rules
from offload.compiler.offload.guard import REMEMBERED_SECONDS, REPLIED
from offload.model.live import STATION_SETS, STRAY_SET
from offload.model.network import MAX_NEIGHBOURS
from offload.model.plan import TABLES, Plan, Table

if TYPE_CHECKING:
    from jinja2 import Template

NOTHING = "# Nothing is offloaded: no pair of zones has mode software or hardware, or none can have it now.\n"


def render(plan: Plan) -> str:
    """The whole ruleset as `offload print` shows it: replaces our tables, whatever they held, and nothing else."""
    wiped = "".join(wipe(name) for name, _, _ in TABLES)
    return wiped + ("\n".join(map(render_table, plan.tables)) or NOTHING)


def render_table(table: Table, *, withheld: bool = False) -> str:
    """One table's declaration. Same Table, same bytes. `withheld`: without the elements that both tables share."""
    exempts = exempt_rules(table.exempts)
    elements = [element_text(each) for each in table.elements if not (withheld and each.policy.stations)]
    return fill(
        "table",
        stray_set=STRAY_SET,
        station_types=STATION_SETS,
        most_stations=MAX_NEIGHBOURS,
        replied_sets=REPLIED,
        seconds=REMEMBERED_SECONDS,
        table=table,
        sets=exempts.sets,
        chains=chains(table, exempts),
        elements=elements,
    )


def wipe(name: str) -> str:
    """Remove a table whether it exists or not: `delete` alone fails where it does not."""
    return f"table inet {name}\ndelete table inet {name}\n"


def fill(name: str, **words: Any) -> str:
    """Fill one of the templates; a word it does not get is an error, not an empty place."""
    return _template(f"{name}.nft.j2").render(**words)


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("offload.compiler.offload"),
        autoescape=False,  # noqa: S701 - nft text, not HTML
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = lambda names: ", ".join(f'"{name}"' for name in names)
    return environment.get_template(name)
