"""Endings are counted by pair, once in a while, and none is made up."""

import select

from hypothesis import given
from hypothesis import strategies as st

from offload.model.flow import Entry
from offload.service.memory.totals import Totals
from offload.service.tasks.accounting import APART, Accounting
from offload.status.lookup.zone_lookup import ZoneLookup
from offload.system.netlink.ct.ctevents import FakeConntrackEvents
from service.routers import Fakes, router
from status.routers import HOME, entry, pair, plan

OUT = entry("192.168.1.2#5000 > 198.51.100.9#443", octets=(700, 300))
UNCOUNTED = entry("192.168.1.2#5001 > 198.51.100.9#443", octets=None)
OWN = entry("203.0.113.7#68 > 198.51.100.9#67")


def tally(fakes: Fakes, events: FakeConntrackEvents, poll: select.poll) -> Accounting:
    made = Accounting(fakes.service, events)
    made.listen(poll)
    return made


def test_after_a_read_it_rests_and_reads_again_until_nothing_ends() -> None:
    fakes, events, poll = router(), FakeConntrackEvents(), select.poll()
    fakes.service.work()
    counting = tally(fakes, events, poll)
    events.end(OUT)
    assert poll.poll(0) == [(events.descriptor, select.POLLIN)]
    counting.run(poll, 100.0)
    events.end(OUT, OWN)
    assert poll.poll(0) == [] and counting.due == 100.0 + APART
    counting.run(poll, 105.0)
    assert counting.due == 105.0 + APART
    counting.run(poll, 110.0)
    assert counting.due is None
    events.end(UNCOUNTED)
    assert poll.poll(0)
    counting.run(poll, 111.0)
    assert fakes.service.totals.of(("lan", "wan")) == (3, 2000)
    assert fakes.service.totals.whole and fakes.service.totals.since
    counting.close()


def test_missed_events_are_reported() -> None:
    fakes, events, poll = router(), FakeConntrackEvents(), select.poll()
    counting = tally(fakes, events, poll)
    events.whole = False
    events.end()
    counting.run(poll, 1.0)
    assert not fakes.service.totals.whole
    counting.close()


def test_without_events_of_the_kernel_nothing_is_polled() -> None:
    fakes, poll = router(), select.poll()
    counting = Accounting(fakes.service, None)
    counting.listen(poll)
    counting.run(poll, 1.0)
    counting.close()
    assert (poll.poll(0), counting.due, fakes.service.totals.since) == ([], None, "")


@given(st.lists(st.lists(st.sampled_from([OUT, UNCOUNTED, OWN]), max_size=5), max_size=5))
def test_the_total_is_the_sum_of_what_ended(batches: list[list[Entry]]) -> None:
    places, totals = ZoneLookup(HOME, plan(pair("lan", "wan"))), Totals()
    for batch in batches:
        totals.add(batch, places)
    every = [each for batch in batches for each in batch]
    counted = every.count(OUT) + every.count(UNCOUNTED), 1000 * every.count(OUT)
    assert totals.of(("lan", "wan")) == counted
    assert totals.of(("wan", "lan")) == (0, 0)
