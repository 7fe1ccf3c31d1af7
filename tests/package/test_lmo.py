"""Translations as LuCI reads them in browser and server, and a package for each language."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from package.ipk import pack
from package.recipes import LANGUAGES, Translation

from offload import __version__
from package import lmo, po
from package.router import REPOSITORY
from package.test_page import parts

APP = REPOSITORY / "luci-app-offload"
GERMAN = (APP / "po/de/offload.po").read_text()
ESCAPED = str.maketrans({"\n": r"\n", "\t": r"\t"})
# As OpenWrt's own po2lmo wrote them on 2026-11-23, of one word each.
HASHES = {
    "a": 0x115EA782,
    "ab": 0x516B8B44,
    "abc": 0xD2BE198A,
    "abcd": 0xDAD8B8DB,
    "abcé": 0xE8F6F75E,
    "é": 0xC4FBA554,
    "Flow Offload": 0x6E2EFA80,
    "\N{EN DASH}": 0xABDCF4BE,
}


def found(catalogue: bytes, key: str) -> str | None:
    """Look a string up as LuCI does: by binary search in the index, to which the last four bytes point."""
    (begin,) = struct.unpack(">I", catalogue[-4:])
    wanted = lmo.hashed(key.encode()) if key else 0
    low, high = 0, (len(catalogue) - begin - 4) // 16
    while low < high:
        middle = (low + high) // 2
        key_id, _, place, length = struct.unpack_from(">4I", catalogue, begin + 16 * middle)
        if key_id == wanted:
            assert place % 4 == 0 and place + length <= begin
            return catalogue[place : place + length].decode()
        low, high = (middle + 1, high) if key_id < wanted else (low, middle)
    return None


@pytest.mark.parametrize(("word", "value"), HASHES.items())
def test_hash(word: str, value: int) -> None:
    assert lmo.hashed(word.encode()) == value


def test_every_german_sentence_is_found() -> None:
    catalogue = lmo.compiled(GERMAN)
    for message, forms in po.entries(GERMAN):
        for number, form in enumerate(forms):
            if message.text and message.text != form:
                assert found(catalogue, message.text + (f"\2{number}" if message.plural else "")) == form
    assert found(catalogue, "") == "nplurals=2; plural=n != 1;"
    assert found(catalogue, "no sentence of ours") is None


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], include_characters='\n\t"\\'), min_size=1)


@given(st.dictionaries(WORDS, WORDS, min_size=1), st.dictionaries(WORDS, st.lists(WORDS, min_size=1, max_size=3)))
def test_whatever_is_translated_is_found(single: dict[str, str], plural: dict[str, list[str]]) -> None:
    plural = {text: forms for text, forms in plural.items() if text not in single}
    messages = {text: po.Message(text, "many" if text in plural else None) for text in (*single, *plural)}
    file = po.written("Language: x\n", messages, single | {text: "\0".join(forms) for text, forms in plural.items()})
    keys = {text: translated for text, translated in single.items() if text != translated}
    keys |= {f"{text}\2{number}": form for text, forms in plural.items() for number, form in enumerate(forms)}
    catalogue = lmo.compiled(file)
    for key, translated in keys.items():
        assert found(catalogue, key.translate(ESCAPED)) == translated.translate(ESCAPED)


def test_a_sentence_that_is_the_same_in_both_languages_takes_no_room() -> None:
    assert lmo.compiled('msgid "DSCP"\nmsgstr "DSCP"\n\nmsgid "not yet"\nmsgstr ""\n') == b""


def test_every_language_is_packed() -> None:
    assert set(LANGUAGES) == {file.parent.name for file in (APP / "po").glob("*/*.po")}


def test_the_package_of_a_language(tmp_path: Path) -> None:
    package = pack(Translation.into("de", APP), tmp_path)
    assert package.name == f"luci-i18n-offload-de_{__version__}-r1_all.ipk"
    data, control = parts(package)["data.tar.gz"], parts(package)["control.tar.gz"]
    assert data == {
        "usr/lib/lua/luci/i18n/offload.de.lmo": lmo.compiled(GERMAN),
        "etc/uci-defaults/luci-i18n-offload-de": b"uci set luci.languages.de='Deutsch (German)'; uci commit luci\n",
    }
    assert b"Depends: luci-app-offload\n" in control["control"]
    assert control.keys() == {"control", "postinst", "prerm"}
    assert pack(Translation.into("de", APP), tmp_path / "again").read_bytes() == package.read_bytes()
