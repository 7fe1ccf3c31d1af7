"""Reading UCI text without libuci gives what libuci gives, or nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.problems.problem import Problem
from offload.system.config.libuci import by_libuci
from offload.system.config.uci import Uci
from offload.system.config.uci_text import parse, with_lines
from offload.system.firewall_files import FirewallFiles

PLAIN = (
    "rule",
    "zone",
    "'lan'",
    '"wan"',
    "name",
    "a_b",
    "x-y",
    "'a b'",
    '"c\'d"',
    "#",
    ";",
    "e\\f",
    "'",
    "é",
    "",
    "''",
)
NOT_UTF8 = ("\udcd4\udcca", "'gr\udcfcn'", "\udc85", "\udca0")  # bytes, as surrogateescape has them
WORDS = st.sampled_from([*PLAIN, *NOT_UTF8])
LINES = st.lists(
    st.tuples(
        st.sampled_from(
            ["config", "option", "list", "package", "\toption", "  list", "#", "", "config rule\n\toption"]
        ),
        st.lists(WORDS, max_size=4),
        st.sampled_from(["", " ", "\r", " # note", "#note", "\t"]),
    ).map(lambda parts: " ".join((parts[0], *parts[1])) + parts[2]),
    max_size=8,
)


@given(LINES)
def test_what_is_read_is_what_libuci_reads(lines: list[str]) -> None:
    content = ("\n".join(["config zone", *lines]) + "\n").encode(errors="surrogateescape")
    found = parse("firewall", content.decode(errors="replace"))
    if found is not None:
        read = by_libuci(content, "firewall")
        assert read == found
        lines_of = [each.line for each in with_lines(found, content.decode(errors="replace"))]
        assert lines_of == [each.line for each in found]


def test_a_name_in_another_encoding_leaves_the_file_readable(tmp_path: Path) -> None:
    (tmp_path / "etc/config").mkdir(parents=True)
    (tmp_path / "etc/config/firewall").write_bytes(b"config rule\n\toption name '\xd4\xca\xd0\xed'\n")
    assert [each.options["name"] for each in FirewallFiles(tmp_path).sections("firewall")] == ["\ufffd" * 4]


def test_the_plain_form_is_read() -> None:
    text = "# comment\n\nconfig rule 'a'\n\toption name \"It's\" # note\n"
    text += "\tlist proto tcp\n\tlist proto 'udp'\r\n\nconfig rule\n"
    first, second = parse("firewall", text) or ()
    assert first.options == {"name": "It's", "proto": ("tcp", "udp")}
    assert (first.id, second.id) == ("a", "@rule[1]")
    assert [each.line for each in with_lines((first, second), text)] == [3, 8]


@pytest.mark.parametrize("line", ["option a-b", "option a-b ''", "option 'x'", "list a-b", 'option "a-b" # note'])
def test_the_name_of_an_option_without_a_value_is_checked_too(line: str) -> None:
    assert parse("firewall", f"config rule\n\t{line}\n") is None


HEADS = st.sampled_from(
    ["config rule", "config rule 'a'", "c zone b", '\tconfig "rule" "c" # note', "config rule\r", "config rule 'a'"]
)
FILLERS = st.sampled_from(
    ["\toption x '1'", "", "# config rule", "\tlist y config", "\toption note 'config'", "\toption x y"]
)


@given(st.lists(st.tuples(HEADS, st.lists(FILLERS, max_size=3)), max_size=8), st.lists(st.just("# top"), max_size=3))
def test_each_section_has_the_line_at_which_it_begins(parts: list[tuple[str, list[str]]], top: list[str]) -> None:
    lines, begins, names = list(top), list[int](), set[str]()
    for head, rest in parts:
        name = head.split()[2].strip("'\"") if len(head.split()) > 2 else ""
        if not name or name not in names:
            begins.append(len(lines) + 1)
        names |= {name} if name else set()
        lines += [head, *rest]
    text = "\n".join(lines)
    found = by_libuci(text.encode(), "firewall")
    assert not isinstance(found, Problem)
    assert [each.line for each in with_lines(found, text)] == begins


@pytest.mark.parametrize("text", ["config a 'n'; config b\n", "config a\n\toption x '\nconfig b\n'\n", "config \\a\n"])
def test_where_the_text_does_not_show_the_sections_no_line_is_given(tmp_path: Path, text: str) -> None:
    (tmp_path / "firewall").write_text(text)
    found = Uci(tmp_path).read("firewall")
    assert not isinstance(found, Problem)
    assert {each.line for each in found} == {0}
