"""One conntrack dump serves several calls, which take at most a tenth of the processor."""

import pytest

from offload.model.flow import Flow
from offload.service.bus import ubus_object
from offload.service.bus.explaining import flow_list
from offload.service.bus.ubus_object import METHODS, answer
from offload.service.memory import connections
from offload.service.memory.connections import CHEAP, LONGEST, SHARE, WALK
from offload.status.listing import Listing
from offload.status.reply.flow_reply import flow_json
from offload.system.netlink.ct.conntrack import FakeConntrack
from service.routers import Fakes, router
from status.routers import entry


class Clocks:
    """Time as the test says; each dump, and each list of it, takes `work` seconds of the processor."""

    def __init__(self, work: float) -> None:
        self.now, self.work, self.dumps, self.spent = 1000.0, work, 0, 0.0


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
    clocks, entries, listing = Clocks(2 * CHEAP), fakes.conntrack.entries, Listing
    monkeypatch.setattr(connections, "monotonic", lambda: clocks.now)
    for module in (connections, ubus_object):
        monkeypatch.setattr(module, "process_time", lambda: clocks.spent)

    def counted(_: FakeConntrack) -> object:
        clocks.dumps += 1
        clocks.spent += clocks.work
        return entries()

    def listed(*given: object, **options: object) -> object:
        clocks.spent += clocks.work
        return listing(*given, **options)  # type: ignore[arg-type]  # it passes on what it is given

    monkeypatch.setattr(FakeConntrack, "entries", counted)
    monkeypatch.setattr(connections, "Listing", listed)
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


def test_it_rests_until_dump_list_and_replies_took_a_tenth_of_the_time(
    fakes: Fakes, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(fakes, "status")
    asked(fakes, "flows")  # sorting is work too
    written = flow_json

    def costly(flow: Flow) -> object:
        clocks.spent += clocks.work / 9
        return written(flow)

    monkeypatch.setattr(flow_list, "flow_json", costly)
    asked(fakes, "flows")  # and so is what the reply says of its nine flows
    clocks.now += 3 * clocks.work / SHARE - 0.1
    asked(fakes, "status")
    assert clocks.dumps == 1
    clocks.now += 0.2
    asked(fakes, "status")
    assert clocks.dumps == 2


def test_a_pass_that_changes_nothing_costs_no_dump(fakes: Fakes, clocks: Clocks) -> None:
    asked(fakes, "status")
    assert asked(fakes, "reload")["changes"] == 0
    asked(fakes, "status")
    assert clocks.dumps == 1


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
    answer(fakes.service, METHODS["set"], {"zone": "lan", "mode": "none"})
    asked(fakes, "status")
    assert clocks.dumps == 2


def test_a_pass_in_the_middle_of_a_dump_makes_it_old(fakes: Fakes, clocks: Clocks) -> None:
    def passing() -> None:
        fakes.service.work(forced=["flow_offload"])

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
