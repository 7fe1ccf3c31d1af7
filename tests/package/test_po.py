"""The LuCI app's template has every string of the app and no other, and every translation is complete."""

import re
from pathlib import Path

import pytest

from package import po

MESSAGES = po.messages()
LANGUAGES = sorted((po.APP / "po").glob("*/*.po"))
PLACEHOLDER = re.compile(r"%[-+ 0-9.]*[a-zA-Z%]")


def test_the_app_has_sentences() -> None:
    places = " ".join(place for message in MESSAGES.values() for place in message.places)
    assert "Flow Offload" in MESSAGES
    for part in ("view/offload/", "resources/offload/", "status/include/", "menu.d/", "acl.d/"):
        assert part in places


def test_the_template_has_the_sentences_of_the_app_and_no_other() -> None:
    assert set(po.read(po.TEMPLATE.read_text())) - {""} == set(MESSAGES), "run `make po`"


def test_german_is_there() -> None:
    assert po.APP / "po" / "de" / "offload.po" in LANGUAGES


@pytest.mark.parametrize("file", LANGUAGES, ids=lambda file: file.parent.name)
def test_translation_is_whole(file: Path) -> None:
    translated = po.read(file.read_text())
    assert "charset=UTF-8" in translated.pop("")
    assert set(translated) == set(MESSAGES), "run `make po`"
    assert [text for text in MESSAGES if not translated[text]] == [], "not translated"


@pytest.mark.parametrize("file", LANGUAGES, ids=lambda file: file.parent.name)
def test_translation_fills_in_the_same(file: Path) -> None:
    for text, translated in po.read(file.read_text()).items():
        if text:
            forms = translated.split("\0")
            assert all(PLACEHOLDER.findall(form) == PLACEHOLDER.findall(text) for form in forms), text


SOURCES = {
    "call": ("_('one')", [("one", None)]),
    "double quotes": ('_("it\'s")', [("it's", None)]),
    "escapes": (r"_('it\'s\n  two lines')", [("it's two lines", None)]),
    "in a template string": ("`${_('one')} and ${_('two')}`", [("one", None), ("two", None)]),
    "on lines of its own": ("_(\n\t'one'\n)", [("one", None)]),
    "plural": ("N_(count, '%d flow', '%d flows')", [("%d flow", "%d flows")]),
    "in a comment": ("// _('one')\n/* _('two') */ _('three')", [("three", None)]),
    "in a string": ("'_(\"one\")' + _('two')", [("two", None)]),
    "after an address": ("'http://x' + _('one')", [("one", None)]),
    "after a regular expression": ("a.match(/['\"]/) && _('one')", [("one", None)]),
    "another function": ("this_('one'); $_('two'); x._('three')", []),
}


@pytest.mark.parametrize(("source", "expected"), SOURCES.values(), ids=SOURCES)
def test_scan(source: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(text, plural) for _, text, plural in po.scan(source)] == expected


@pytest.mark.parametrize("source", ["_(words)", "_(`one`)", "_('one' + 'two')", "N_(1, one, two)"])
def test_what_cannot_be_read_off_the_source_is_refused(source: str) -> None:
    with pytest.raises(po.ScanError, match="line 2: a translated string must be written out"):
        list(po.scan(f"\n{source}"))


def test_a_translation_outlives_writing() -> None:
    messages = {
        text: po.Message(text, plural) for text, plural in (("one", None), ('"two"', None), ("%d flow", "%d flows"))
    }
    translated = {"one": "eins", '"two"': "\\zwei\\", "%d flow": "%d Verbindung\0%d Verbindungen"}
    header = "Content-Type: text/plain; charset=UTF-8\nLanguage: de\n"
    assert po.read(po.written(header, messages, translated)) == {"": header, **translated}
