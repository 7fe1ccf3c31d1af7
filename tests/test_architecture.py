"""The page about the architecture names files and their definitions: every reference resolves."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
HOUSE = REPOSITORY / "src" / "offload"
PAGE = (REPOSITORY / "docs/architecture.md").read_text()
WORDS = (REPOSITORY / "docs/words.md").read_text()
REFERENCES = sorted(set(re.findall(r"`([a-z_/]+(?:\.py|/))(?:: ([\w.]+))?`", PAGE + WORDS)))
LONGEST = 110  # lines of a page that is read in one go


@cache
def defined(file: Path) -> frozenset[str]:
    """The functions, classes, methods and constants of a module, methods as `Class.method`."""
    found: set[str] = set()

    def add(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                add(node.body, f"{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            found.update(prefix + each.id for each in targets if isinstance(each, ast.Name))

    add(ast.parse(file.read_text()).body, "")
    return frozenset(found)


@pytest.mark.parametrize(("path", "name"), REFERENCES)
def test_every_reference_resolves(path: str, name: str) -> None:
    file = REPOSITORY / path if path.startswith("tests/") else HOUSE / path
    assert file.exists()
    assert not name or name in defined(file)


def test_the_page_is_one_page_and_names_what_it_promises() -> None:
    assert len(PAGE.splitlines()) <= LONGEST
    assert len([path for path, name in REFERENCES if name]) >= 30
    for floor in ("cli", "service", "config", "compiler", "status", "system", "nft", "model"):
        assert f"| `{floor}/` |" in PAGE


def test_every_floor_of_the_house_stands_on_the_page() -> None:
    floors = {each.name for each in HOUSE.iterdir() if each.is_dir() and each.name != "__pycache__"}
    assert floors == set(re.findall(r"^\| `(\w+)/` \|", PAGE, re.MULTILINE))
