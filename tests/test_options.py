"""Every option of /etc/config/offload stands in a golden router and on the LuCI page.

That each is in docs/reference.md too is tested in tests/test_docs.py.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from offload.config.choices.offload_tables import PACKAGES
from offload.model.problems.problem import Problem
from offload.service import reconcile
from offload.system.config.uci import Uci
from offload.system.directory.router_directory import RouterDirectory

TESTS = Path(__file__).parent
SCRIPTS = TESTS.parent / "luci-app-offload/htdocs/luci-static/resources/offload"
# The scripts that show the sections of a type.
SHOWN_BY = {
    "globals": ("advanced.js",),
    "zone": ("zones.js", "choice.js"),
    "pair": ("pairs.js",),
    "exempt": ("exempts.js", "match.js"),
}
OPTIONS = [(kind, option) for kind, table in PACKAGES["offload"].items() for option in table]
BY_HAND = {("zone", "enabled"), ("pair", "enabled")}  # for whoever edits the file; the page removes the section instead
WRITTEN_BY_OFFLOAD = {("globals", "taken"), ("globals", "version")}  # a user never sets them, so the page has no field


@cache
def options_of_golden_routers() -> frozenset[tuple[str, str]]:
    """The section type and the name of each option in the golden routers' /etc/config/offload."""
    found = set[tuple[str, str]]()
    for router in (TESTS / "golden").iterdir():
        sections = reconcile.read(Uci(RouterDirectory(router).confdir))["offload"]
        if not isinstance(sections, Problem):  # it cannot be read: that is what such a router is for
            found |= {(section.type, option) for section in sections for option in section.options}
    return frozenset(found)


@pytest.mark.parametrize(("kind", "option"), OPTIONS)
def test_every_option_stands_in_a_golden_router(kind: str, option: str) -> None:
    assert (kind, option) in options_of_golden_routers()


@pytest.mark.parametrize(("kind", "option"), OPTIONS)
def test_every_option_is_on_the_page(kind: str, option: str) -> None:
    shown = any(re.search(rf"'{option}'|\b{option}:", (SCRIPTS / script).read_text()) for script in SHOWN_BY[kind])
    assert shown is ((kind, option) not in WRITTEN_BY_OFFLOAD | BY_HAND)
