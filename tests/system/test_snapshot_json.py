"""The content of snapshot.json is the Snapshot that it was made of, and no other value passes for a number."""

import json
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.live_rule import MarkReader, PacketRule, RuleMatch, UnloadedFile
from offload.model.network import Address, Filter, ForwardChain, Kernel, Lack, Link, Qdisc, Route, RoutingRule, Snapshot
from offload.nouns import replace
from offload.system.directory.snapshot_json import snapshot, snapshot_json

text, flags, marks = st.text(max_size=8), st.booleans(), st.integers(0, 0xFFFFFFFF)
words, numbers, priorities = st.lists(text, max_size=3).map(tuple), st.integers(0, 2**31), st.integers(-400, 1000)
networks = st.ip_addresses().map(ip_network)


def several(of: Any, *fields: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.builds(of, *fields), max_size=3).map(tuple)


matches = st.builds(
    RuleMatch,
    *(text, text, text, st.none() | networks, st.none() | networks, text),
    *(st.integers(0, 65535), st.integers(0, 65535)),
)
rules = several(PacketRule, text, text, text, text, matches, text, marks)
snapshots = st.builds(
    Snapshot,
    links=several(Link, text, text, flags, text, words, flags, flags, flags, flags, numbers),
    addresses=several(Address, text, st.ip_addresses().map(ip_interface)),
    routes=several(Route, networks, words, numbers),
    rules=several(RoutingRule, st.sampled_from(["ipv4", "ipv6"]), marks, st.just(0xFFFFFFFF), numbers, flags),
    qdiscs=several(Qdisc, text, text, marks),
    filters=several(Filter, text, text, st.none() | marks, marks, flags, flags),
    mark_readers=several(MarkReader, text, text, text, st.none() | marks, marks),
    packet_rules=rules,
    legacy_tables=words,
    settings=st.dictionaries(text, numbers, max_size=3),
    kernel=st.builds(Kernel, text, flags, text, words, several(Lack, text, text), numbers, flags),
    firewall=text,
    forward_chains=several(ForwardChain, text, text, text, priorities),
    ingress_last=st.none() | priorities,
    missed=st.dictionaries(text, numbers, max_size=3),
    unloaded=several(UnloadedFile, text, rules, text),
)


def written(found: Snapshot) -> Snapshot:
    """What is written of a Snapshot: no comments of rules, and no numbers of devices."""

    def plain(several: tuple[PacketRule, ...]) -> tuple[PacketRule, ...]:
        return tuple(replace(rule, comment="") for rule in several)

    return replace(
        found,
        links=tuple(replace(link, index=0) for link in found.links),
        packet_rules=plain(found.packet_rules),
        unloaded=tuple(replace(file, rules=plain(file.rules)) for file in found.unloaded),
    )


def places(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The ways to each number in a JSON value."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, *path, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path


@given(snapshots)
def test_what_is_written_is_read_again(found: Snapshot) -> None:
    assert snapshot(json.loads(json.dumps(snapshot_json(found, {})))) == written(found)


@given(snapshots, st.data())
def test_true_is_no_number(found: Snapshot, data: st.DataObject) -> None:
    content = snapshot_json(found, {})
    *path, last = data.draw(st.sampled_from(list(places(content))))  # conntrack_max is always one
    owner: Any = content
    for key in path:
        owner = owner[key]
    owner[last] = data.draw(flags)
    with pytest.raises((TypeError, ValueError)):
        snapshot(json.loads(json.dumps(content)))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"addresses": [{"device": "br-lan", "address": 3232235777}]}, "'addresses: address' is not an address with"),
        ({"routes": [{"devices": ["wan"], "target": 0}]}, "'routes: target' is not a network"),
        ({"routes": [{"devices": ["wan"], "target": 1.5}]}, "'routes: target' is not a network"),
    ],
)
def test_a_number_is_no_address(found: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        snapshot(found)
