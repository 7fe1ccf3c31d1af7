"""Queries for flows: which are selected, their order, and the sentence for an invalid query."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.errors import OffloadError
from offload.model.flow import IPS_DST_NAT, IPS_OFFLOAD
from offload.status import query_words
from offload.status.flows import flows
from offload.status.query import LARGEST, SORTS, Query, QueryError, select
from offload.status.query_words import KEYS
from status.routers import HOME, entry, plan

FLOWS = dict(
    zip(
        ("web", "bulk", "guest", "six", "forward"),
        flows(
            [
                entry("192.168.1.50#1 > 198.51.100.9#443", octets=(10, 20), packets=(9, 9)),
                entry("192.168.1.9#2 > 198.51.100.9#443", octets=(1000, 2000), packets=(4, 4), status=IPS_OFFLOAD),
                entry("192.168.2.50#3 > 198.51.100.8#53", octets=None, packets=None),
                entry("fd00:1::50#4 > 2001:db8:9::9#443", octets=(5, 5), packets=(1, 1)),
                entry(
                    "192.0.2.9#5 > 203.0.113.7#80", "192.168.1.80#80 > 192.0.2.9#5", octets=(1, 1), status=IPS_DST_NAT
                ),
            ],
            HOME,
            plan(),
        ),
        strict=True,
    )
)

ANSWERS = {
    "everything, most bytes first": ({}, "bulk web six forward guest"),
    "zone": ({"zone": "guest"}, "guest"),
    "zone at either end": ({"zone": "wan"}, "bulk web six forward guest"),
    "host": ({"host": "192.168.1.50"}, "web"),
    "host at the far end": ({"host": "198.51.100.9"}, "bulk web"),
    "host behind a port forward": ({"host": "192.168.1.80"}, "forward"),
    "network": ({"host": "192.168.1.0/24"}, "bulk web forward"),
    "network with host bits": ({"host": "192.168.2.50/24"}, "guest"),
    "host, IPv6": ({"host": "FD00:1::50"}, "six"),
    "everywhere, IPv6": ({"host": "::/0"}, "six"),
    "host, IPv4 written as IPv6": ({"host": "::ffff:192.168.1.50"}, "web"),
    "host without flows": ({"host": "10.0.0.1"}, ""),
    "state": ({"state": "software"}, "bulk"),
    "zone and state": ({"zone": "lan", "state": "slow"}, "web six forward"),
    "packets": ({"sort": "packets"}, "forward web bulk six guest"),
    "src": ({"sort": "src"}, "forward bulk web guest six"),
    "dest": ({"sort": "dest"}, "guest web bulk forward six"),
    "zones": ({"sort": "zone"}, "guest web bulk six forward"),
    "by state": ({"sort": "state"}, "web guest six forward bulk"),
    "by timeout": ({"sort": "timeout"}, "web bulk guest six forward"),
    "fewest bytes first": ({"sort": "-bytes"}, "guest forward six web bulk"),
    "src, the other way round": ({"sort": "-src"}, "six guest web bulk forward"),
    "by state, the other way round": ({"sort": "-state"}, "bulk web guest six forward"),
    "limit": ({"limit": 2}, "bulk web"),
    "limit as text": ({"limit": "2"}, "bulk web"),
    "limit nothing": ({"limit": 0}, ""),
    "offset": ({"offset": 3}, "forward guest"),
    "limit and offset": ({"limit": 1, "offset": 1}, "web"),
    "beyond the end": ({"offset": 99}, ""),
}


@pytest.mark.parametrize(("words", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answer(words: dict[str, object], expected: str) -> None:
    names = {id(flow): name for name, flow in FLOWS.items()}
    found = select(FLOWS.values(), Query.of(words))
    assert [names[id(flow)] for flow in found] == expected.split()


REFUSALS = {
    "unknown word": (
        {"hosts": "x"},
        "'hosts' cannot be asked for (did you mean 'host'?): use zone, host, state, sort, limit, offset",
    ),
    "host name": ({"host": "example.org"}, "host: 'example.org' is not an IPv4 or IPv6 address or network"),
    "a state like one": ({"state": "softwre"}, "state: 'softwre' is no state (did you mean 'software'?)"),
    "a word like one": ({"zonne": "lan"}, "'zonne' cannot be asked for (did you mean 'zone'?)"),
    "state": ({"state": "fast"}, "state: 'fast' is no state: write slow, software or hardware"),
    "sort": ({"sort": "size"}, "sort: 'size' is no order: write bytes, packets, src, dest, zone, state or timeout"),
    "sort twice the other way round": ({"sort": "--bytes"}, "sort: '--bytes' is no order (did you mean 'bytes'?)"),
    "sort by a list": ({"sort": ["bytes"]}, "is no order"),
    "negative limit": ({"limit": -1}, f"limit: '-1' is not a whole number from 0 to {LARGEST}"),
    "huge limit": ({"limit": 10**30}, "is not a whole number"),
    "just too large": ({"limit": LARGEST + 1}, "is not a whole number"),
    "no number": ({"offset": "ten"}, "offset: 'ten' is not a whole number"),
    "foreign digits": ({"offset": "\N{ARABIC-INDIC DIGIT ONE}"}, "is not a whole number"),
    "yes": ({"limit": True}, "limit: 'True' is not"),
    "empty zone": ({"zone": ""}, "zone: '' is not a name"),
    "zone number": ({"zone": 7}, "zone: '7' is not a name"),
    "nothing": ({"state": None}, "state: 'None' is no state"),
    "inverse of a mask": (
        {"host": "192.168.1.0/0.0.0.255"},
        "host: '192.168.1.0/0.0.0.255' is not an IPv4 or IPv6 address or network",
    ),
    "hostile": ({"host": "\x1b[2J" + "x" * 999}, "host: '?[2Jxxx"),
}


@pytest.mark.parametrize(("words", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_refusal(words: dict[str, object], sentence: str) -> None:
    with pytest.raises(QueryError) as refusal:
        Query.of(words)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert isinstance(refusal.value, OffloadError)


def test_zone_must_be_one_of_those_there_are() -> None:
    assert Query.of({"zone": "lan"}, zones=["lan", "wan"]).zone == "lan"
    with pytest.raises(QueryError, match=r"there is no zone 'lam' \(did you mean 'lan'\?\); the zones: lan, wan"):
        Query.of({"zone": "lam"}, zones=["lan", "wan"])


words_of_any_kind = st.dictionaries(
    st.sampled_from(KEYS) | st.text(),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.text())
    | st.sampled_from(["::/0", "bytes", "5"]),
)


def understood(words: dict[str, object]) -> Query | str:
    try:
        return Query.of(words)
    except QueryError as refusal:
        return str(refusal)


@settings(deadline=None)
@given(words_of_any_kind)
def test_any_words_are_a_query_or_a_sentence(words: dict[str, object]) -> None:
    query = understood(words)
    if isinstance(query, Query):
        assert set(map(id, select(FLOWS.values(), query))) <= {id(flow) for flow in FLOWS.values()}
    else:
        assert query.isprintable()


def test_the_words_that_the_command_shows_are_those_that_sort() -> None:
    assert set(query_words.SORTS) == set(SORTS)
