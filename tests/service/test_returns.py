"""A return of tables that fails is made by the next pass, and none counts for rules that it may not have met."""

import pytest

from offload.errors import BusError
from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch, Ruleset
from offload.service.bus import methods
from offload.service.engine import Engine
from offload.service.tasks import returns
from offload.system.netlink.route.routing_rules import ToReturn
from offload.system.ubus.client import FakeUbusClient
from service.firewalls import PickyNft, firewall_router
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


CHAINS = (LiveChain("inet", "fw4", "forward", "forward"), LiveChain("inet", "banIP", "forward", "forward", -5))
BAN = LiveRule("inet", "banIP", "forward", ("drop",), digest=77)
EDGE = 1_600_000_000
TIMED = LiveRule("inet", "banIP", "forward", ("drop",), digest=5, matches=frozenset({"time"}), edges=frozenset({EDGE}))


def limiting(port: int, *others: LiveRule) -> Ruleset:
    """The firewall's rules, whose limit keeps a port slow: with another one, a load leads to another decision."""
    match = RuleMatch(proto="udp", dport=port)
    return CHAINS, (LiveRule("inet", "fw4", "forward", ("limit", "drop"), digest=port, match=match), *others)


@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize("port", [5060, 5061], ids=["one attempt", "two attempts"])
def test_a_ban_that_comes_after_a_load_waits_for_a_return(
    monkeypatch: pytest.MonkeyPatch, port: int, *, banned: bool
) -> None:
    host = firewall_router()
    host.nft.included = limiting(5060)
    host.service.work()
    host.service.work()
    apply = PickyNft.apply

    def loads(nft: PickyNft, text: str) -> None:
        apply(nft, text)
        if "fw4" in text:
            nft.foreign = limiting(port, BAN) if banned else limiting(port)
            nft.of_others += banned

    monkeypatch.setattr(PickyNft, "apply", loads)
    assert host.service.firewall is not None
    host.service.firewall.force()
    applied = host.service.work()
    assert (applied.loaded, applied.returned, applied.changes) == (True, (TABLE,), 1 if port == 5060 else 2)
    assert (returns.rules_due(host.service) is not None) is banned
    returns.for_rules(host.service)
    assert returns.rules_due(host.service) is None


def test_a_rule_whose_time_begins_after_a_load_waits_for_a_return(monkeypatch: pytest.MonkeyPatch) -> None:
    host, apply = firewall_router(), PickyNft.apply
    clock, began = host.fakes.clock, host.fakes.clock.now
    monkeypatch.setattr("offload.service.tasks.passes.time", lambda: EDGE - 0.5 + clock.now - began)
    host.nft.included = limiting(5060, TIMED)
    host.service.work()
    host.service.work()

    def slow(nft: PickyNft, text: str) -> None:
        apply(nft, text)
        if "fw4" in text:
            nft.foreign = limiting(5061, TIMED)
        clock.now += 1.0

    monkeypatch.setattr(PickyNft, "apply", slow)
    assert host.service.firewall is not None
    host.service.firewall.force()
    applied = host.service.work()
    assert (applied.loaded, applied.returned, applied.changes) == (True, (TABLE,), 2)
    due = returns.rules_due(host.service)
    assert due is not None and due < clock.now
