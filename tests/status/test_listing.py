"""A Listing has the flows that a query selects, in its order, with the reasons that each has by itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, Entries, Entry, State, Tuple
from offload.model.text.networks import network
from offload.nouns import replace
from offload.status import listing as listings
from offload.status.flows import flows
from offload.status.listing import Explainer, Listing
from offload.status.query import SORTS, Query, select
from offload.status.shares import ShareCount
from status.routers import HOME, entry, packed, pair, plan

ADDRESSES = [
    *("192.168.1.50", "192.168.1.1", "192.168.2.50", "198.51.100.9", "203.0.113.7", "224.0.0.251", "10.9.9.9"),
    *("2001:db8::9", "fe80::1"),
]
DECIDED = plan(pair("lan", "wan", after=3), pair("guest", "wan"))

addresses = st.sampled_from([packed(address) for address in ADDRESSES])
ports = st.sampled_from([0, 53, 443])
counters = st.none() | st.tuples(st.integers(0, 5), st.integers(0, 5))


def of_one_family(ends: Tuple) -> bool:
    return len(ends.src) == len(ends.dst)


tuples = st.builds(Tuple, addresses, addresses, ports, ports).filter(of_one_family)
statuses = st.sampled_from([0, IPS_SEEN_REPLY, IPS_OFFLOAD, IPS_OFFLOAD | IPS_HW_OFFLOAD, IPS_SEEN_REPLY | 0x30])
entries = st.builds(
    Entry,
    st.sampled_from([1, 6, 17]), tuples, tuples, statuses, st.none() | st.integers(0, 9), st.just(0), counters,
    counters, st.none() | st.integers(0, 9), st.none() | st.just("ftp"),
).filter(lambda entry: len(entry.original.src) == len(entry.reply.src))  # fmt: skip
queries = st.builds(
    Query,
    st.none() | st.sampled_from(["lan", "wan"]),
    st.none() | st.sampled_from([network("192.168.1.0/24"), network("198.51.100.9"), network("2001:db8::/32")]),
    st.none() | st.sampled_from(list(State)),
    st.sampled_from([sign + word for word in SORTS for sign in ("", "-")]),
    st.none() | st.integers(0, 9),
    st.integers(0, 3),
)


@settings(deadline=None)
@given(st.lists(entries, max_size=12), queries, st.booleans())
def test_it_has_what_the_query_selects(found: list[Entry], query: Query, everything: bool) -> None:
    every = flows(found, HOME, DECIDED, everything=everything)
    count = ShareCount(HOME, DECIDED)
    count.add(entry.row for entry in found)
    listing = Listing(count, Entries(found), query, everything=everything)
    explainer = Explainer(count.ways, HOME, DECIDED)
    end = None if query.limit is None else query.offset + query.limit
    assert [explainer.flow(*row) for row in listing.rows(query.offset, end)] == select(every, query)
    assert len(listing) == len(select(every, replace(query, limit=None, offset=0)))


@pytest.mark.parametrize("sort", ["src", "-src"])
def test_long_lists_are_sorted_as_short_ones(sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [entry(f"192.168.1.5{each * 7 % 4}#5000 > 198.51.100.9#{each}") for each in range(20)]
    count = ShareCount(HOME, DECIDED)
    count.add(each.row for each in found)
    whole = Listing(count, Entries(found), Query(sort=sort))
    monkeypatch.setattr(listings, "RUN", 3)
    assert [*Listing(count, Entries(found), Query(sort=sort)).rows()] == [*whole.rows()]


@pytest.mark.parametrize(
    ("query", "times"), [({"sort": "src"}, 3 + 4 + 1), ({"host": network("192.168.1.0/24")}, 3), ({}, 0)]
)
def test_whoever_waits_is_asked_while_entries_are_read(
    query: dict[str, Any], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "EVERY", 3)
    monkeypatch.setattr(listings, "RUN", 3)
    found = [entry(f"192.168.1.50#{5000 + number} > 198.51.100.9#443") for number in range(10)]
    count, asked = ShareCount(HOME, DECIDED), list[int]()
    count.add(each.row for each in found)
    Listing(count, Entries(found), Query(**query), between=lambda: asked.append(1))
    assert len(asked) == times
