"""The text that changes one ruleset into another: it has only what differs."""

from offload.model.kernel.nft import Chain, Hook, NamedLimit, Rule, Ruleset, Set, Table
from offload.model.sections.match import Limit
from offload.nft.change import change, contents, replacement
from offload.nft.text import line_origins, ruleset_text

INPUT = Chain(
    "input", (Rule("accept", comment="first", origin="@rule[0]"), Rule("drop")), Hook("filter", "input", "filter")
)
LAN = Chain("input_lan", (Rule("accept", comment="lan", origin="@rule[1]"),))
HOSTS = Set("hosts", ("ipv4_addr",), ("10.0.0.1",))
LIMIT = NamedLimit("lan.log", Limit(5, "minute"), "lan")
BEFORE = Ruleset(Table("fw4", (INPUT, LAN), sets=(HOSTS,), limits=(LIMIT,)))


def table(**changes: object) -> Ruleset:
    return Ruleset(BEFORE.table._replace(**changes))  # type: ignore[arg-type]  # fields of a Table


def test_the_same_is_nothing() -> None:
    assert change(BEFORE, BEFORE) == ""


def test_what_the_kernel_holds_is_not_known() -> None:
    assert change(None, BEFORE) == ruleset_text(BEFORE)


def test_a_rule_that_changes_concerns_its_chain_alone() -> None:
    """Rules of others in all other chains live on."""
    text = change(BEFORE, table(chains=(INPUT, LAN._replace(rules=(Rule("drop"),)))))
    assert "flush chain inet fw4 input_lan\n" in text and "\tdrop\n" in text
    assert "chain input {" not in text and "flush table" not in text and "hosts" not in text


def test_elements_of_others_live_on_in_a_set_that_gets_more() -> None:
    text = change(BEFORE, table(sets=(HOSTS._replace(elements=("10.0.0.1", "10.0.0.2")),)))
    assert "delete set" not in text and "10.0.0.2" in text


def test_objects_that_become_others_are_deleted_after_the_rules_that_use_them() -> None:
    after = table(
        chains=(INPUT,),
        sets=(HOSTS._replace(types=("ipv6_addr",), elements=()),),
        limits=(LIMIT._replace(limit=Limit(9, "hour")),),
    )
    lines = change(BEFORE, after).splitlines()
    gone = ["delete chain inet fw4 input_lan", "delete set inet fw4 hosts", "delete limit inet fw4 lan.log"]
    assert [line for line in lines if line.startswith("delete")] == gone
    assert lines.index("flush table inet fw4") < lines.index(gone[0]) < lines.index("table inet fw4 {")


def test_a_table_made_anew_and_sets_filled_anew() -> None:
    assert replacement(BEFORE).startswith("table inet fw4\ndelete table inet fw4\n")
    assert contents(BEFORE).splitlines()[:2] == ["flush set inet fw4 hosts", "add element inet fw4 hosts {"]


def test_every_line_knows_its_section() -> None:
    text = ruleset_text(BEFORE)
    found = {
        origin: line.strip()
        for line, origin in zip(text.splitlines(), line_origins(BEFORE, text), strict=True)
        if origin
    }
    assert found == {"@rule[0]": 'accept comment "first"', "@rule[1]": 'accept comment "lan"'}
