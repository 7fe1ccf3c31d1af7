"""Ended connections are counted, and a file preserves the totals over a restart."""

import json
import select
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.service.bus.ubus_object import METHODS, answer
from offload.service.counting import totals_file
from offload.service.counting.accounting import APART, Accounting
from offload.service.counting.saved_totals import LARGEST, read, written
from offload.service.counting.totals import MOST_PAIRS, Totals
from offload.service.engine import Engine
from offload.status.counts import WIDTH, Counts
from offload.status.text.tables import status_text
from offload.system.files.private_file import FakePrivateFile
from offload.system.netlink.ct.ctevents import FakeConntrackEvents
from service.routers import Fakes, router
from status.routers import entry, packed

OUT = entry("192.168.1.2#5000 > 198.51.100.9#443", octets=(700, 300))
UNCOUNTED = entry("192.168.1.2#5001 > 198.51.100.9#443", octets=None)
OWN = entry("203.0.113.7#68 > 198.51.100.9#67")


def sums(counts: Counts) -> tuple[int, int]:
    """Flows and bytes on all paths."""
    return sum(counts.flows), sum(counts.octets)


def tally(fakes: Fakes, events: FakeConntrackEvents, poll: select.poll) -> Accounting:
    return Accounting(fakes.service, events, poll)


def test_after_a_read_it_rests_and_reads_again_until_nothing_ends() -> None:
    fakes, events, poll = router(), FakeConntrackEvents(), select.poll()
    fakes.service.work()
    counting = tally(fakes, events, poll)
    events.end(OUT)
    assert poll.poll(0) == [(events.descriptor, select.POLLIN)]
    counting.run(fakes.service, 100.0)
    events.end(OUT, OWN)
    assert poll.poll(0) == [] and counting.due(fakes.service) == 100.0 + APART
    counting.run(fakes.service, 105.0)
    assert counting.due(fakes.service) == 105.0 + APART
    counting.run(fakes.service, 110.0)
    assert counting.due(fakes.service) is None
    events.end(UNCOUNTED)
    assert poll.poll(0)
    counting.run(fakes.service, 111.0)
    assert sums(fakes.service.totals.of(("lan", "wan"))) == (3, 2000)
    assert fakes.service.totals.whole and fakes.service.totals.since
    counting.close()


def test_missed_events_are_reported() -> None:
    fakes, events, poll = router(), FakeConntrackEvents(), select.poll()
    counting = tally(fakes, events, poll)
    events.whole = False
    events.end()
    counting.run(fakes.service, 1.0)
    assert not fakes.service.totals.whole
    counting.close()


def test_connections_that_end_before_the_first_decision_are_missed() -> None:
    fakes, events, poll = router(), FakeConntrackEvents(), select.poll()
    counting = tally(fakes, events, poll)
    counting.run(fakes.service, 1.0)
    assert fakes.service.totals.whole
    events.end(OUT)
    counting.run(fakes.service, 2.0)
    assert not fakes.service.totals.whole
    counting.close()


def test_without_events_of_the_kernel_nothing_is_polled() -> None:
    fakes, poll = router(), select.poll()
    counting = Accounting(fakes.service, None, poll)
    counting.run(fakes.service, 1.0)
    counting.close()
    assert (poll.poll(0), counting.due(fakes.service), fakes.service.totals.since) == ([], None, "")


SINCE = "2026-11-01T10:00:00+00:00"
LINE = ["lan", "wan", *range(WIDTH)]
NUMBERS = st.lists(st.integers(0, LARGEST), min_size=WIDTH, max_size=WIDTH).map(Counts.of)
NAMES = st.sampled_from(["lan", "wan", "guest", "*"])
KEYS = ["since", "whole", "pairs", "hosts", "others", "x"]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SINCE),
    lambda each: st.lists(each) | st.dictionaries(st.sampled_from(KEYS), each),
)


def counting() -> tuple[Fakes, FakePrivateFile]:
    """A service that counted three connections of lan and wan, and its file."""
    fakes, events, poll, file = router(), FakeConntrackEvents(), select.poll(), FakePrivateFile()
    fakes.service.doors = replace(fakes.service.doors, totals=file)
    fakes.service.work()
    tally(fakes, events, poll).run(fakes.service, 1.0)
    events.end(OUT, OUT, UNCOUNTED)
    tally(fakes, events, poll).run(fakes.service, 2.0)
    return fakes, file


def test_the_next_service_goes_on_counting() -> None:
    fakes, file = counting()
    since = fakes.service.totals.since
    totals_file.run(fakes.service, fakes.clock.now)
    assert totals_file.due(fakes.service) is None
    fakes.service = fakes.nft.service = Engine(fakes.service.doors)
    events, poll = FakeConntrackEvents(), select.poll()
    again = tally(fakes, events, poll)
    fakes.service.work()
    events.end(OUT)
    again.run(fakes.service, 3.0)
    assert (sums(fakes.service.totals.of(("lan", "wan"))), fakes.service.totals.since) == ((4, 3000), since)
    assert not fakes.service.totals.whole  # what ended while no service ran is missing
    assert totals_file.due(fakes.service) is not None and file.content
    shown = status_text(answer(fakes.service, METHODS["status"], {}))
    assert f"ENDED SINCE {since[:10]} {since[11:16]} UTC" in shown
    assert "at least 4  at least 3.0 kB" in shown


def test_a_service_that_made_no_pass_writes_nothing() -> None:
    fakes, file = router(), FakePrivateFile(b"of another service")
    fakes.service.doors = replace(fakes.service.doors, totals=file)
    tally(fakes, FakeConntrackEvents(), select.poll())
    assert totals_file.due(fakes.service) is None
    totals_file.run(fakes.service, 1.0)
    assert file.content == b"of another service"


def test_totals_that_cannot_be_written_are_reported_once_and_tried_again() -> None:
    fakes, file = counting()
    fakes.service.news.clear()
    file.refusal = "/var/run/offload/totals.json cannot be written: No space left on device"
    for _ in range(2):
        totals_file.run(fakes.service, fakes.clock.now)
        assert totals_file.due(fakes.service) == fakes.clock.now + totals_file.APART
    assert fakes.service.news == [("offload.degraded", {"error": file.refusal})]


def test_totals_that_cannot_be_read_are_reported_and_counting_begins_anew() -> None:
    fakes, file = counting()
    file.refusal = "/var/run/offload/totals.json cannot be read: it belongs to another user"
    fakes.service = Engine(fakes.service.doors)
    tally(fakes, FakeConntrackEvents(), select.poll())
    assert fakes.service.news == [("offload.degraded", {"error": file.refusal})]
    assert fakes.service.totals.since and fakes.service.totals.whole


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), NUMBERS),
    st.dictionaries(st.ip_addresses(), NUMBERS),
    NUMBERS,
    st.booleans(),
)
def test_totals_that_were_written_are_read(
    pairs: dict[tuple[str, str], Counts], hosts: dict[Any, Counts], others: Counts, whole: bool
) -> None:
    totals = Totals(since=SINCE, whole=whole, others=others)
    totals.pairs.update(pairs)
    totals.hosts.update({host.packed: counts for host, counts in hosts.items()})
    assert read(written(totals)) == totals


def test_a_number_that_others_cannot_read_is_written_as_the_largest() -> None:
    totals = Totals(since=SINCE)
    totals.pairs["lan", "wan"] = Counts.of([LARGEST + 1] * WIDTH)
    found = read(written(totals))
    assert found is not None and found.of(("lan", "wan")).numbers == [LARGEST] * WIDTH


@given(st.binary() | st.text().map(str.encode) | ODD.map(lambda each: json.dumps(each).encode()))
def test_any_bytes_can_be_read(content: bytes) -> None:
    found = read(content)
    assert found is None or (found.since and isinstance(found.whole, bool) and read(written(found)) == found)


def file(**words: object) -> bytes:
    return json.dumps({"since": SINCE, "whole": True} | words).encode()


@pytest.mark.parametrize(
    "line",
    [
        *([], "lan", LINE[:-1], [*LINE, 1], ["lan", "wan", -1, *LINE[3:]], ["lan", "wan", 1.5, *LINE[3:]]),
        *(["lan", "wan", True, *LINE[3:]], ["", *LINE[1:]], ["l" * 123, *LINE[1:]], ["la\nn", *LINE[1:]]),
        *(["lan", 5, *LINE[2:]], ["lan", "wan", LARGEST + 1, *LINE[3:]]),
    ],
)
def test_a_pair_that_cannot_be_meant_is_passed_over(line: object) -> None:
    found = read(file(pairs=[line, LINE]))
    assert found is not None and found.pairs == {("lan", "wan"): Counts.of(range(WIDTH))}


@pytest.mark.parametrize("host", ["192.168.1.999", "", 5, None, "192.168.1.0/24"])
def test_a_host_that_cannot_be_meant_is_passed_over(host: object) -> None:
    found = read(file(hosts=[[host, *range(WIDTH)], ["fd00::1", *range(WIDTH)], []]))
    assert found is not None and found.hosts == {packed("fd00::1"): Counts.of(range(WIDTH))}


@pytest.mark.parametrize(
    "since", [None, 5, "", "yesterday", "2026-11-01T10:00:00", "2026-11-01" * 9, "0001-01-01T00:00+14:00"]
)
def test_a_file_without_a_time_is_none(since: object) -> None:
    assert read(json.dumps({"since": since, "whole": True, "pairs": [LINE]}).encode()) is None


def test_the_file_of_totals_is_bounded() -> None:
    pairs = [[f"zone{number}", "wan", *[1] * WIDTH] for number in range(MOST_PAIRS + 1)]
    found = read(file(pairs=pairs))
    assert found is not None and len(json.loads(written(found))["pairs"]) == MOST_PAIRS
