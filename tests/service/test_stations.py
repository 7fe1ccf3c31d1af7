"""Stations that move, and forged moves: how often tables are returned, and that a real move is followed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.config import Mode
from offload.model.network import Neighbour, Station
from offload.service.roaming import follow
from offload.service.roaming.moves import LEFT_OUT, MOST_MOVES
from offload.service.roaming.return_budget import MOST_PAUSES, MOST_RETURNS, WINDOW, ReturnBudget
from service.routers import Fakes, router
from service.test_station_sets import mixed_router

TICK = 0.05  # seconds between two looks of the loop
APART = 0.5  # seconds between two passes
PHONE, AT_ONCE = "02:00:00:00:00:77", 1.0

Attack = Callable[[Fakes, float], None]


@dataclass
class Run:
    """A router under attack for a while: when tables were returned, and when wired ports were listed."""

    fakes: Fakes = field(default_factory=router)
    returns: list[float] = field(default_factory=list)
    listed: list[tuple[float, bool]] = field(default_factory=list)
    passes: int = 0
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.fakes.clock.now = 0.0
        self.work()

    def work(self) -> None:
        """A pass."""
        applied = self.fakes.service.work()
        assert not applied.error
        self.note(applied.returned)
        self.passes += 1
        self._last = self.fakes.clock.now

    def note(self, returned: tuple[str, ...]) -> None:
        """Record when tables were returned, and whether a port of the stations is in a flowtable."""
        now, decided = self.fakes.clock.now, self.fakes.service.decided
        assert decided is not None
        self.returns += [now] if returned else []
        self.listed.append((now, any("lan1" in table.devices for table in decided.plan.tables)))

    def until(self, end: float, attack: Attack) -> None:
        """Work as the loop does: events, then the stations to follow at once, then a pass."""
        service, clock = self.fakes.service, self.fakes.clock
        while clock.now < end:
            clock.now += TICK
            attack(self.fakes, clock.now)
            if follow.ready(service) or service.stations.moves.ended(clock.now):
                if follow.run(service):
                    self.note(service.applied.returned)
                elif clock.now - self._last >= APART:
                    self.work()

    def followed(self, moment: float) -> bool:
        """Whether a transfer of a station that moved at this moment goes on at once.

        A return lets its flows find the new place; flows offloaded while no port is listed are pinned to none.
        """
        free = next((listed for when, listed in reversed(self.listed) if when <= moment), True) is False
        return free or any(moment <= each <= moment + AT_ONCE for each in self.returns)

    def most_in_a_minute(self) -> int:
        """The most returns in any minute."""
        return max((sum(begin <= each < begin + WINDOW for each in self.returns) for begin in self.returns), default=0)


def nothing(_: Fakes, __: float) -> None:
    """A calm network."""


def forged(addresses: int, device: str = "br-lan") -> Attack:
    """Frames that say in turn of so many addresses that they belong to another MAC, ten in each tick."""
    numbers = turns()

    def attack(fakes: Fakes, _: float) -> None:
        for number in (next(numbers) for _ in range(10)):
            mac = f"02:{number // addresses % 256:02x}:00:00:00:01"
            fakes.service.stations.neighbour(Neighbour(f"192.168.1.{number % addresses}", device, mac))

    return attack


def jumping(seconds: float) -> Attack:
    """A MAC address that jumps between two ports."""

    def attack(fakes: Fakes, now: float) -> None:
        port = "lan1" if round(now / seconds) % 2 else "lan2"
        fakes.service.stations.station(Station("02:00:00:00:00:66", port), "br-lan")

    return attack


def turns() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


ATTACKS = {
    "one forged address": forged(1),
    "1000 forged addresses in turn": forged(1000),
    "a MAC that jumps in every moment": jumping(TICK),
    "a MAC that jumps every second": jumping(1.0),
    "1000 forged addresses at the far side": forged(1000, "wan"),
}


def moved_under_attack(run: Run, name: str, moment: float) -> None:
    """A station moves from lan1 to lan2 at this moment, and its flows go on at once."""
    attack = ATTACKS[name]
    run.fakes.service.stations.station(Station(PHONE, "lan1"), "br-lan")
    run.until(moment, attack)
    run.fakes.service.stations.station(Station(PHONE, "lan2"), "br-lan")
    run.until(moment + 70, attack)
    assert run.followed(moment), (run.returns, run.listed)
    assert run.most_in_a_minute() <= MOST_RETURNS


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("moment", [0.3, 2.0, 4.4, 7.7, 31.0, 66.0, 200.0])
def test_a_real_move_under_attack_goes_on_at_once(name: str, moment: float) -> None:
    moved_under_attack(Run(), name, moment)


@pytest.mark.parametrize("name", ["a MAC that jumps every second", "1000 forged addresses in turn"])
@pytest.mark.parametrize("moment", [4.4, 31.0])
def test_a_wired_station_in_hardware_that_moves_under_attack_goes_on_at_once(name: str, moment: float) -> None:
    """Hardware pins a flow to its port as software does: once no return is left, neither has the ports."""
    run = Run(mixed_router())
    moved_under_attack(run, name, moment)
    decided = run.fakes.service.decided
    assert decided is not None
    assert all(pair.effective is Mode.SOFTWARE for pair in decided.plan.pairs if "lan" in {pair.src, pair.dest})
    run.until(moment + 70 + LEFT_OUT, nothing)
    decided = run.fakes.service.decided
    assert decided is not None and any("lan1" in table.devices for table in decided.plan.tables if table.hardware)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_of_an_hour_costs_six_returns_a_minute_at_most(name: str) -> None:
    run = Run()
    run.until(400, ATTACKS[name])
    assert run.most_in_a_minute() <= MOST_RETURNS
    assert run.passes <= 50
    assert len(run.fakes.service.stations.moves._moves) <= MOST_MOVES


def test_a_bridge_whose_stations_move_too_often_gets_its_ports_back() -> None:
    run = Run()
    run.until(20, ATTACKS["1000 forged addresses in turn"])
    assert run.listed[-1][1] is False
    news = [data["error"] for event, data in run.fakes.service.news if event == "offload.degraded"]
    assert len(news) == 1 and news[0].startswith("stations of br-lan change their port or MAC address too often")
    run.until(20 + LEFT_OUT + 2, nothing)
    assert run.listed[-1][1] is True
    returns = len(run.returns)
    run.fakes.service.stations.station(Station(PHONE, "lan1"), "br-lan")
    run.fakes.service.stations.station(Station(PHONE, "lan2"), "br-lan")
    run.until(run.fakes.clock.now + 2, nothing)
    assert len(run.returns) == returns + 1


def test_another_bridge_keeps_its_ports() -> None:
    run = Run()
    run.until(20, forged(1000, "br-guest"))
    assert run.listed[-1][1] is True


def test_one_address_that_two_hosts_claim_is_followed_with_growing_pauses() -> None:
    """A common mistake: it must not cost the bridge its ports."""
    run = Run()
    run.until(300, forged(1))
    assert run.listed[-1][1] is True
    pauses = [later - earlier for earlier, later in zip(run.returns, run.returns[1:], strict=False)]
    assert len(pauses) >= 3 and pauses[:3] == sorted(pauses[:3])


def test_a_return_that_nft_refuses_is_no_return() -> None:
    run = Run()
    run.fakes.service.stations.station(Station(PHONE, "lan1"), "br-lan")
    run.fakes.service.stations.station(Station(PHONE, "lan2"), "br-lan")
    run.fakes.nft.refusals = ["busy"]
    assert not follow.run(run.fakes.service)
    assert follow.ready(run.fakes.service)
    assert run.fakes.service.work().returned == ("flow_offload",)


@pytest.mark.parametrize("fault", ["nft", "netifd"])
def test_a_move_of_a_pass_that_failed_is_no_cause_of_a_later_return(fault: str) -> None:
    run = Run()
    service, replies = run.fakes.service, dict(run.fakes.bus.replies)
    service.stations.station(Station(PHONE, "lan1"), "br-lan")
    service.stations.station(Station(PHONE, "lan2"), "br-lan")
    if fault == "nft":
        run.fakes.nft.refusals = ["busy"] * 9
    else:
        run.fakes.bus.replies.clear()
        service.dump = None
    assert service.work().error
    run.fakes.nft.refusals = []
    run.fakes.bus.replies.update(replies)
    assert service.decided is not None
    service.stations.moves.returned(("flow_offload",), service.decided.plan, run.fakes.clock.now)
    assert service.stations.moves.budget.left(run.fakes.clock.now) == MOST_RETURNS


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 30)), max_size=60))
def test_the_budget_never_grows(moves: list[tuple[int, float]]) -> None:
    budget, now, returns = ReturnBudget(), 0.0, list[float]()
    for station, later in moves:
        now += later
        if budget.left(now) and budget.ready(station) <= now:
            budget.followed(station, 0.5, 2.0, now)
            budget.returned(["br-lan"], now)
            returns.append(now)
    assert all(sum(begin <= each < begin + WINDOW for each in returns) <= MOST_RETURNS for begin in returns)


def test_a_pause_that_is_over_is_due_at_a_time_that_does_not_run_away() -> None:
    """Who asks a moment after reading the clock must find it due; else the loop turns without end."""
    budget = ReturnBudget()
    assert budget.ready("station") <= 100.0
    budget.followed("station", 0.25, 2.0, 100.0)
    assert budget.ready("station") == 100.25


def test_the_memory_of_pauses_is_bounded() -> None:
    budget = ReturnBudget()
    for number in range(3 * MOST_PAUSES):
        budget.followed(number, 0.5, 2.0, float(number))
    assert len(budget._pauses) == MOST_PAUSES
