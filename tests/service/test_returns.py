"""A return of tables that fails is made by the next pass, and none counts for rules that it may not have met."""

from typing import TYPE_CHECKING

import pytest

from offload.errors import BusError
from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch, Ruleset
from offload.model.kernel.to_return import ToReturn
from offload.model.network import Station
from offload.service.bus import methods
from offload.service.engine import Engine
from offload.service.reconcile import Decided
from offload.service.roaming import follow
from offload.service.tasks import returns
from offload.system.ubus.client import FakeUbusClient
from service.firewalls import PickyNft, firewall_router
from service.routers import Fakes, router

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_a_table_that_a_pass_creates_because_it_is_gone_counts_as_returned() -> None:
    fakes = changed()
    phone_moves(fakes.service)
    fakes.nft.held, fakes.nft.took = {}, False
    fakes.service.touched = True
    applied = fakes.service.work()
    assert (applied.changes, applied.returned, applied.made) == (1, (), (TABLE,))
    assert due(fakes.service) == (None, None) and not follow.run(fakes.service)


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


class Twice:
    """A firewall whose load changes a deciding rule, so that the pass decides twice; `then` runs after the load."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.host = firewall_router()
        self.host.nft.included = limiting(5060)
        self.service.work()
        self.service.work()
        self.clock = self.host.fakes.clock
        self.clock.now += 10.0
        self.then: Callable[[], None] = lambda: None
        apply = PickyNft.apply

        def loads(nft: PickyNft, text: str) -> None:
            apply(nft, text)
            if "fw4" in text:
                nft.foreign = limiting(5061)
                self.then()

        patch.setattr(PickyNft, "apply", loads)

    @property
    def service(self) -> Engine:
        """The service of the router."""
        return self.host.service

    def created(self, *forced: str) -> int:
        """How often a pass with a load creates the table."""
        assert self.service.firewall is not None
        self.service.firewall.force()
        sent = len(self.host.nft.sent)
        assert self.service.work(forced=forced).changes == 2
        return sum("flowtable" in text for text in self.host.nft.sent[sent:])


def phone_moves(engine: Engine) -> None:
    """A station goes from one port of the LAN to another."""
    for port in ("lan1", "lan2"):
        engine.stations.station(Station("02:00:00:00:00:77", port), "br-lan")


@pytest.mark.parametrize("forced", [(), (TABLE,)], ids=["for routes and a station", "because it is owed"])
def test_a_pass_that_decides_twice_creates_a_table_once(
    monkeypatch: pytest.MonkeyPatch, forced: tuple[str, ...]
) -> None:
    twice = Twice(monkeypatch)
    if not forced:
        phone_moves(twice.service)
        twice.service.route_returns.changed(ToReturn.ALL, twice.clock.now)
        twice.clock.now += 1.0
    assert twice.created(*forced) == 1
    assert due(twice.service) == (None, None)


def test_a_station_that_moves_between_two_attempts_has_its_table_created_again(monkeypatch: pytest.MonkeyPatch) -> None:
    twice, read = Twice(monkeypatch), Engine.read

    def reads(engine: Engine) -> Decided:
        phone_moves(engine)
        return read(engine)

    twice.then = lambda: monkeypatch.setattr(Engine, "read", reads)
    assert twice.created(TABLE) == 2


def test_a_route_that_changes_between_two_attempts_waits_for_its_return(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Twice(monkeypatch)

    def changes() -> None:
        twice.service.route_returns.changed(ToReturn.ALL, twice.clock.now + 0.5)
        twice.clock.now += 1.0

    twice.then = changes
    assert twice.created() == 1
    assert returns.routes_due(twice.service) is not None
