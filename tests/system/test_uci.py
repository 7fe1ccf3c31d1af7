"""The uci door over a config directory: what it reads, and a Problem for everything it cannot.

All of it holds for the real pyuci as well; tests/standins/brokers.py tells how to try.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offload.errors import FileError
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Edit, Section
from offload.system.config.libuci import by_libuci
from offload.system.config.uci import FakeUci, Uci
from offload.system.config.uci_grammar import GrammarError, parse_all

UNPRIVILEGED = 65534
FIREWALL = """\
package firewall

config defaults
\toption flow_offloading '1' # beside an option

config zone
\toption name "lan"
\tlist network 'lan'
\tlist network 'guest net'

config zone 'wide'
\toption name wan; option masq '1'
\toption note 'it'\\''s
two lines'
\toption empty ''

config rule
config zone
config zone 'wide'
\toption masq 0
"""

BAD = {
    "a word that is no command": ("config zone\nnonsense\n", "line 2: invalid command"),
    "an open quote": ("config zone\n\toption name 'lan\n", "line 2: EOF with unterminated '"),
    "an open double quote": ('config zone\n\toption name "lan\n\n', 'line 3: EOF with unterminated "'),
    "an option before any section": (
        "option name lan\n",
        "line 1: option/list command found before the first section",
    ),
    "too much": ("config zone\n\toption name lan wan\n", "line 2: too many arguments"),
    "too little": ("config\t\n", "line 1: insufficient arguments"),
    "a name with a dash": ("config zone 'my-lan'\n", "line 1: invalid character in name field"),
    "an option's name with a dot": ("config zone\n\toption a.b 1\n", "line 2: invalid character in name field"),
    "a type that is not ASCII": ("config zöne\n", "line 1: invalid character in type field"),
    "a name used for two types": (
        "config zone a\nconfig rule a\n",
        "line 2: section of different type overwrites prior section with same name",
    ),
}


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return tmp_path / "config.d"  # a dot in the path must not matter


def written(confdir: Path, content: bytes | str, package: str = "firewall") -> Uci:
    confdir.mkdir(exist_ok=True)
    (confdir / package).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Uci(confdir)


def problem(found: tuple[Section, ...] | Problem) -> Problem:
    assert isinstance(found, Problem)
    return found


def test_reads_sections_in_their_order(confdir: Path) -> None:
    found = written(confdir, FIREWALL).read("firewall")
    assert isinstance(found, tuple)
    assert [(section.id, section.type, dict(section.options)) for section in found] == [
        ("@defaults[0]", "defaults", {"flow_offloading": "1"}),
        ("@zone[0]", "zone", {"name": "lan", "network": ("lan", "guest net")}),
        ("wide", "zone", {"name": "wan", "note": "it's\ntwo lines", "masq": "0"}),
        ("@rule[0]", "rule", {}),
        ("@zone[2]", "zone", {}),
    ]
    assert {section.package for section in found} == {"firewall"}
    assert [section.name for section in found if section.id == section.name] == ["wide"]


def test_a_list_is_a_tuple_and_an_option_that_becomes_one_keeps_its_value(confdir: Path) -> None:
    uci = written(confdir, "config a\n list x 1\n option y 1\n list y 2\n list z 1\n option z 2\n")
    found = uci.read("firewall")
    assert isinstance(found, tuple)
    assert dict(found[0].options) == {"x": ("1",), "y": ("1", "2"), "z": "2"}


def test_more_sections_than_two_hex_digits_count(confdir: Path) -> None:
    found = written(confdir, "config rule\n" * 300).read("firewall")
    assert isinstance(found, tuple)
    assert [section.id for section in found] == [f"@rule[{index}]" for index in range(300)]


def test_an_empty_file_has_no_sections(confdir: Path) -> None:
    assert written(confdir, "").read("firewall") == ()
    assert written(confdir, "# nothing\n\n").read("firewall") == ()


def test_reads_again_what_has_changed(confdir: Path) -> None:
    uci = written(confdir, "config a\n")
    assert uci.read("firewall")
    written(confdir, "")
    assert uci.read("firewall") == ()


def test_a_relative_directory_is_one_of_the_working_directory(confdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(confdir, "config a\n")
    monkeypatch.chdir(confdir.parent)
    assert isinstance(Uci(confdir.name).read("firewall"), tuple)


def test_a_missing_file(confdir: Path) -> None:
    assert problem(Uci(confdir).read("network")).fault is ProblemCode.FILE_MISSING


def test_what_is_no_file(confdir: Path) -> None:
    (confdir / "firewall").mkdir(parents=True)
    os.mkfifo(confdir / "network")
    for package in ("firewall", "network"):
        found = problem(Uci(confdir).read(package))
        assert (found.fault, "not a regular file" in found.text) == (ProblemCode.FILE_UNREADABLE, True)


def test_a_file_where_the_directory_should_be(confdir: Path) -> None:
    confdir.write_text("")
    found = problem(Uci(confdir).read("firewall"))
    assert (found.fault, "Not a directory" in found.text) == (ProblemCode.FILE_UNREADABLE, True)


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may read everything, so run as an unprivileged user for a while; nothing to do without root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(UNPRIVILEGED)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_that_may_not_be_read() -> None:
    with TemporaryDirectory() as folder:  # the unprivileged user may not enter pytest's own directories
        Path(folder).chmod(0o755)
        uci = written(Path(folder, "config"), "config a\n")
        Path(folder, "config", "firewall").chmod(0)
        with without_rights():
            found = problem(uci.read("firewall"))
    assert (found.fault, "Permission denied" in found.text) == (ProblemCode.FILE_UNREADABLE, True)


@pytest.mark.parametrize("name", BAD)
def test_syntax(confdir: Path, name: str) -> None:
    text, detail = BAD[name]
    assert written(confdir, text).read("firewall") == ProblemCode.FILE_SYNTAX.at("firewall", detail=detail)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"config a\n\n\toption b 'c\0d'\n", "line 3: a NUL byte"),
        (b"\0", "line 1: a NUL byte"),
    ],
)
def test_a_nul_byte_is_refused(confdir: Path, content: bytes, detail: str) -> None:
    assert written(confdir, content).read("firewall") == ProblemCode.FILE_SYNTAX.at("firewall", detail=detail)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"# f\xfcr \xc3\nconfig a\n", {}),
        (b"config a # gr\xfcn\n\toption b 'c'\n", {"b": "c"}),
        (b"config a\n\toption b 'gr\xfcn'\n", {"b": "gr\ufffdn"}),
        (b"config a\n\tlist b '\xd4\xca'\n\tlist b 'gr\xc3\xbcn'\n", {"b": ("\ufffd\ufffd", "grün")}),
        (b"config a\n\toption b \xa0\x85\xff\n", {"b": "\ufffd\ufffd\ufffd"}),
        (b"config a\n\toption b '\xed\xa0\x80'\n", {"b": "\ufffd\ufffd\ufffd"}),
    ],
)
def test_what_is_not_utf8_is_shown_by_replacement_characters(
    confdir: Path, content: bytes, options: dict[str, object]
) -> None:
    found = written(confdir, content).read("firewall")
    assert isinstance(found, tuple)
    assert dict(found[0].options) == options


@pytest.mark.parametrize("content", [b"config a '\xfc'\n", b"config a\n\toption \xfc 1\n", b"config \xfc\n", b"\xfc\n"])
def test_names_that_are_not_ascii_are_refused_by_libuci(confdir: Path, content: bytes) -> None:
    assert problem(written(confdir, content).read("firewall")).fault is ProblemCode.FILE_SYNTAX


@contextmanager
def saved_by_others(package: str, line: str) -> Iterator[None]:
    """A change that another program saved and did not commit, in libuci's default directory."""
    directory = Path("/tmp/.uci")  # noqa: S108  # libuci's directory, shared by all programs on a router
    directory.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    (directory / package).write_text(line)
    try:
        yield
    finally:
        (directory / package).unlink()


def test_what_others_have_not_committed_does_not_count(confdir: Path) -> None:
    package = f"offload_test_{os.getpid()}"
    uci = written(confdir, "config a 'x'\n\toption b '1'\n", package)
    with saved_by_others(package, f"{package}.x.b='2'\n"):
        found = uci.read(package)
    assert isinstance(found, tuple)
    assert dict(found[0].options) == {"b": "1"}


LINES = st.sampled_from(
    [
        "config a",
        "config a 'n'",
        "option b 'c'",
        "list b",
        "'",
        '"',
        "\\",
        "\n",
        ";",
        "#",
        "package x",
        "é",
        " ",
        "\0",
        "\r",
    ]
)


@settings(deadline=None)  # it writes files
@given(st.one_of(st.binary(max_size=200), st.lists(LINES).map(lambda words: "\n".join(words).encode())))
@example(b"config a\n\toption b '\xed\xa0\x80'\n")
def test_any_bytes_give_sections_or_a_problem(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        found = written(Path(directory), content).read("firewall")
    if isinstance(found, Problem):
        assert found.fault is ProblemCode.FILE_SYNTAX
        assert found.text.isprintable()
    else:
        assert all(section.type and section.name for section in found)


def test_without_pyuci_files_are_read_all_the_same(confdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uci", None)
    assert written(confdir, "config a\n").read("firewall") == (Section("firewall", "a", "cfg01b606", "@a[0]", {}),)
    found = written(confdir, "config a\n\toption b 'it'\\''s'\n").read("firewall")
    assert not isinstance(found, Problem)
    assert [each.options for each in found] == [{"b": "it's"}]
    wrong = problem(written(confdir, "config a\n\toption b 'c\n").read("firewall"))
    assert (wrong.fault, "line 2: EOF with unterminated '" in wrong.text) == (ProblemCode.FILE_SYNTAX, True)
    with pytest.raises(FileError, match=r"firewall can only be read here: .* install python3-uci"):
        written(confdir, "config a\n").write("firewall", [Edit("b", "a")])


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(LINES).map(lambda words: "\n".join(words).encode())))
@example(b"config a 'n'; option 'x' '1'; list 'y' '2' ; list y ''\n")
@example(b"config a\n\toption b a;option c d\n")
@example(b"config a\n\toption b a\\\nb\n")
@example(b"config a\n\toption b 'c';\n")
@example(b"config a n\n option x 1\nconfig b\nconfig a n\n option y 2\n")
@example(b"config a '' \n option x ''\t# note\n option y '' ; option z '1'\nlist v ; list w 1\n")
@example(b"config a '' \n option x '' \n")
@example(b"config a n\n option x '' ; option y 1\n option z ; list w\n")
@example(b"package p ; config a n\n")
def test_without_pyuci_the_grammar_is_libucis(content: bytes) -> None:
    content = content.replace(b"\0", b"x")
    read = by_libuci(content, "firewall")
    try:
        assert parse_all("firewall", content) == read
    except GrammarError:
        assert isinstance(read, Problem)


def test_the_fake_has_what_it_was_given() -> None:
    section = Section("firewall", "zone", "cfg01dc81", "@zone[0]", {"name": "lan"})
    fake = FakeUci({"firewall": (section,), "network": ProblemCode.FILE_UNREADABLE.at("network", detail="x")})
    assert fake.read("firewall") == (section,)
    assert problem(fake.read("network")).fault is ProblemCode.FILE_UNREADABLE
    assert problem(fake.read("offload")).fault is ProblemCode.FILE_MISSING


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_override_that_this_user_may_not_examine_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory() as folder:  # the other user may not enter pytest's own directories
        Path(folder).chmod(0o755)
        override, confdir = Path(folder, "uci"), Path(folder, "config")
        for directory, name in ((override, "secret"), (confdir, "lan")):
            directory.mkdir()
            (directory / "firewall").write_text(f"config zone '{name}'\n")
            (directory / "firewall").chmod(0o644)
        override.chmod(0o700)
        monkeypatch.setattr("offload.system.config.uci.OVERRIDE", str(override))
        monkeypatch.setattr("offload.system.config.uci.CONFDIR", str(confdir))
        uci = Uci(confdir)
        try:
            os.seteuid(65534)
            found = uci.follow("firewall")
            uci.sweep(["firewall"])
            assert not uci.changed()
        finally:
            os.seteuid(0)
    assert isinstance(found, tuple)
    assert [section.name for section in found] == ["lan"]
