"""What nft 1.0.6 lists (printed by it, handles aside) in the words render uses, and what others may have put there."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.live import LiveTable, TimedElement
from offload.system.nft.door import Nft
from offload.system.nft.listing import elements as read
from offload.system.nft.listing import strays
from offload.system.nft.nfnetlink.tables import Outline
from strategies import gate

Listed = tuple[dict[str, frozenset[str]], tuple[TimedElement, ...]]


def listed(**found: Any) -> Listed:
    """What a listing of this one object gives."""
    return read([{"metainfo": {}}, found])


def elements(kind: str | list[str], *items: Any) -> set[str]:
    return set(listed(set={"name": "s", "type": kind, "elem": list(items)})[0]["s"])


def test_strays_are_counted() -> None:
    element = {"elem": {"val": {"concat": ["br-lan", "wan"]}, "counter": {"packets": 7, "bytes": 500}}}
    found = {"set": {"name": "stray", "type": ["ifname", "ifname"], "elem": [element]}}
    assert strays([{"metainfo": {}}, found]) == {("br-lan", "wan"): 7}
    assert strays([{"set": {"name": "stray", "type": ["ifname", "ifname"]}}]) == {}


CONCAT = ["ipv4_addr", "inet_service", "ether_addr"]


@pytest.mark.parametrize(
    ("kind", "item", "text"),
    [
        ("ipv4_addr", "192.168.1.50", "192.168.1.50"),
        ("ipv4_addr", {"prefix": {"addr": "10.0.0.0", "len": 8}}, "10.0.0.0/8"),
        ("ipv6_addr", {"prefix": {"addr": "::", "len": 0}}, "::/0"),
        ("ipv6_addr", "2001:db8:0:0::1", "2001:db8::1"),
        ("inet_service", 443, "443"),
        ("inet_service", {"range": [1, 1024]}, "1-1024"),
        ("ether_addr", "00:11:22:33:44:55", "00:11:22:33:44:55"),
        ("mark", 16, "0x00000010"),
        (
            CONCAT,
            {"concat": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, {"range": [1, 9]}, "00:11:22:33:44:55"]},
            "10.0.0.0/8 . 1-9 . 00:11:22:33:44:55",
        ),
        (["ipv6_addr", "mark"], {"concat": ["fd4e:1::50", 7]}, "fd4e:1::50 . 0x00000007"),
        ("ipv4_addr", {"elem": {"val": "10.0.0.1", "counter": {"packets": 1, "bytes": 2}}}, "10.0.0.1"),
    ],
)
def test_an_element(kind: str | list[str], item: Any, text: str) -> None:
    assert elements(kind, item) == {text}


def test_a_pair() -> None:
    devices = [["br-lan", "wan"], [7, "wan"]]  # the second has the index of a device that is gone
    items = [[{"concat": each}, {"goto": {"target": "policy_0"}}] for each in devices]
    types = ["iface_index", "iface_index"]
    found, _ = listed(map={"name": "crossings", "type": types, "map": "verdict", "elem": items})
    assert found == {"crossings": {'"br-lan" . "wan" : goto policy_0', '"7" . "wan" : goto policy_0'}}


def test_an_element_that_is_about_to_end_is_gone() -> None:
    def item(address: str, expires: int) -> dict[str, Any]:
        return {"elem": {"val": address, "timeout": 60, "expires": expires, "comment": "1 * * -1 0x0/0x0"}}

    _, found = listed(set={"name": "s", "type": "ipv4_addr", "elem": [item("10.0.0.1", 50), item("10.0.0.2", 1)]})
    assert [(timed.key, timed.expires) for timed in found] == [("10.0.0.1", 50)]


OUTLINE = LiveTable("flow_offload", frozenset({"wan"}), rules={"forward": ("0123456789ab",)}, digests={"s": "a" * 12})


def nft(tmp_path: Path, objects: Any, sets: dict[str, str] | None = None) -> Nft:
    """An nft whose listing this is, of a table with these sets; `asked` has the arguments of each run."""
    (tmp_path / "listing").write_text(json.dumps({"nftables": objects}))
    (tmp_path / "asked").write_text("")
    (tmp_path / "nft").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/asked\ncat {tmp_path}/listing\n')
    (tmp_path / "nft").chmod(0o755)
    tables, outline = frozenset({"flow_offload"}), Outline(OUTLINE, sets or {"s": "set"})
    return Nft(str(tmp_path / "nft"), tables=lambda: tables, outline=lambda _: outline)


@pytest.mark.parametrize(
    "foreign",
    [
        {"set": {"name": "s", "type": "mark", "elem": ["sixteen"]}},
        {"set": {"name": "s", "type": {"typeof": {"concat": []}}, "elem": [{"concat": ["a", "b", "c"]}]}},
        {"set": {"type": "mark"}},
        {"map": {"name": "m", "type": "ipv6_addr", "elem": [["x", {"accept": None}]]}},
        {"map": {"name": "m", "type": "mark", "map": "mark", "elem": [[1, 2]]}},
    ],
)
def test_what_we_never_write_makes_it_another_table(tmp_path: Path, foreign: dict[str, Any]) -> None:
    """Such a table differs from any Plan, so it is made anew; it must not keep the service from looking."""
    assert nft(tmp_path, [foreign]).live(["flow_offload"]) == {"flow_offload": LiveTable("flow_offload")}


def test_a_set_whose_digest_is_the_wanted_one_is_not_listed(tmp_path: Path) -> None:
    door = nft(tmp_path, [{"set": {"name": "s", "type": "mark", "elem": [7]}}])
    wanted = replace(OUTLINE, elements={"s": frozenset({"0x00000009"})})
    assert door.live(["flow_offload"], {"flow_offload": wanted}) == {"flow_offload": wanted}
    assert (tmp_path / "asked").read_text() == ""


@pytest.mark.parametrize("known", [{}, {"flow_offload": replace(OUTLINE, digests={"s": "b" * 12})}])
def test_every_other_set_is_listed_by_its_name(tmp_path: Path, known: dict[str, LiveTable]) -> None:
    door = nft(tmp_path, [{"set": {"name": "s", "type": "mark", "elem": [7]}}])
    assert door.live(["flow_offload"], known)["flow_offload"].elements == {"s": frozenset({"0x00000007"})}
    assert (tmp_path / "asked").read_text() == "-n -j list set inet flow_offload s\n"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["elem", "val", "concat", "prefix", "addr", "len", "range", "goto"]), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


@gate
@given(kind=st.sampled_from(["mark", "ipv4_addr", "ipv6_addr", "ifname", CONCAT]), item=json_values)
def test_any_listing_is_read_or_refused_in_a_known_way(kind: str | list[str], item: Any) -> None:
    for each in ("set", "map"):
        try:
            listed(**{each: {"name": "s", "type": kind, "elem": [item]}})
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            continue
