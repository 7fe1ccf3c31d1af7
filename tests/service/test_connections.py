"""One conntrack dump serves several calls, for nine times as long as it took."""

import pytest

from offload.service.bus.ubus_object import METHODS, answer
from offload.service.memory import connections
from offload.service.memory.connections import CHEAP, LONGEST, REST, WALK
from offload.system.netlink.ct.conntrack import FakeConntrack
from service.routers import Fakes, router
from status.routers import entry


class Clocks:
    """Time as the test says; each dump takes `work` seconds."""

    def __init__(self, work: float) -> None:
        self.now, self.work, self.dumps, self._spent = 1000.0, work, 0, 0.0

    def spent(self) -> float:
        """Half of the work before a dump and half behind it: every second reading ends one."""
        self._spent += self.work
        return self._spent


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    fakes = router()
    fakes.service.work()
    fakes.conntrack.held = [
        entry(f"192.168.1.50#{5000 + number} > 198.51.100.9#443", octets=(number, 0)) for number in range(9)
    ]
    return fakes


@pytest.fixture(name="clocks")
def _clocks(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks, entries = Clocks(2 * CHEAP), fakes.conntrack.entries
    monkeypatch.setattr(connections, "monotonic", lambda: clocks.now)
    monkeypatch.setattr(connections, "process_time", clocks.spent)

    def counted(_: FakeConntrack) -> object:
        clocks.dumps += 1
        return entries()

    monkeypatch.setattr(FakeConntrack, "entries", counted)
    return clocks


def asked(fakes: Fakes, method: str, **query: object) -> dict[str, object]:
    reply = answer(fakes.service, METHODS[method], {"query": query} if method == "flows" else {})
    assert reply["ok"], reply
    return reply


def test_status_and_flows_of_one_beat_share_a_dump(fakes: Fakes, clocks: Clocks) -> None:
    asked(fakes, "status")
    clocks.now += 0.5
    assert asked(fakes, "flows")["age"] == 0.5
    assert clocks.dumps == 1


def test_it_rests_nine_times_as_long_as_the_work_with_it_took(fakes: Fakes, clocks: Clocks) -> None:
    asked(fakes, "status")
    asked(fakes, "flows")  # sorting is work too
    clocks.now += REST * 2 * clocks.work - 0.1
    asked(fakes, "status")
    assert clocks.dumps == 1
    clocks.now += 0.2
    asked(fakes, "status")
    assert clocks.dumps == 2


def test_a_cheap_dump_is_made_anew_each_time(fakes: Fakes, clocks: Clocks) -> None:
    clocks.work = CHEAP / 2
    for expected in (1, 2):
        asked(fakes, "status")
        assert clocks.dumps == expected
    assert fakes.service.connections.last is None


def test_pages_come_from_the_dump_of_the_first(fakes: Fakes, clocks: Clocks) -> None:
    first = asked(fakes, "flows", limit=5)
    fakes.conntrack.held = []
    clocks.now += WALK - 1
    second = asked(fakes, "flows", limit=5, offset=5)
    assert clocks.dumps == 1
    flows = [*first["flows"], *second["flows"]]  # type: ignore[misc]
    assert [flow["bytes"] for flow in flows] == [*range(8, -1, -1)]
    assert asked(fakes, "flows", limit=5)["total"] == 0


def test_a_page_that_is_asked_for_again_and_again_gets_new(fakes: Fakes, clocks: Clocks) -> None:
    asked(fakes, "flows", limit=5)
    for _ in range(int(LONGEST / (WALK - 1)) + 1):
        clocks.now += WALK - 1
        asked(fakes, "flows", limit=5, offset=5)
    assert clocks.dumps == 2


def test_what_changed_is_shown_at_once(fakes: Fakes, clocks: Clocks) -> None:
    asked(fakes, "status")
    asked_reload = answer(fakes.service, METHODS["reload"], {})
    assert asked_reload["ok"]
    asked(fakes, "status")
    assert clocks.dumps == 2


def test_a_pass_in_the_middle_of_a_dump_makes_it_old(fakes: Fakes, clocks: Clocks) -> None:
    def passing() -> None:
        fakes.service.work()

    fakes.conntrack.between = passing
    asked(fakes, "status")
    fakes.conntrack.between = lambda: None
    asked(fakes, "status")
    assert clocks.dumps == 2


def test_memory_is_given_back(fakes: Fakes, clocks: Clocks) -> None:
    asked(fakes, "status")
    connections = fakes.service.connections
    connections.tidy(clocks.now + WALK - 1)
    assert connections.last is not None
    connections.tidy(clocks.now + WALK)
    assert connections.last is None
    assert connections.due() is None
