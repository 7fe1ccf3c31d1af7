"""Templates as bytecode: the text is that of Jinja2 alone, and each stored file belongs to its source."""

from itertools import pairwise
from pathlib import Path

import pytest

from offload.cli.firewall.compiled import compiled as compiled_router
from offload.compiler.offload.tables.table import compiled
from offload.nft import template as templates
from offload.nft import text
from offload.nft.change import change, contents
from offload.nft.diff import change as table_change
from offload.nft.diff import outline
from offload.nft.text import FILTERS, ruleset_text, table_text
from test_golden import ROUTERS, decided

FIREWALLS = sorted(Path(__file__).parent.parent.glob("firewall/routers/*"))[::3]
PLAIN = '{{ names | join("") }}'


@pytest.mark.parametrize("name", templates.names())
def test_no_template_needs_the_runtime_of_jinja2(name: str) -> None:
    assert templates.compiled(templates.source_of(name), FILTERS) is not None


@pytest.mark.slow
def test_the_text_is_that_of_jinja2_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    filled = set()

    def both(name: str) -> object:
        ours, alone = templates.template(name, FILTERS), templates.from_source(templates.source_of(name), FILTERS)

        def fill(**words: object) -> str:
            assert ours(**words) == alone(**words)
            filled.add(name)
            return ours(**words)

        return fill

    monkeypatch.setattr(text, "_template", both)
    for router in FIREWALLS:
        firewall = compiled_router(router)[0]
        emptied = tuple(chain._replace(rules=()) for chain in firewall.table.chains)
        change(firewall._replace(table=firewall.table._replace(chains=emptied)), firewall)
        contents(firewall)
        ruleset_text(firewall)
    tables = [compiled(table) for router in ROUTERS[::6] for table in decided(router).plan.tables]
    for before, after in pairwise(tables):
        table_text(after)
        table_change(after, outline(after), outline(before))
    assert filled == set(templates.names())


def test_a_word_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(LookupError, match="does not get table"):
        templates.template("ruleset", FILTERS)()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(templates, "FOLDER", str(tmp_path))
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return tmp_path


def filled(folder: Path, source: str) -> str:
    (folder / "greeting.nft.j2").write_text(source)
    return templates.template("greeting", FILTERS)(names=["a", "b"])


def test_an_edited_template_is_compiled_again(folder: Path) -> None:
    assert filled(folder, '{{ names | join("+") }}\n') == "a+b\n"
    assert len(list(folder.glob("__pycache__/*.pyc"))) == 1
    assert filled(folder, '{{ names | join("-") }}\n') == "a-b\n"


def test_a_stored_template_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(folder, "{{ names | names }}")
    monkeypatch.setattr(templates, "compiled", None)
    assert filled(folder, "{{ names | names }}") == FILTERS["names"](["a", "b"])


@pytest.mark.parametrize("cut", [0, 3, 16, 40])
def test_bytecode_cut_short_is_as_good_as_none(folder: Path, cut: int) -> None:
    filled(folder, PLAIN)
    stored = next(folder.glob("__pycache__/*.pyc"))
    stored.write_bytes(stored.read_bytes()[:cut])
    assert filled(folder, PLAIN) == "ab"


def test_a_template_that_needs_more_of_jinja2_runs_in_it(folder: Path) -> None:
    assert filled(folder, "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice(names[1]) }}") == "bb"
    assert not list(folder.glob("__pycache__/*"))


def test_where_nothing_can_be_written_it_works_as_well(folder: Path) -> None:
    (folder / "__pycache__").write_text("a file where the folder should be")
    assert filled(folder, PLAIN) == "ab"
    assert not templates.prepare(FILTERS)


def test_all_are_prepared(folder: Path) -> None:
    filled(folder, PLAIN)
    assert templates.prepare(FILTERS)
    assert templates.stored("greeting", templates.source_of("greeting")) is not None
