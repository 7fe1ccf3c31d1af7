"""Endings are counted by pair, once in a while, and none is made up."""

import os
import select

from hypothesis import given
from hypothesis import strategies as st

from offload.model.flow import Entry
from offload.service.memory.totals import Totals
from offload.service.tasks.accounting import APART, Accounting
from offload.status.lookup.zone_lookup import ZoneLookup
from service.routers import Fakes, router
from status.routers import HOME, entry, pair, plan

OUT = entry("192.168.1.2#5000 > 198.51.100.9#443", octets=(700, 300))
UNCOUNTED = entry("192.168.1.2#5001 > 198.51.100.9#443", octets=None)
OWN = entry("203.0.113.7#68 > 198.51.100.9#67")


class Told:
    """Stands where Endings stands; a pipe to poll."""

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        self.ended: list[Entry] = []
        self.whole = True

    def end(self, *entries: Entry) -> None:
        self.ended += entries
        os.write(self._writing, b".")

    def read(self) -> tuple[list[Entry], bool]:
        found, self.ended = self.ended, []
        if found or not self.whole:
            os.read(self.descriptor, 99)
        whole, self.whole = self.whole, True
        return found, whole

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._writing)


def tally(fakes: Fakes, told: Told, poll: select.poll) -> Accounting:
    made = Accounting(fakes.service, told)
    made.listen(poll)
    return made


def test_after_a_look_it_rests_and_looks_again_until_nothing_ends() -> None:
    fakes, told, poll = router(), Told(), select.poll()
    fakes.service.work()
    counting = tally(fakes, told, poll)
    told.end(OUT)
    assert poll.poll(0) == [(told.descriptor, select.POLLIN)]
    counting.run(poll, 100.0)
    told.end(OUT, OWN)
    assert poll.poll(0) == [] and counting.due == 100.0 + APART
    counting.run(poll, 105.0)
    assert counting.due == 105.0 + APART
    counting.run(poll, 110.0)
    assert counting.due is None
    told.end(UNCOUNTED)
    assert poll.poll(0)
    counting.run(poll, 111.0)
    assert fakes.service.totals.of(("lan", "wan")) == (3, 2000)
    assert fakes.service.totals.whole and fakes.service.totals.since
    counting.close()


def test_what_was_missed_is_told() -> None:
    fakes, told, poll = router(), Told(), select.poll()
    counting = tally(fakes, told, poll)
    told.whole = False
    told.end()
    counting.run(poll, 1.0)
    assert not fakes.service.totals.whole
    counting.close()


def test_a_kernel_that_tells_nothing_leaves_nothing_to_wait_for() -> None:
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
