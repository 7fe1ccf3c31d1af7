"""The work that has a time of its own: nothing is due before the first pass, and a task may run too early."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exempts import exempt_of
from offload.errors import NftError
from offload.model.cause import Cause
from offload.model.kernel.live import RuleId
from offload.model.kernel.live_rule import Deciding
from offload.model.log import LogLevel
from offload.service.engine import Engine
from offload.service.hints.config_check import ConfigCheck
from offload.service.hints.debounce import Debouncer
from offload.service.hints.rule_returns import AFTER_EDGE
from offload.service.journal import Journal
from offload.service.refusing import cut_refused
from offload.service.tasks import returns
from offload.service.tasks.timed import (
    LOOK,
    ClockSet,
    RefusedConnections,
    RoutesChanged,
    RulesOfOthers,
    Task,
    TimedExemptsEnd,
    tasks,
)
from offload.system.fake_nft import FakeNft
from offload.system.files.private_file import FakePrivateFile
from offload.system.syslog import FakeSystemLog
from service.routers import OFFLOAD, Fakes, HoldingNft, router, section

COUNT = 12


def listed(fakes: Fakes, hints: Debouncer | None = None) -> tuple[Task, ...]:
    return tasks(Journal(FakeSystemLog(), fakes.clock), hints or Debouncer(), ConfigCheck())


def test_every_task_is_on_the_list() -> None:
    assert len(listed(router())) == COUNT


@pytest.mark.parametrize("number", range(COUNT))
def test_before_the_first_pass_nothing_is_due(number: int) -> None:
    fakes = router()
    fakes.service.doors = replace(fakes.service.doors, stations=FakePrivateFile(), totals=FakePrivateFile())
    assert listed(fakes)[number].due(fakes.service) is None


@pytest.mark.parametrize("number", range(COUNT))
def test_a_task_that_is_run_though_nothing_is_due_sends_nothing(number: int) -> None:
    fakes, hints = router(), Debouncer()
    fakes.service.work()
    sent = len(fakes.nft.sent)
    task = listed(fakes, hints)[number]
    if isinstance(task, RoutesChanged | RulesOfOthers):
        return  # it returns tables, whenever it is run
    task.run(fakes.service, fakes.clock.now)
    assert (len(fakes.nft.sent), hints.due()) == (sent, None)


def test_a_clock_that_is_set_returns_tables_while_rules_have_times(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes, hints = router(), Debouncer()
    fakes.service.work()
    now, wall = fakes.clock.now, 1.6e9
    monkeypatch.setattr("offload.service.tasks.timed.time.time", lambda: wall)
    task = ClockSet(hints)
    assert task.due(fakes.service) is None
    edge = int(wall) + 3600
    fakes.service.rule_returns.update(replace(fakes.service.foreign.deciding, edges=frozenset({edge})), now, wall)
    due = fakes.service.rule_returns.due(now)
    for later, step in ((0.0, 0.0), (LOOK, 0.5)):  # the first look, and a small correction of the clock
        wall += later + step
        task.run(fakes.service, now + later)
        assert (hints.due(), fakes.service.rule_returns.due(now)) == (None, due)
    wall = edge + 10.0
    task.run(fakes.service, now + 2 * LOOK)
    assert hints.cause is Cause.CLOCK
    assert fakes.service.rule_returns.due(now) == now + 2 * LOOK
    fakes.service.rule_returns.returned(now + 2 * LOOK, wall)
    assert fakes.service.rule_returns.due(now) is None


@pytest.mark.parametrize("how", ["return", "pass"])
def test_a_time_that_begins_while_tables_are_created_returns_them_once_more(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """That may take a second on a small router, and the first of the tables was there before the rule held."""
    fakes = router()
    edge, clock, apply = 1_600_000_000, fakes.clock, type(fakes.nft).apply
    began = clock.now

    def wall() -> float:
        return edge - 0.5 + clock.now - began

    for place in ("tasks.returns.time.time", "tasks.passes.time", "roaming.follow.time"):
        monkeypatch.setattr(f"offload.service.{place}", wall)
    monkeypatch.setattr(fakes.service.foreign, "deciding", Deciding(1, edges=frozenset({edge})))
    monkeypatch.setattr(fakes.service.foreign, "read", lambda _: fakes.service.foreign.found)
    fakes.service.work()
    assert fakes.service.rule_returns.due(clock.now) == pytest.approx(began + 0.5 + AFTER_EDGE)

    def slow(nft: HoldingNft, text: str) -> None:
        apply(nft, text)
        clock.now += 1.0

    monkeypatch.setattr(type(fakes.nft), "apply", slow)
    returns.for_rules(fakes.service) if how == "return" else fakes.service.work(forced=["flow_offload"])
    assert fakes.service.applied.returned == ("flow_offload",)
    due = fakes.service.rule_returns.due(clock.now)
    assert due is not None and due < clock.now


def test_a_timed_exempt_that_ends_hints_a_pass() -> None:
    fakes, hints = router(), Debouncer()
    fakes.service.work()
    fakes.service.timed_exempts.add(exempt_of("", "match", src_mac=("02:00:00:00:00:77",)), 5, fakes.clock.now)
    task = TimedExemptsEnd(hints)
    assert task.due(fakes.service) == fakes.clock.now + 5
    task.run(fakes.service, fakes.clock.now + 6)
    assert hints.cause is Cause.EXEMPT_ENDED and hints.due() is not None and task.due(fakes.service) is None


def test_what_keeps_connections_from_being_judged_is_a_line_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes, log = router(), FakeSystemLog()
    fakes.uci.packages["offload"] = (*OFFLOAD, section("offload", "globals", "globals", cut_refused="1"))
    fakes.service.work()
    task = RefusedConnections(Journal(log, fakes.clock))
    assert task.due(fakes.service) == fakes.clock.now

    def handles(_: str) -> frozenset[RuleId]:
        raise NftError("nft did not answer within 10 seconds")

    monkeypatch.setattr(FakeNft, "handles", lambda _, table: handles(table))
    task.run(fakes.service, fakes.clock.now)
    assert log.lines == [(LogLevel.ERR, "cut_refused: nft did not answer within 10 seconds")]
    assert task.due(fakes.service) == fakes.clock.now + cut_refused.AGAIN


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("make", [returns.for_rules, returns.for_routes])
def test_without_tables_nothing_is_returned_and_no_pass_is_made(
    make: Callable[[Engine], None], *, decided: bool
) -> None:
    fakes = router()
    fakes.uci.packages["offload"] = ()
    if decided:
        fakes.service.work()
        assert fakes.service.decided is not None
        assert not fakes.service.decided.plan.tables
    passes, applied = fakes.service.passes, fakes.service.applied
    make(fakes.service)
    assert fakes.service.passes == passes
    assert fakes.service.applied is applied
