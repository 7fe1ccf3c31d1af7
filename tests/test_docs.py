"""Options, verbs, methods and replies are documented: docs/reference.md against the program."""

import json
import re
import shlex
from pathlib import Path

import pytest

from kernel import breaks
from offload.cli.answer import Exit
from offload.cli.command import main, parser
from offload.cli.firewall.given import HELP
from offload.cli.verbs import VERBS
from offload.config.choices.offload_tables import PACKAGES
from offload.model.network import Snapshot
from offload.model.problems.finding import FindingCode
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode
from offload.service.bus.ubus_object import METHODS
from offload.system.directory.snapshot_json import snapshot_json

REPOSITORY = Path(__file__).parent.parent
REFERENCE = (REPOSITORY / "docs" / "reference.md").read_text()
SECURITY = (REPOSITORY / "SECURITY.md").read_text()
HARDWARE = (REPOSITORY / "docs" / "hardware.md").read_text()
MIXED = REPOSITORY / "tests" / "golden" / "32-both-tables"


COMMENTED = [
    path
    for folder in ("src", "tests", "package", "luci-app-offload/htdocs", "files")
    for path in (REPOSITORY / folder).rglob("*")
    if path.is_file()
    and path.suffix not in {".pyc", ".png", ".apk"}
    and path != Path(__file__)
    and "golden" not in path.parts
] + [REPOSITORY / "Makefile"]
PAGE = re.compile(r"[\w./-]+\.md\b")
FACTS = re.compile(r"docs/kernel\.md ((?:\d+(?:, | and | to )?)+)")


def section(title: str) -> str:
    """The text under a heading, up to the next one that is not deeper."""
    depth = len(title.partition(" ")[0])
    _, found, rest = REFERENCE.partition(f"\n{title}\n")
    assert found, f"docs/reference.md has no section '{title}'"
    return re.split(rf"\n#{{1,{depth}}} ", rest)[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the tables in a section, headings and rulers aside."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not set(line) <= set("|- ")]


@pytest.mark.parametrize("kind", sorted(PACKAGES["offload"]))
def test_every_option_is_documented_and_every_documented_option_exists(kind: str) -> None:
    listed = {row[0].strip("`") for row in rows(f"### `config {kind}`")} - {"option"}
    assert listed == set(PACKAGES["offload"][kind])


@pytest.mark.parametrize(
    ("title", "codes"),
    [("## Reasons", ReasonCode), ("## Problems", ProblemCode), ("## Problems of the firewall", FirewallFault)],
)
def test_every_sentence_is_documented_word_for_word(
    title: str, codes: type[ReasonCode | ProblemCode | FirewallFault]
) -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(title) if row[0] != "code"}
    assert listed == {code.name: code.value for code in codes}


def test_every_reason_comes_with_what_to_do() -> None:
    assert all(len(row) == 3 and row[2] for row in rows("## Reasons"))


def test_every_finding_is_documented_word_for_word() -> None:
    listed = {
        row[0].strip("`"): [cell.strip("-") for cell in row[1:]] for row in rows("## Findings") if row[0] != "code"
    }
    assert listed == {
        code.name: [form.severity.value, form.text, form.done, form.remedy]
        for code in FindingCode
        for form in [code.value]
    }


def test_every_verb_and_its_options_are_documented() -> None:
    text = section("## The command `offload`")
    for name, verb in VERBS.items():
        (usage,) = re.findall(rf"`(offload {name}(?: [^`]*)?)`", text)
        for flag, words in verb.arguments:
            assert f"`{flag} " in text or f"`{flag}`" in text if flag.startswith("-") else words["metavar"] in usage


def test_every_ubus_method_and_its_arguments_are_documented() -> None:
    listed = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows("## ubus") if row[0] != "method"}
    arguments = {word for verb in METHODS.values() for word in verb.arguments}
    listed = {name: words & arguments for name, words in listed.items()}
    assert listed == {name: set(verb.arguments) for name, verb in METHODS.items()}


def test_every_exit_code_is_documented() -> None:
    listed = {(row[0], row[1]) for row in rows("## Exit codes")} - {("code", "name")}
    assert listed == {(str(code.value), code.name) for code in Exit}


def test_security_lists_what_a_snapshot_holds() -> None:
    """A new option or key that may leave the router has to be added here and in SECURITY.md."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECURITY.splitlines() if line[:1] == "|"]
    options = {(row[0], row[1]): set(re.findall(r"`(\w+)`(\*?)", row[2])) for row in rows if len(row) == 3}
    assert {place: words for place, words in options.items() if words} == {
        (package, kind): {(name, "*" * option.free_text) for name, option in table.items()}
        for package, kinds in PACKAGES.items()
        for kind, table in kinds.items()
    }
    keys = {row[0] for row in rows if len(row) == 2} - {"key"}
    assert {key for key in keys if set(key) - {"-"}} == set(snapshot_json(Snapshot(), {}))


def test_the_page_about_hardware_shows_a_mixed_router_as_it_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["status", "--root", str(MIXED)])
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    shown = [line for line in HARDWARE.splitlines() if line]
    assert printed[printed.index(next(line for line in printed if line.startswith("ZONE"))) :] == [
        line.removeprefix("    ") for line in shown if line.startswith("    ")
    ]


def test_every_page_that_a_comment_names_exists() -> None:
    named = {(path, page) for path in COMMENTED for page in PAGE.findall(path.read_text(errors="replace"))}
    assert any(page == "docs/kernel.md" for _, page in named)
    assert not [f"{path}: {page}" for path, page in named if not (REPOSITORY / page).exists()]


def test_every_fact_that_a_comment_names_is_on_the_page() -> None:
    facts = re.findall(r"^(\d+)\. \*\*", (REPOSITORY / "docs" / "kernel.md").read_text(), re.MULTILINE)
    assert facts == [str(number) for number in range(1, len(facts) + 1)]
    texts = {path: path.read_text(errors="replace") for path in COMMENTED}
    named = {
        (path, number) for path in texts for few in FACTS.findall(texts[path]) for number in re.findall(r"\d+", few)
    }
    assert named
    assert not [f"{path}: docs/kernel.md {number}" for path, number in named if number not in facts]


def test_the_page_of_what_breaks_has_its_figures() -> None:
    figures = json.loads(breaks.KEPT.read_text())
    assert [(each["row"], each["path"]) for each in figures] == [
        (row, path) for row in breaks.ROWS for path in breaks.ROWS[row]
    ]
    assert not [each["row"] for each in figures if not re.search(r"\d", each["fast"]) or not each["slow"]]
    assert breaks.PAGE.read_text() == breaks.page(figures)


FAQ = (REPOSITORY / "docs" / "faq.md").read_text().split("\n## ")[1:]


@pytest.mark.parametrize("question", FAQ, ids=[each.partition("\n")[0] for each in FAQ])
def test_every_question_comes_with_a_command_that_can_be_given(question: str) -> None:
    commands = [line.strip() for line in question.splitlines() if re.match(r"    [a-z/]", line)]
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program in {
            "offload",
            "nft",
            "apk",
            "config",
            "list",
            "option",
            "cat",
            "df",
            "free",
            "/etc/init.d/offload",
        }
        if program == "offload":
            parser(words[0]).parse_args(words)  # exits where the command does not know it


def test_there_are_twenty_questions() -> None:
    assert len(FAQ) >= 20


def test_every_page_is_in_the_list_of_pages() -> None:
    pages = {page.name for page in (REPOSITORY / "docs").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", (REPOSITORY / "docs" / "README.md").read_text())) == pages


def test_every_command_in_a_sentence_is_one() -> None:
    """Commands in their own lines are run by tests/package/test_readme.py; words in capitals stand for anything."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    named = {(page.name, line) for page in pages for line in re.findall(r"`(offload [a-z-][^`]*)`", page.read_text())}
    assert len(named) > 30
    assert not [each for each in named if not _is_a_command(each[1].split())]


def _is_a_command(words: list[str]) -> bool:
    verb, options = words[1], {word.partition("=")[0] for word in words[2:] if word.startswith("--")}
    if verb.startswith("-"):
        return verb in {"--version", "--help"}
    if verb == "firewall":
        return all(word in HELP for word in words[2:3])
    known = {flag for flag, _ in VERBS[verb].arguments} if verb in VERBS else set()
    return verb in VERBS and options <= known | {"--json", "--root"}


def test_every_link_of_a_page_leads_somewhere() -> None:
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())]
    assert not [f"{page.name}: {link}" for page, link in links if not _leads(page, link)]


def _leads(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if anchor and target.suffix == ".md" else []
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return target.exists() and (not anchor or anchor in anchors)
