"""The stand-in parses UCI files as libuci does; brokers.py: how to run this with the real one.

Rare cases were found by giving 40,000 random files to both.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uci
from box import PACKAGE, Box
from hypothesis import given, settings
from hypothesis import strategies as st

VALUES: dict[str, str | None] = {
    "b": "b",
    "'b c'": "b c",
    '"b c"': "b c",
    "'b'c\"d\"e": "bcde",
    "'it'\\''s'": "it's",
    '"a\\"b\\\\c"': 'a"b\\c',
    "a\\ b": "a b",
    "'a\\nb'": "a\\nb",
    "'a\nb'": "a\nb",
    '"a\\\nb"': "ab",
    "a\\\nb": "ab",
    "a # comment": "a",
    "a#comment": "a",
    "'a#b'": "a#b",
    "a;option c d": "a",  # libuci loses what follows
    "'é€'": "é€",
    "''": None,  # no value, no option
    "": None,
    "# comment": None,
}


@pytest.mark.parametrize("text", VALUES)
def test_values(box: Box, text: str) -> None:
    box.write(f"config s 'n'\n\toption v {text}\n")
    assert box.all() == {"n": {} if VALUES[text] is None else {"v": VALUES[text]}}


FILES: dict[str, dict[str, object]] = {
    "": {},
    "\n# nothing\n   \n": {},
    "package other\nconfig a b\n": {"b": {}},
    "config a\nconfig a\nconfig b c\n": {"cfg01b606": {}, "cfg02b606": {}, "c": {}},
    "config a n\n option x 1\nconfig b\nconfig a n\n option y 2\n": {"n": {"x": "1", "y": "2"}, "cfg02b607": {}},
    "c a n\no x 1\nl y 2\n": {"n": {"x": "1", "y": ("2",)}},
    "config a 'n'; option 'x' '1'; list 'y' '2' ; list y ''\n": {"n": {"x": "1", "y": ("2", "")}},
    "config a n\r\n\toption x 1\r\n": {"n": {"x": "1"}},
    "config a n\n option x 1\n option x 2\n list x 3": {"n": {"x": ("2", "3")}},
    "config a n\n list x 1\n list x 2\n option x 3\n": {"n": {"x": "3"}},
    "config a ''\n": {"cfg01b606": {}},
}


@pytest.mark.parametrize("text", FILES)
def test_files(box: Box, text: str) -> None:
    box.write(text)
    assert box.all() == FILES[text]


BAD = {
    "config": "(config without name) at line 0, byte 0",
    "config\n": "(invalid command) at line 1, byte 0",
    "config ''\n": "(insufficient arguments) at line 1, byte 10",
    "config a b c\n": "(too many arguments) at line 1, byte 13",
    "config a b-c\n": "(invalid character in name field) at line 1, byte 13",
    "config ä\n": "(invalid character in type field) at line 1, byte 10",
    "config a n\nconfig b n\n": (
        "(section of different type overwrites prior section with same name) at line 2, byte 11"
    ),
    "option a b\n": "(option/list command found before the first section) at line 1, byte 0",
    "config a\n option x 'y\n\n": "(EOF with unterminated ') at line 3, byte 14",
    'config a\n option x "y': '(EOF with unterminated ") at line 1, byte 12',
    "config a\n  words\n": "(invalid command) at line 2, byte 2",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_files(box: Box, text: str) -> None:
    box.write(text)
    with pytest.raises(uci.UciExceptionInvalidInput) as silent:
        box.all()
    assert not silent.value.args
    with pytest.raises(uci.UciException) as spoken:
        box.uci().reorder(PACKAGE, "n", 0)
    assert str(spoken.value) == f"Parse error {BAD[text]}"


NAMES = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
VALUE = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], include_characters="\n\t\r"), min_size=1
)
OPTIONS = st.dictionaries(NAMES, VALUE | st.lists(VALUE, min_size=1, max_size=3).map(tuple), max_size=4)


@settings(deadline=None)  # it writes files
@given(st.dictionaries(NAMES, OPTIONS, max_size=4))
def test_what_is_committed_reads_back(sections: dict[str, dict[str, str | tuple[str, ...]]]) -> None:
    with TemporaryDirectory() as root:
        box = Box(Path(root))
        box.write("")
        store = box.uci()
        for name, options in sections.items():
            store.set(PACKAGE, name, "kind")
            for option, value in options.items():
                store.set(PACKAGE, name, option, value)
        store.commit(PACKAGE)
        assert box.all() == sections
