"""The page's table of sentences is that of the program."""

import re

from package.sentences import FILE, ON_THE_PAGE, table

from offload.config.choices import offload
from offload.config.choices.offload_tables import EXEMPT, GLOBALS, PAIR_CHOICE, ZONE_CHOICE
from offload.model.problems.finding import FindingCode
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode
from offload.model.sections.section import Section


def test_the_table_is_up_to_date() -> None:
    assert FILE.read_text() == table(), "run `make po`"


def test_every_code_has_its_sentence() -> None:
    text = FILE.read_text()
    assert [code for code in (*ReasonCode, *ProblemCode) if f"\t{code.name}: [ " not in text] == []
    assert {code.name for code in ReasonCode} >= ON_THE_PAGE


COUNTED = re.compile(r"\{(count|known|number|most)\} (\{\w+\} )?[a-z]+s\b")
AT_LEAST_TWO = {  # whatever these count
    ReasonCode.HARDWARE_GIVEN_UP,
    ReasonCode.HARDWARE_FAMILY_GIVEN_UP,
    ReasonCode.HARDWARE_FULL,
    ReasonCode.HARDWARE_HALF,
    ReasonCode.HARDWARE_STRAYS,
    ReasonCode.REPLIES_FULL,
    ReasonCode.STATIONS_FULL,
    ReasonCode.FLOWTABLE_FULL,
    ReasonCode.AFTER_PACKETS,
    ProblemCode.TOO_MANY_COMBINATIONS,
}


def test_a_sentence_says_no_plural_of_what_may_be_one() -> None:
    said: dict[object, str] = {code: code.value for kinds in (ReasonCode, ProblemCode) for code in kinds}
    said |= {code: f"{code.value.text} {code.value.done}" for code in FindingCode}
    assert {code for code, text in said.items() if COUNTED.search(text)} == AT_LEAST_TWO


def test_every_consequence_has_its_sentence() -> None:
    tables = {"globals": GLOBALS, "zone": ZONE_CHOICE, "pair": PAIR_CHOICE, "exempt": EXEMPT}
    known = {"zone": {"name": "lan"}, "pair": {"src": "lan", "dest": "lan"}, "exempt": {"src": "lan", "dest": "lan"}}
    host = {"src_ip": "192.168.1.50"}
    sections = [
        Section("offload", kind, "x", "x", {**known.get(kind, {}), **more, option: bad})
        for kind, options in tables.items()
        for option in [*options, "unknown"]
        for more in (({}, host, {"src": "*"}) if kind == "exempt" else ({},))
        for bad in ("\x01", ("\x01", "192.168.1.50"))
    ]
    found = {text for each in sections for text in consequences(each)}
    page = FILE.read_text().replace("\\'", "'")
    assert len(found) > 12
    assert [text for text in found if f"\t'{text}': _(" not in page and not text.startswith("all traffic from ")] == []


def consequences(section: Section) -> set[str]:
    """How the sentences about a section end."""
    found = offload.load((section,), frozenset({"lan"})).problems
    return {each.text.rpartition("; ")[2] for each in found if "; {consequence}" in each.fault.value}
