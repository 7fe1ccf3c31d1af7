"""Bans and times of day that come while flows run: without offload, in software and in hardware, all at once."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.house import House, Shape
from kernel.rates import compared
from kernel.resident import resident
from kernel.sides import bridge
from kernel.steady import SOON, Steady, lag, quiet
from kernel.traffic import Talk, Target

ENGINE = ("lan1", "wan")
SHAPE = Shape(
    {
        "lan": bridge(chip.port("lan1")),
        "guest": bridge(chip.port("guest1"), name="br-guest"),
        "work": bridge(chip.port("work1"), name="br-work"),
        "wan": chip.port("wan"),
    }
)
MODES = {"none": "work", "software": "guest", "hardware": "lan"}
CHOICE = "".join(f"config zone\n\toption name '{zone}'\n\toption mode '{mode}'\n\n" for mode, zone in MODES.items())
PAUSE, PATIENCE = 0.05, 1.0
RULES = """
table inet bans {
	set blocked { type ipv4_addr; }
	chain forward {
		type filter hook forward priority -1; policy accept;
		ip daddr @blocked drop
	}
}
"""
# On a device: what comes in from a host
ON_DEVICES = """
table netdev bans {
	set sources { type ipv4_addr; }
	chain in {
		type filter hook ingress device "wan" priority 0; policy accept;
		ip saddr @sources drop
	}
}
"""
BANNED = "add element netdev bans sources { 203.0.113.15 }"
# Row: the last part of the address that it concerns.
ELEMENT, RULE = "element of a set that bans live flows", "rule that bans live flows"
BEGINS, ENDS = "time window that begins while a flow runs", "time window that ends while a flow runs"
COMING_IN = "element of a set that bans on a device's ingress hook"
ROWS = {ELEMENT: 11, RULE: 12, BEGINS: 13, ENDS: 14, COMING_IN: 15}
RETURNED = "the tables are returned"
Live = Mapping[str, Mapping[str, Steady]]  # by row and mode


@pytest.fixture
def rules(lab: House) -> Iterator[None]:
    """Other programs' tables, which are gone after a test that failed, too."""
    lab.router.nft(RULES + ON_DEVICES)
    yield
    lab.router.nft("delete table inet bans\ndelete table netdev bans")


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        house.hosts["wan"].ip(*(f"addr add 203.0.113.{number}/24 dev eth0" for number in ROWS.values()))
        house.router.write("offload", CHOICE)
        yield house


def begun(lab: House, zone: str, number: int) -> Talk:
    """A conversation of a zone's host, once it is on the path that the zone has."""
    talk = Talk(lab.hosts[zone], Target(f"203.0.113.{number}"))
    lab.talks.append(talk)
    talk.echo(10)
    wait_until(lambda: is_on(lab, zone, talk), f"the path of {zone}")
    talk.patience(PATIENCE)
    return talk


def is_on(lab: House, zone: str, talk: Talk) -> bool:
    """Whether packets take the path of the zone's mode."""
    before = chip.forwarded(lab.router, ENGINE)
    with lab.evidence.watch(talk) as seen:
        talk.echo(5)
    by_chip = chip.forwarded(lab.router, ENGINE) - before
    return seen.all_slow() if zone == MODES["none"] else seen.fast(5) and (by_chip > 0) == (zone == MODES["hardware"])


def ended(
    live: Live, row: str, moment: float, others: Iterable[Steady], did: str | Mapping[str, str] = RETURNED
) -> None:
    """Wait for the last answer of a row's flows, and store how long after the moment it came."""
    flows = live[row]
    wait_until(lambda: all(each.error for each in flows.values()), row)
    found = {mode: max(0.0, each.times[-1] - moment) for mode, each in flows.items()}
    assert max(found.values()) < SOON + lag(others), found
    compared(row, {mode: f"{seconds:.1f} s" for mode, seconds in found.items()}, did)


@pytest.mark.usefixtures("rules")
def test_bans_and_times_reach_live_flows(lab: House) -> None:
    """All events that return a table, in one run of the service: six a minute are the most."""
    with resident(lab.router) as service, ExitStack() as stack:
        service.until(lambda: (service.status() or {}).get("pairs"))
        talks = {row: {mode: begun(lab, zone, ROWS[row]) for mode, zone in MODES.items()} for row in ROWS}
        others = [stack.enter_context(quiet(begun(lab, zone, 2), PAUSE)) for zone in MODES.values()]
        live = {
            row: {mode: stack.enter_context(quiet(talk, PAUSE)) for mode, talk in flows.items()}
            for row, flows in talks.items()
        }
        wait_until(lambda: all(each.times for flows in live.values() for each in flows.values()), "answers")
        for row, text in (
            (ELEMENT, "add element inet bans blocked { 203.0.113.11 }"),
            (RULE, "add rule inet bans forward ip daddr 203.0.113.12 drop"),
        ):
            lab.router.nft(text)
            ended(live, row, time.monotonic(), others)
        lab.router.nft(BANNED)
        moment = time.monotonic()
        ended(live, COMING_IN, moment, others, {"software": "nothing: it is kept", "hardware": RETURNED})
        at = int(time.time()) + 4
        hour, later = ((time.strftime("%H:%M:%S", time.localtime(each))) for each in (at, at + 3600))
        before = time.strftime("%H:%M:%S", time.localtime(at - 3600))
        last = time.strftime("%H:%M:%S", time.localtime(at - 1))
        lab.router.nft(
            f'add rule inet bans forward meta hour "{hour}"-"{later}" ip daddr 203.0.113.13 drop\n'
            f'add rule inet bans forward meta hour != "{before}"-"{last}" ip daddr 203.0.113.14 drop\n'
        )
        moment = time.monotonic() + at - time.time()
        time.sleep(2)
        assert not any(each.error for row in (BEGINS, ENDS) for each in live[row].values())
        for row in (BEGINS, ENDS):
            ended(live, row, moment, others)
        time.sleep(0.5)
        assert [each.error for each in others] == [None] * len(others)
