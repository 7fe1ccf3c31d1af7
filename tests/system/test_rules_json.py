"""Rules that treat packets one by one, written and read again."""

import json
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.live_rule import PacketRule, RuleMatch
from offload.nouns import replace
from offload.system.directory.rules_json import packet_rules, packet_rules_json

words = st.sampled_from(["", "br-lan", "ipv4"])
networks = st.sampled_from([None, ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
numbers = st.integers(0, 65535)
rules = st.builds(
    PacketRule,
    words,
    words,
    words,
    words,
    st.builds(RuleMatch, words, words, words, networks, networks, words, numbers, numbers),
    words,
    numbers,
)


@given(st.lists(rules))
def test_what_is_written_is_read_without_comments(found: list[PacketRule]) -> None:
    text = json.dumps({"packet_rules": packet_rules_json(found)})
    assert packet_rules(json.loads(text)) == tuple(replace(rule, comment="") for rule in found)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "'packet_rules' is not a list"),
        ([1], "'packet_rules' is not a list"),
        ([{"table": 1}], "'packet_rules: table' is not str"),
        ([{"match": []}], "'packet_rules: match' is not dict"),
        ([{"match": {"sport": "x"}}], "'packet_rules: sport' is not int"),
        ([{"match": {"src": 167772161}}], "'packet_rules: src' is not an address or network"),
        ([{"match": {"src": "nowhere"}}], "'packet_rules: src' is not an address or network"),
    ],
)
def test_what_is_wrong_is_named(found: object, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        packet_rules({"packet_rules": found})
