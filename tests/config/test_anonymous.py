"""A configuration in a bug report has no free text unless requested, and gives the same Plan."""

from hypothesis import given, settings
from hypothesis import strategies as st

from offload.compiler.offload.tables.render import render
from offload.config.anonymous import anonymous, known
from offload.config.choices.offload_tables import PACKAGES
from offload.config.load import FILES
from offload.model.sections.section import Section
from offload.nouns import replace
from offload.service.reconcile import decide
from random_routers import router

FREE = {
    ("firewall", "zone"): {"extra", "extra_src", "extra_dest"},
    ("firewall", "forwarding"): {"name"},
    ("firewall", "rule"): {"name", "_name", "log", "extra"},
    ("firewall", "redirect"): {"name", "_name", "log", "extra"},
    ("offload", "exempt"): {"name"},
}


def test_these_options_are_free_text() -> None:
    assert {
        (package, kind): free
        for package, kinds in PACKAGES.items()
        for kind, table in kinds.items()
        if (free := {name for name, option in table.items() if option.free_text})
    } == FREE


def test_text_becomes_a_number_and_equal_text_the_same() -> None:
    sections = [
        Section("firewall", "rule", "cfg012345", "@rule[0]", {"name": "Bob's phone", "log": "1", "src": "lan"}),
        Section("firewall", "rule", "bob", "bob", {"name": "Bob's phone", "log": "from Bob", "src_ip": ("10.0.0.1",)}),
        Section("firewall", "zone", "section_1", "section_1", {"name": "lan", "extra_src": "-m comment Bob"}),
        Section("offload", "exempt", "cfg055555", "@exempt[0]", {"name": "bob"}),
    ]
    assert anonymous(sections) == [
        Section("firewall", "rule", "cfg012345", "@rule[0]", {"name": "2", "log": "1", "src": "lan"}),
        Section("firewall", "rule", "section_4", "section_4", {"name": "2", "log": "3", "src_ip": ("10.0.0.1",)}),
        Section("firewall", "zone", "section_1", "section_1", {"name": "lan", "extra_src": "5"}),
        Section("offload", "exempt", "cfg055555", "@exempt[0]", {"name": "4"}),
    ]


def test_the_name_of_a_pair_is_replaced_and_those_of_zones_stay() -> None:
    pair = Section("offload", "pair", "bob_to_net", "bob_to_net", {"src": "lan", "dest": "wan", "mode": "software"})
    zone = Section("offload", "zone", "lan", "lan", {"mode": "hardware"})
    assert anonymous([pair, zone]) == [replace(pair, name="section_1", id="section_1"), zone]


def test_a_list_where_one_text_was_expected() -> None:
    given = Section("offload", "exempt", "e", "e", {"name": ("Bob", "1")})
    assert anonymous([given])[0].options == {"name": ("1", "1")}


WORDS = st.sampled_from(["Bob", "Bob's phone", "section_1", "section_2", "1", "yes"])
NAMES = st.sampled_from(["bob", "phone", "section_1", "section_2", "cfg012345"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["rule", "redirect", "zone"]), NAMES, WORDS), unique_by=lambda each: each[1]))
def test_no_two_sections_become_one(found: list[tuple[str, str, str]]) -> None:
    sections = [Section("firewall", kind, name, name, {"name": word}) for kind, name, word in found]
    named = [section.name for section in anonymous(sections)]
    assert len(set(named)) == len(named)


def test_the_plan_is_the_same_without_names() -> None:
    for seed in range(60):
        found = router(seed)
        before = {name: tuple(known(found.packages[name])) for name in FILES}
        after = {name: tuple(anonymous(sections)) for name, sections in before.items()}
        assert render(decide(after, found.snapshot).plan) == render(decide(before, found.snapshot).plan), seed
