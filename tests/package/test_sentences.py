"""The page's table of sentences is that of the program."""

from package.sentences import FILE, ON_THE_PAGE, table

from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode


def test_the_table_is_up_to_date() -> None:
    assert FILE.read_text() == table(), "run `make po`"


def test_every_code_has_its_sentence() -> None:
    text = FILE.read_text()
    assert [code for code in (*ReasonCode, *ProblemCode) if f"\t{code.name}: [ " not in text] == []
    assert {code.name for code in ReasonCode} >= ON_THE_PAGE
