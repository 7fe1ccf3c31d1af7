"""How the loop takes a notification that nftables changed: which ones are echoes of its own transactions."""

import select
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exempts import exempt_of
from offload.errors import BusError
from offload.model.cause import Cause
from offload.model.kernel.live_rule import Deciding
from offload.model.kernel.to_return import ToReturn
from offload.model.log import LogLevel
from offload.service.bus import methods
from offload.service.checking.check import check
from offload.service.counting import looking
from offload.service.counting.accounting import Accounting
from offload.service.engine import HARDWARE, SOFTWARE, Engine
from offload.service.hints.config_check import ConfigCheck
from offload.service.hints.debounce import FIGHTING, Debouncer
from offload.service.hints.debounce import GATHER as GATHERED
from offload.service.hints.route_returns import APART, GATHER
from offload.service.hints.rule_returns import GATHER as STOP_GATHER
from offload.service.journal import Journal
from offload.service.loop import Loop
from offload.service.roaming.follow import return_tables
from offload.service.roaming.return_budget import MOST_RETURNS
from offload.service.tasks import hardware, returns
from offload.service.tasks.timed import ConfigFiles, HardwareSample, Task, TimedExemptsEnd
from offload.system.config.uci import Uci
from offload.system.netifd import DUMP
from offload.system.netlink.route.messages import Notification
from offload.system.netlink.route.monitor import OVERRUN, FakeMonitor
from offload.system.syslog import FakeSystemLog
from offload.system.ubus.server import FakeUbusServer
from service.routers import OFFLOAD, Fakes, router, section

OURS, THEIRS = frozenset({"flow_offload"}), frozenset({"fw4"})


def looped(fakes: Fakes, *, refusal: str = "") -> tuple[Loop, FakeMonitor]:
    """A loop over fakes, and the kernel that it listens to; `refusal`: why ubus does not take its objects."""
    kernel, ubus = FakeMonitor(), FakeUbusServer()
    ubus.refusal = refusal
    journal, poll = Journal(FakeSystemLog(), fakes.clock), select.poll()
    accounting = Accounting(fakes.service, None, poll)
    return Loop(fakes.service, kernel, accounting, ubus, journal, kernel.descriptors[0], poll), kernel


def heard(notice: Notification, sent: int, fakes: Fakes | None = None) -> Loop:
    """A loop that has sent so many transactions and then receives this notification."""
    there = fakes or router()
    loop, kernel = looped(there)
    kernel.of_nftables = notice
    there.nft.sent = [""] * sent
    loop.events.transactions()
    assert loop.events.counted == sent  # an echo that never came is not taken for the next one
    kernel.close()
    return loop


def watched(notice: Notification, sent: int) -> Debouncer:
    """The debouncer of such a loop, with the passes that are due."""
    return heard(notice, sent).debouncer


@pytest.mark.parametrize(("name", "news"), [("hosts", True), ("others", False)])
def test_an_element_of_a_verdict_map_that_packets_meet_is_news(name: str, *, news: bool) -> None:
    fakes = router()
    fakes.service.rule_returns.update(Deciding(maps=frozenset({("limits", "hosts")})), 0.0, 0.0)
    elements = frozenset({("limits", name)})
    loop = heard(Notification(generations=1, tables=frozenset({"limits"}), elements=elements), 0, fakes)
    assert (loop.debouncer.due() is not None) is news


@pytest.mark.parametrize(
    ("notice", "sent", "news"),
    [
        (Notification(generations=1, tables=OURS), 1, False),
        (Notification(generations=1, tables=OURS, causes=(Cause.TABLE,)), 1, False),
        (Notification(generations=2, tables=OURS), 1, True),
        (Notification(generations=1, tables=OURS), 0, True),
        (Notification(generations=1, tables=THEIRS), 0, False),
        (Notification(generations=1, tables=THEIRS, causes=(Cause.TABLE,)), 0, True),
        (Notification(generations=1, tables=THEIRS, causes=(Cause.FIREWALL,)), 0, True),
        (Notification(generations=3, tables=OURS | THEIRS), 2, True),
        (OVERRUN, 1, True),
        (Notification(), 1, False),
    ],
)
def test_only_what_is_more_than_our_own_is_news(notice: Notification, sent: int, *, news: bool) -> None:
    assert (watched(notice, sent).due() is not None) is news


@pytest.mark.parametrize(
    ("notice", "sent", "touched"),
    [
        (Notification(generations=1, tables=OURS), 1, False),
        (Notification(generations=1, tables=OURS), 0, True),
        (Notification(generations=2, tables=OURS | THEIRS), 1, True),
        (Notification(generations=1, tables=THEIRS, causes=(Cause.FIREWALL,)), 0, False),
        (OVERRUN, 0, True),
    ],
)
def test_sets_are_listed_after_others_may_have_changed_them(notice: Notification, sent: int, *, touched: bool) -> None:
    fakes = router()
    fakes.service.touched = False
    assert heard(notice, sent, fakes).engine.touched is touched


def test_a_firewall_that_is_reloaded_does_not_fight_us() -> None:
    """Only who changes our tables makes us mend them slower and slower."""
    assert watched(Notification(generations=1, tables=THEIRS, causes=(Cause.FIREWALL,)), 0).cause == Cause.FIREWALL
    assert watched(Notification(generations=1, tables=THEIRS | OURS, causes=(Cause.FIREWALL,)), 0).cause == Cause.TABLES

    theirs = (Cause.TABLE, Cause.CHAIN)
    assert watched(Notification(generations=1, tables=THEIRS, causes=theirs), 0).cause == Cause.TABLE


def test_a_fight_beside_other_hints_is_one() -> None:
    """However often links flap: what restores our tables makes the next pass wait longer."""
    fakes = router()
    loop, _ = looped(fakes)
    for _ in range(3):
        loop._hint(Cause.TABLES)
        loop._hint(Cause.LINK)
        fakes.nft.live(["flow_offload"])
        fakes.nft.held, fakes.service.touched = {}, True
        loop._work()
    loop._hint(Cause.LINK)
    assert (loop.debouncer.due() or 0.0) - loop.debouncer._ended == FIGHTING


@pytest.mark.parametrize(("alone", "upgrading", "goes"), [(True, False, True), (True, True, False), (False,) * 3])
def test_tables_go_with_the_service_that_has_the_name(*, alone: bool, upgrading: bool, goes: bool) -> None:
    """One that only waited for its name on ubus would take away the tables of the one that has it."""
    fakes = router()
    fakes.service.work()
    fakes.nft.live(["flow_offload"])
    fakes.nft.sent.clear()
    refusal = "" if alone else "ubus does not take our objects: is another offload service running?"
    loop, _ = looped(fakes, refusal=refusal)
    loop.upgrading = upgrading
    loop._connect(0.0)
    loop._leave()
    assert bool(fakes.nft.sent) is goes


def test_the_service_is_on_ubus_within_two_seconds_however_long_ubusd_was_away() -> None:
    loop, _ = looped(router(), refusal="ubusd cannot be reached")
    pauses = []
    for now in range(0, 1000, 100):
        loop._connect(float(now))
        pauses.append(loop._reconnect - now)
    assert sorted(pauses) == pauses and pauses[0] == pytest.approx(0.1) and pauses[-1] == 2.0


def test_an_exempt_that_ends_while_netifd_is_away_makes_no_more_passes_than_any_failure() -> None:
    fakes = router()
    loop, _ = looped(fakes)
    fakes.service.work()
    start = fakes.clock.now
    fakes.service.timed_exempts.add(exempt_of("", "match", src_mac=("02:00:00:00:00:77",)), 5, start)
    fakes.bus.replies = {DUMP: BusError("network.interface dump: no answer within 5 s")}
    passes, ends = [], TimedExemptsEnd(loop.debouncer)
    for tenth in range(600):
        now = fakes.clock.now = start + tenth / 10
        ends.run(fakes.service, now)
        due = loop.debouncer.due()
        if due is not None and due <= now:
            loop.debouncer.begin()
            fakes.service.work()
            loop.debouncer.done(now, failed=bool(fakes.service.trouble))
            passes.append(now - start)
    # as Watch has it: again after 1, 2, 4, 8, 16 and 32 seconds
    assert passes[0] == pytest.approx(5.1) and len(passes) == 6
    assert fakes.service.timed_exempts.next_end() is None


def test_a_file_that_was_read_half_written_is_read_again(tmp_path: Path) -> None:
    """The pass came between two writes of an editor, and no event follows."""
    fakes = router()
    loop, _ = looped(fakes)
    (tmp_path / "offload").write_text("config zone\n")
    fakes.service.doors = replace(fakes.service.doors, uci=Uci(tmp_path))
    fakes.service.work()
    files = ConfigFiles(loop.debouncer, loop.config)
    loop.config.passed(0.0)
    assert files.due(fakes.service) == 1.0
    files.run(fakes.service, 1.0)
    assert loop.debouncer.due() is None
    with (tmp_path / "offload").open("a") as file:
        file.write("\toption name 'lan'\n")
    assert files.due(fakes.service) == 3.0
    files.run(fakes.service, 3.0)
    assert loop.debouncer.cause is Cause.FILE
    assert loop.debouncer.due() == pytest.approx(3.05)
    fakes.service.work()
    assert not fakes.service.doors.uci.changed()


def test_a_write_that_a_check_has_read_still_gets_its_pass(tmp_path: Path) -> None:
    """Only what a pass has read is in force; `check` reads files of shapers too, which no pass reads."""
    fakes = router()
    loop, _ = looped(fakes)
    fakes.service.doors = replace(fakes.service.doors, uci=Uci(tmp_path))
    fakes.service.work()
    files = ConfigFiles(loop.debouncer, loop.config)
    loop.config.passed(0.0)
    check(fakes.service, {})
    (tmp_path / "sqm").write_text("config queue\n")
    files.run(fakes.service, 1.0)
    assert loop.debouncer.due() is None
    (tmp_path / "offload").write_text("config zone\n")
    check(fakes.service, {})
    methods.exempt_list(fakes.service, {})
    files.run(fakes.service, 3.0)
    assert loop.debouncer.cause is Cause.FILE


def test_a_file_is_asked_for_with_growing_pauses_and_not_for_ever() -> None:
    check, times, now = ConfigCheck(), [], 0.0
    check.passed(now)
    while check.due is not None:
        now = check.due
        times.append(now)
        check.asked(now)
    assert times == [1.0, 3.0, 7.0, 15.0]


class PassForStations:
    """A task that makes a pass once."""

    def due(self, engine: Engine) -> float | None:
        return None if engine.passes > 1 else 0.0

    def run(self, engine: Engine, _: float) -> None:
        engine.work(cause=Cause.STATION)


def test_a_pass_that_a_task_made_and_that_failed_is_tried_again() -> None:
    fakes = router()
    loop, _ = looped(fakes)
    fakes.service.work()
    fakes.bus.replies = {DUMP: BusError("network.interface dump: no answer within 5 s")}
    loop._run(PassForStations())
    assert loop.debouncer.due() is not None


def test_a_pass_that_a_task_made_is_logged_with_its_cause() -> None:
    fakes = router()
    loop, _ = looped(fakes)
    log = loop.journal.log = FakeSystemLog()
    fakes.uci.packages["offload"] = (*OFFLOAD, section("offload", "globals", "globals", log_level="debug"))
    fakes.service.work()
    loop._log()
    loop._run(PassForStations())
    assert log.lines[-1] == (LogLevel.DEBUG, f"{Cause.STATION.value}: nothing to change")


def test_a_hint_is_followed_while_a_call_reads_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and not after it where nothing more came; the calls that wait are answered after this one."""
    fakes, served, passes = router(), list[int](), list[int]()
    loop, kernel = looped(fakes)
    loop.ubus.descriptor = 0
    monkeypatch.setattr(Debouncer, "due", lambda _: 0.0 if not passes else None)

    def serve() -> None:
        served.append(1)
        for _ in range(2):
            fakes.conntrack.between()
            passes.append(fakes.service.passes)

    monkeypatch.setattr(loop.ubus, "serve", serve)
    fakes.conntrack.between()
    assert fakes.service.passes == 0  # the loop does that itself
    loop._serve()
    assert (passes, served) == ([1, 1], [1])
    kernel.close()


@pytest.mark.parametrize("task", [looking, HardwareSample(Journal(FakeSystemLog(), lambda: 0.0))])
def test_a_hint_is_followed_while_a_task_reads_the_connections(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a call that comes then is answered after the task."""
    fakes, calls = router(), list[int]()
    loop, kernel = looped(fakes)
    loop.ubus.descriptor = 0
    monkeypatch.setattr(Debouncer, "due", lambda _: 0.0 if not fakes.service.passes else None)
    monkeypatch.setattr(loop.ubus, "serve", lambda: calls.append(fakes.service.passes))

    def reading(*_: object) -> None:
        fakes.conntrack.between()
        assert not calls

    monkeypatch.setattr(fakes.conntrack, "fast", reading)
    monkeypatch.setattr(hardware, "run", reading)
    loop._run(task)
    assert (fakes.service.passes, calls) == (1, [1, 1])
    kernel.close()


def test_a_hint_waits_for_others_no_longer_than_it_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that is due before the next look at the kernel is made then, while a call reads the connections."""
    fakes, now = router(), [100.0]
    loop, kernel = looped(fakes)
    loop.ubus.descriptor = 0
    monkeypatch.setattr("offload.service.loop.time.monotonic", lambda: now[0])

    def serve() -> None:
        loop._hint(Cause.LINK)
        for passes, after in ((0, 0.6 * GATHERED), (0, 0.3 * GATHERED), (1, 0.2 * GATHERED)):
            now[0] += after
            fakes.conntrack.between()
            assert fakes.service.passes == passes

    monkeypatch.setattr(loop.ubus, "serve", serve)
    loop._serve()
    kernel.close()


def test_an_event_of_netifd_is_followed_while_a_call_reads_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus serves it only when the call is over."""
    fakes, hinted = router(), list[Cause]()
    loop, kernel = looped(fakes)
    loop.ubus.descriptor = 0
    assert isinstance(loop.ubus, FakeUbusServer)
    loop.ubus.waits = True
    monkeypatch.setattr(loop.ubus, "serve", fakes.conntrack.between)
    monkeypatch.setattr(Debouncer, "hint", lambda _, cause, __: hinted.append(cause))
    loop._serve()
    assert hinted == [Cause.INTERFACE]
    kernel.close()


def both_kinds() -> Fakes:
    fakes = router()
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    fakes.uci.packages["offload"] = tuple(
        section("offload", "zone", zone, name=zone, mode=mode)
        for zone, mode in {"lan": "hardware", "wan": "hardware", "guest": "software"}.items()
    )
    fakes.service.work()
    return fakes


@pytest.mark.parametrize("notice", [Notification(routes=ToReturn.ALL), OVERRUN])
def test_changed_routes_return_the_tables_in_hardware_and_software(notice: Notification) -> None:
    fakes = both_kinds()
    loop, kernel = looped(fakes)
    kernel.of_links = notice
    loop.events.links()
    kernel.close()
    assert returns.routes_due(fakes.service) == fakes.clock() + GATHER
    fakes.nft.sent.clear()
    returns.for_routes(fakes.service)
    assert set(fakes.service.applied.returned) == {HARDWARE, SOFTWARE}
    assert returns.routes_due(fakes.service) is None


def test_a_changed_route_to_one_host_returns_the_hardware_table_alone() -> None:
    fakes = both_kinds()
    loop, kernel = looped(fakes)
    kernel.of_links = Notification(routes=ToReturn.HARDWARE)
    loop.events.links()
    kernel.close()
    assert returns.routes_due(fakes.service) == fakes.clock() + GATHER
    returns.for_routes(fakes.service)
    assert fakes.service.applied.returned == (HARDWARE,)
    assert returns.routes_due(fakes.service) is None


def test_a_changed_route_to_one_host_is_forgotten_where_all_is_in_software() -> None:
    fakes = router()
    fakes.service.work()
    fakes.service.route_returns.changed(ToReturn.HARDWARE, fakes.clock())
    assert returns.routes_due(fakes.service) is None
    assert fakes.service.route_returns.due(fakes.clock()) is None


@pytest.mark.parametrize("how", [returns.for_rules, returns.for_routes, "pass", "stations"])
def test_one_return_of_all_tables_is_enough_for_rules_and_routes(how: Callable[[Engine], None] | str) -> None:
    fakes = both_kinds()
    fakes.service.rule_returns.changed(fakes.clock())
    fakes.service.route_returns.changed(ToReturn.HARDWARE, fakes.clock())
    fakes.service.route_returns.changed(ToReturn.ALL, fakes.clock())
    if how == "pass":
        fakes.service.work(forced=[HARDWARE, SOFTWARE])
    elif not isinstance(how, str):
        how(fakes.service)
    else:
        assert not return_tables(fakes.service, [HARDWARE, SOFTWARE])
    assert set(fakes.service.applied.returned) == {HARDWARE, SOFTWARE}
    assert (returns.rules_due(fakes.service), returns.routes_due(fakes.service)) == (None, None)


def test_a_return_of_the_hardware_table_alone_leaves_rules_and_other_routes_waiting() -> None:
    fakes = both_kinds()
    fakes.service.rule_returns.changed(fakes.clock())
    fakes.service.route_returns.changed(ToReturn.ALL, fakes.clock())
    assert not return_tables(fakes.service, [HARDWARE])
    assert returns.rules_due(fakes.service) is not None and returns.routes_due(fakes.service) is not None


@pytest.mark.parametrize(
    ("what", "returned"),
    [(ToReturn.NOTHING, ()), (ToReturn.HARDWARE, (HARDWARE,)), (ToReturn.ALL, (HARDWARE, SOFTWARE))],
)
def test_a_pass_does_the_return_that_is_due_for_routes(what: ToReturn, returned: tuple[str, ...]) -> None:
    fakes = both_kinds()
    fakes.service.route_returns.changed(what, fakes.clock())
    fakes.service.work()
    assert fakes.service.applied.returned == ()  # a script still writes its routes
    fakes.clock.now += GATHER
    fakes.service.work()
    assert set(fakes.service.applied.returned) == set(returned)
    assert returns.routes_due(fakes.service) is None
    fakes.service.route_returns.changed(ToReturn.ALL, fakes.clock())
    pause = APART if returned == (HARDWARE, SOFTWARE) else GATHER
    assert returns.routes_due(fakes.service) == fakes.clock() + pause


def test_forwarding_that_stops_returns_all_tables_however_many_were_banned() -> None:
    fakes = router()
    fakes.service.work()
    for _ in range(MOST_RETURNS):
        fakes.service.rule_returns.budget.returned(("rules",), fakes.clock())
    loop, kernel = looped(fakes)
    kernel.of_links = Notification(stopped=True)
    loop.events.links()
    kernel.close()
    assert returns.rules_due(fakes.service) == fakes.clock() + STOP_GATHER and loop.debouncer.due() is None
    returns.for_rules(fakes.service)
    assert fakes.service.applied.returned == ("flow_offload",)


def test_changed_routes_return_a_software_table_alone() -> None:
    """Flows that leave through a bridge with ports in the flowtable would keep to their way (docs/kernel.md 37)."""
    fakes = router()
    fakes.service.work()
    loop, kernel = looped(fakes)
    kernel.of_links = Notification(routes=ToReturn.ALL)
    loop.events.links()
    kernel.close()
    assert returns.routes_due(fakes.service) == fakes.clock() + GATHER
    returns.for_routes(fakes.service)
    assert fakes.service.applied.returned == (SOFTWARE,)


def test_changed_routes_are_forgotten_where_nothing_is_offloaded() -> None:
    fakes = router()
    fakes.uci.packages["offload"] = (section("offload", "globals", "globals", mode="none"),)
    fakes.service.work()
    fakes.service.route_returns.changed(ToReturn.ALL, fakes.clock())
    assert returns.routes_due(fakes.service) is None
    assert fakes.service.route_returns.due(fakes.clock()) is None
