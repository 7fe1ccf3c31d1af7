"""Lost notifications of rtnetlink return all tables, for any route may have changed."""

from dataclasses import replace

import pytest

from offload.model.kernel.to_return import ToReturn
from offload.service.hints.debounce import Debouncer
from offload.service.hints.kernel_events import KernelEvents
from offload.service.hints.route_returns import GATHER
from offload.service.journal import Journal
from offload.service.tasks import returns
from offload.system.netlink.route.monitor import OVERRUN, FakeMonitor
from offload.system.syslog import FakeSystemLog
from service.routers import Fakes, router


def lost(routes: ToReturn) -> Fakes:
    """A router with a table, of which notifications were lost, after such changes of routes."""
    fakes, kernel = router(), FakeMonitor()
    fakes.service.work()
    kernel.of_links = replace(OVERRUN, routes=routes)
    KernelEvents(fakes.service, kernel, Debouncer(), Journal(FakeSystemLog(), fakes.clock)).links()
    kernel.close()
    return fakes


@pytest.mark.parametrize("routes", ToReturn)
def test_they_leave_what_routes_ask_for(routes: ToReturn) -> None:
    fakes = lost(routes)
    assert fakes.service.route_returns.what(fakes.clock()) is max(routes, ToReturn.LOST)


@pytest.mark.parametrize("by_pass", [False, True])
def test_all_tables_are_returned(*, by_pass: bool) -> None:
    fakes = lost(ToReturn.NOTHING)
    fakes.clock.now += GATHER
    fakes.service.work() if by_pass else returns.for_routes(fakes.service)
    assert fakes.service.applied.returned == ("flow_offload",)
    assert returns.routes_due(fakes.service) is None
