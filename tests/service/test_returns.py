"""A return of tables that fails is made by the next pass, and none counts for rules that it may not have met."""

import pytest

from offload.errors import BusError
from offload.service.bus import methods
from offload.service.engine import Engine
from offload.service.tasks import returns
from offload.system.netlink.route.routing_rules import ToReturn
from offload.system.ubus.client import FakeUbusClient
from service.routers import Fakes, router

TABLE = "flow_offload"
BUSY = "Could not process rule: Device or resource busy"


def due(engine: Engine) -> tuple[float | None, float | None]:
    """When tables are returned for rules and for routes."""
    return returns.rules_due(engine), returns.routes_due(engine)


def changed() -> Fakes:
    """A router with a table, where a return for rules and one for routes are due."""
    fakes = router()
    fakes.service.work()
    fakes.clock.now += 10.0
    fakes.service.rule_returns.changed(fakes.clock.now)
    fakes.service.route_returns.changed(ToReturn.ALL, fakes.clock.now)
    fakes.clock.now += 1.0
    return fakes


def test_a_return_that_nft_refuses_is_made_by_the_next_pass() -> None:
    fakes = changed()
    fakes.nft.refusals = [BUSY] * 6
    returns.for_rules(fakes.service)
    returns.for_routes(fakes.service)
    assert fakes.service.trouble, "so the loop repeats the pass"
    assert due(fakes.service) == (None, None), "and does not run this task again and again"
    fakes.nft.refusals = []
    assert fakes.service.work().returned == (TABLE,)
    assert fakes.service.work().returned == ()


def test_a_return_whose_pass_has_no_reply_of_netifd_is_made_by_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = changed()
    methods.exempt_add(fakes.service, {"match": {"src_ip": ["192.168.1.50"]}, "timeout": 3600})

    def silent(*_: object) -> dict[str, object]:
        raise BusError("netifd does not answer")

    with monkeypatch.context() as away:
        away.setattr(FakeUbusClient, "call", silent)
        returns.for_rules(fakes.service)
        returns.for_routes(fakes.service)
        assert (fakes.service.applied.returned, due(fakes.service)) == ((), (None, None))
    assert fakes.service.work().returned == (TABLE,)


def test_a_return_that_a_pass_owes_may_be_made_without_a_pass() -> None:
    fakes = changed()
    fakes.nft.refusals = [BUSY] * 3
    returns.for_rules(fakes.service)
    fakes.nft.refusals = []
    returns.for_routes(fakes.service)
    assert fakes.service.applied.returned == (TABLE,)
    assert fakes.service.work().returned == ()


def test_a_pass_that_nft_refuses_leaves_the_return_for_routes_to_be_made() -> None:
    fakes = changed()
    fakes.nft.refusals = [BUSY] * 3
    assert fakes.service.work().error
    routes = returns.routes_due(fakes.service)
    assert routes is not None and routes <= fakes.clock.now
    fakes.nft.refusals = []
    assert fakes.service.work().returned == (TABLE,)
    assert due(fakes.service) == (None, None)
