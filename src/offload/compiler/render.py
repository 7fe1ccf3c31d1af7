"""Plan -> nft text. The only file that knows Jinja2; the templates loop, they do not think. Pure.

Every name and value that reaches a template was validated on its way in: device names by DEVICE_NAME, everything else
is a number, an address or one of our own words.
"""

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from offload.compiler.exempts import exempt_rules
from offload.model.live import FINGERPRINT
from offload.model.plan import TABLES, Plan, Table

if TYPE_CHECKING:
    from jinja2 import Template


NOTHING = "# Nothing is offloaded: no pair of zones has mode software or hardware, or none can have it now.\n"


def render(plan: Plan) -> str:
    """The whole ruleset as `offload print` shows it: replaces our tables, whatever they held, and nothing else."""
    blocks = {table.name: render_table(table) for table in plan.tables}
    wiped = "".join(wipe(name) for name, _, _ in TABLES)
    return wiped + ("\n".join(blocks.values()) or NOTHING)


def render_table(table: Table) -> str:
    """One table's declaration, its fingerprint in the last rule's comment. Same Table, same bytes."""
    template, exempts = _template("table.nft.j2"), exempt_rules(table.exempts)

    def text(fingerprint: str) -> str:
        return template.render(table=table, exempts=exempts, comment=FINGERPRINT + fingerprint)

    return text(hashlib.sha256(text("").encode()).hexdigest()[:16])


def fingerprint_of(text: str) -> str:
    """The fingerprint a rendered table carries."""
    return text.rpartition(FINGERPRINT)[2].partition('"')[0]


def wipe(name: str) -> str:
    """Remove a table whether it exists or not: `delete` alone fails where it does not."""
    return f"table inet {name}\ndelete table inet {name}\n"


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("offload.compiler"),
        autoescape=False,  # noqa: S701 - nft text, not HTML
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = lambda names: ", ".join(f'"{name}"' for name in names)
    return environment.get_template(name)
