"""The stand-in of rpcd lists changes as the real one (git 4476687) does, and refuses what that refuses."""

import json
from typing import Any

import pytest
from box import PACKAGE, Box
from luci.rpcd import Rpcd, Session, StatusError

TEXT = "config exempt 'tv'\n\toption name 'TV'\n\tlist src_ip '192.0.2.1'\n"


@pytest.fixture
def rpcd(box: Box) -> Rpcd:
    """With a package that everybody may change."""
    box.write(TEXT)
    acl = box.confdir.parent / "acl"
    acl.mkdir()
    (acl / "app.json").write_text(json.dumps({"app": {word: {"uci": [PACKAGE]} for word in ("read", "write")}}))
    return Rpcd(box.confdir, box.confdir.parent, acl, box.confdir.parent / "none.pid")


@pytest.fixture
def session(rpcd: Rpcd) -> Session:
    return rpcd.login("root", readonly=False)


def call(rpcd: Rpcd, session: Session, method: str, **words: Any) -> Any:
    return rpcd.call(session, "uci", method, {"config": PACKAGE, **words})


@pytest.mark.parametrize(
    ("method", "words", "changes"),
    [
        ("add", {"type": "zone", "name": "a", "values": {"on": True}}, [["set", "a", "zone"], ["set", "a", "on", "1"]]),
        ("set", {"section": "tv", "values": {"name": "TV"}}, []),
        ("set", {"section": "tv", "values": {"name": "", "src": ""}}, [["remove", "tv", "name"]]),
        ("set", {"section": "tv", "values": {"src_port": 80}}, [["set", "tv", "src_port", "80"]]),
        (
            "set",
            {"section": "tv", "values": {"src_ip": ["192.0.2.1", "192.0.2.2"]}},
            [
                ["remove", "tv", "src_ip"],
                ["list-add", "tv", "src_ip", "192.0.2.1"],
                ["list-add", "tv", "src_ip", "192.0.2.2"],
            ],
        ),
        (
            "set",
            {"section": "tv", "values": {"src_ip": "192.0.2.1"}},
            [["remove", "tv", "src_ip"], ["set", "tv", "src_ip", "192.0.2.1"]],
        ),
        ("delete", {"section": "tv", "option": "name"}, [["remove", "tv", "name"]]),
        ("delete", {"section": "tv"}, [["remove", "tv"]]),
    ],
)
def test_changes(rpcd: Rpcd, session: Session, method: str, words: dict[str, Any], changes: list[list[str]]) -> None:
    call(rpcd, session, method, **words)
    assert call(rpcd, session, "changes") == {"changes": {PACKAGE: changes} if changes else {}}


def test_a_section_without_a_name_is_added(rpcd: Rpcd, session: Session) -> None:
    name = call(rpcd, session, "add", type="exempt", values={"src_ip": ["192.0.2.9"]})["section"]
    expected = [["add", name, "exempt"], ["list-add", name, "src_ip", "192.0.2.9"]]
    assert call(rpcd, session, "changes") == {"changes": {PACKAGE: expected}}


@pytest.mark.parametrize(
    ("method", "words", "status"),
    [
        ("set", {"section": "none", "values": {"name": "a"}}, 4),
        ("set", {"section": "tv", "values": {"name": []}}, 2),
        ("delete", {"section": "none"}, 4),
        ("delete", {"section": "tv", "options": ["name", "none"]}, 4),
        ("get", {"config": "other"}, 6),
    ],
)
def test_refusals(rpcd: Rpcd, session: Session, method: str, words: dict[str, Any], status: int) -> None:
    with pytest.raises(StatusError) as refusal:
        call(rpcd, session, method, **words)
    assert refusal.value.args == (status,)
    assert not session.changes


def test_who_may_only_look(rpcd: Rpcd) -> None:
    reader = rpcd.login("guest", readonly=True)
    assert list(call(rpcd, reader, "get")["values"]) == ["tv"]
    with pytest.raises(StatusError):
        call(rpcd, reader, "set", section="tv", values={"name": "a"})
