r"""The floors of the program: who may import whom, where heavy libraries may be used, and where doors are built.

          cli/                        the command
            |
         service/                     the resident process
            |
config/  compiler/  status/  system/  pure | doors
       \     |        |     /
        \   nft/      |    /          nftables text, without zones or offload
               model/                 nouns; every module may import errors.py and nouns.py
"""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "src" / "offload"
FILES = sorted(HOUSE.rglob("*.py"))
MOST_FILES = 8  # so that `ls` shows what a folder is for
MOST_PLAIN_FIELDS = 4  # a class with more has a line for each of them
MOST_LINES = 250  # so that a file tells one story
NOUNS = {"model", "errors", "nouns"}
PURE_AND_DOORS = {"config", "compiler", "status", "system"}
BELOW = {
    "model": {"nouns"},
    "errors": set[str](),
    "nouns": set[str](),
    "nft": NOUNS,
    **dict.fromkeys(PURE_AND_DOORS, NOUNS),
    "compiler": NOUNS | {"nft"},
    "service": NOUNS | PURE_AND_DOORS | {"nft"},
    "cli": NOUNS | PURE_AND_DOORS | {"service", "nft"},
    "__main__": {"cli"},
}
# What may be used in one place only: the library, and the folder or file it stays in.
KEPT: dict[str, str | tuple[str, ...]] = {
    "dataclasses": "nouns.py",
    "jinja2": "nft/template.py",
    **dict.fromkeys(("ubus", "uci", "subprocess", "socket"), "system/"),
}
FIREWALL_VERBS = ("compiled", "diff", "lookup", "main", "show")
ASKED_FOR = (ast.Import, ast.ImportFrom, ast.Call, ast.ClassDef)
BUILDERS = {*(f"cli/firewall/{name}.py" for name in FIREWALL_VERBS), "cli/router.py", "service/main.py"}


def place(file: Path) -> str:
    return file.relative_to(HOUSE).as_posix()


def floor(file: Path) -> str:
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """The imports, calls and classes of a file, wherever in it; each file is parsed once."""
    return tuple(node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ASKED_FOR))


@cache
def imported(file: Path) -> tuple[str, ...]:
    """Every module a file imports, wherever in it."""
    return tuple(_imported(file))


def _imported(file: Path) -> Iterator[str]:
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(file)} imports by dots"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def doors() -> set[str]:
    """A door is a class that has a fake beside it."""
    system = [file for file in FILES if floor(file) == "system"]
    names = {node.name for file in system for node in nodes(file) if isinstance(node, ast.ClassDef)}
    return {name for name in names if f"Fake{name}" in names}


@pytest.mark.parametrize("file", [file for file in FILES if floor(file) != "__init__"], ids=place)
def test_who_imports_whom(file: Path) -> None:
    ours = {name.split(".")[1] for name in imported(file) if name.startswith("offload.")}
    assert ours - {floor(file), "__version__"} <= BELOW[floor(file)]


@pytest.mark.parametrize("file", FILES, ids=place)
def test_heavy_libraries_stay_where_they_are(file: Path) -> None:
    used = {name.partition(".")[0] for name in imported(file)} & set(KEPT)
    assert [name for name in used if not place(file).startswith(KEPT[name])] == []


@pytest.mark.parametrize("file", FILES, ids=place)
def test_doors_are_built_where_programs_begin(file: Path) -> None:
    calls = [node.func for node in nodes(file) if isinstance(node, ast.Call)]
    called = {func.id for func in calls if isinstance(func, ast.Name)}
    called |= {func.attr for func in calls if isinstance(func, ast.Attribute)}
    # a door may stand on another one: both are in system/
    assert place(file) in BUILDERS or floor(file) == "system" or not called & doors()


def test_every_door_has_its_fake_beside_it() -> None:
    assert {"UbusClient", "UbusServer", "Conntrack", "ConntrackEvents", "Monitor", "Netlink", "Nft", "Uci"} <= doors()


def test_a_folder_has_at_most_eight_files() -> None:
    folders = Counter(file.parent for file in FILES if file.name != "__init__.py")
    assert {place(folder): count for folder, count in folders.items() if count > MOST_FILES} == {}


def fields_of(node: ast.ClassDef) -> list[ast.AnnAssign]:
    return [each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]


def unexplained(node: ast.ClassDef, lines: list[str]) -> list[str]:
    """The fields of a class without a comment behind or above them, and without a line of the docstring."""
    found = fields_of(node)
    explained = [line.strip() for line in (ast.get_docstring(node) or "").splitlines()]
    names = [(ast.unparse(each.target), each) for each in found] if len(found) > MOST_PLAIN_FIELDS else []
    return [
        name
        for name, each in names
        if not any("  # " in line for line in lines[each.lineno - 1 : each.end_lineno])
        and not lines[each.lineno - 2].strip().startswith("#")
        and not any(line.startswith(f"`{name}`:") for line in explained)
    ]


@pytest.mark.parametrize("file", FILES, ids=place)
def test_each_field_of_a_class_with_many_is_explained(file: Path) -> None:
    lines = file.read_text().splitlines()
    classes = [node for node in nodes(file) if isinstance(node, ast.ClassDef)]
    missing = {node.name: names for node in classes if (names := unexplained(node, lines))}
    assert missing == {}, "write what each field means, with its unit, on its line"


def test_a_field_without_a_line_is_found() -> None:
    text = """class Flow:
    '''`c`: a port.'''

    a: int  # bytes
    # seconds
    b: int
    c: int
    d: int
    e: int = 0  # packets
"""
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.ClassDef)
    assert unexplained(node, text.splitlines()) == ["d"]


def test_a_file_has_at_most_250_lines() -> None:
    lines = {place(file): len(file.read_text().splitlines()) for file in FILES}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_the_source_has_no_nobody() -> None:
    """The word leaves open who does something; the subject of a sentence has a name."""
    assert [file for file in FILES if "nobody" in file.read_text().lower()] == []


def test_the_nouns_stand_alone() -> None:
    outside = {name.partition(".")[0] for file in FILES if floor(file) == "model" for name in imported(file)}
    assert outside <= {
        "offload",
        "re",
        "dataclasses",
        "enum",
        "typing",
        "collections",
        "ipaddress",
        "operator",
        "types",
        "difflib",
    }
