"""Which connections `cut` ends: those of a pair, zone, host or tuple, and no others."""

import pytest

from offload.errors import KernelError
from offload.model.flow import Tuple
from offload.service.bus.cut import Selection, cut
from offload.status.query import Query
from offload.system.netlink.ct.conntrack import FakeConntrack
from status.routers import HOME, entry, packed, pair, plan

PLAN = plan(pair("lan", "wan"), pair("guest", "wan"))
PHONE = entry("192.168.1.10#1000 > 198.51.100.1#443", proto=6)
LAPTOP = entry("192.168.1.11#1000 > 198.51.100.1#443", proto=6)
VISITOR = entry("192.168.2.10#1000 > 198.51.100.1#443")
PING = entry("192.168.1.12#0 > 198.51.100.1#0", proto=1)
OURS = entry("192.168.1.10#1000 > 192.168.1.1#22", proto=6)
BOTH = frozenset({PHONE.original, LAPTOP.original})

SELECTIONS = {
    "another zone": (Selection(query=Query.of({"zone": "guest"})), [VISITOR]),
    "a zone": (Selection(query=Query.of({"zone": "lan"})), [PHONE, LAPTOP, PING]),
    "a ping": (Selection(query=Query.of({"host": "192.168.1.12"})), [PING]),
    "a host": (Selection(query=Query.of({"host": "192.168.1.10"})), [PHONE]),
    "one": (Selection(tuples=frozenset({LAPTOP.original})), [LAPTOP]),
    "every condition has to fit": (Selection(Query.of({"host": "192.168.1.11"}), BOTH), [LAPTOP]),
    "no connection fits": (Selection(Query.of({"zone": "dmz"})), []),
}


@pytest.mark.parametrize(("selection", "ended"), SELECTIONS.values(), ids=SELECTIONS)
def test_those_meant_end_and_no_others(selection: Selection, ended: list[object]) -> None:
    fake = FakeConntrack([PHONE, LAPTOP, VISITOR, PING, OURS])
    assert cut(selection, HOME, PLAN, fake).ended == len(ended)
    assert fake.deleted == ended


@pytest.mark.parametrize("query", [None, Query(), Query.of({"sort": "src", "limit": 5})])
def test_nothing_named_ends_nothing(query: Query | None) -> None:
    fake = FakeConntrack([PHONE])
    assert cut(Selection(query), HOME, PLAN, fake).error
    assert not fake.deleted


def test_a_tuple_is_the_original_one() -> None:
    back = Tuple(packed("198.51.100.1"), packed("192.168.1.10"), 443, 1000)
    assert cut(Selection(tuples=frozenset({back})), HOME, PLAN, FakeConntrack([PHONE])).asked == 0


def test_a_kernel_that_cannot_be_asked_is_a_sentence() -> None:
    found = cut(Selection(Query.of({"zone": "lan"})), HOME, PLAN, FakeConntrack(error=KernelError("no ctnetlink")))
    assert found.error == "no ctnetlink"
