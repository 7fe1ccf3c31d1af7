"""Stations that move while they download: the return that moves.py asks for takes their flows along."""

import re
import time
from collections.abc import Callable, Iterator

import pytest

from kernel.daemons import wait_until
from kernel.evidence import ON_ITS_WAY
from kernel.house import House, Shape
from kernel.inside import again, applied, decided, listing, moved, observed
from kernel.radio import Walk
from kernel.sides import port
from kernel.steady import Drip, Steady, download, since
from offload.model.network import Snapshot
from offload.service.reconcile import Decided

Transfer = Callable[[str], tuple[Drip, Steady]]
WALK = Walk()
STATION = "192.168.1.2"
AT_ONCE = 1.0  # seconds from when the table was returned until the transfer goes on
NEVER = 99.0
WHILE = 2.0  # seconds that a transfer is given to show that it stands still


@pytest.fixture(scope="module")
def decision(house: House) -> Iterator[Decided]:
    with house.shaped(Shape({"lan": WALK, "wan": port("wan")})):
        yield decided(house.router, observed(house.router))


@pytest.fixture
def transfer(house: House, decision: Decided) -> Transfer:
    """Conversations of the station at a place, on the fast path."""

    def begin(place: str) -> tuple[Drip, Steady]:
        WALK.go(place)
        applied(house.router, decision, [table.name for table in decision.plan.tables])
        return Drip(house.call("lan", "wan", proto="udp")), download(house.call("lan", "wan"))

    return begin


def learned(house: House) -> str:
    """The port of the bridge where the station was seen last."""
    listed = house.router.run("bridge", "fdb", "show", "br", "br-lan")
    mac = WALK.station.mac("eth0")
    return next((line.split()[2] for line in listed.splitlines() if line.startswith(mac)), "")


def resolved(house: House) -> str:
    """The MAC address that the router has for the station."""
    found = re.search(r"lladdr (\S+)", house.router.run("ip", "neigh", "show", STATION))
    return found[1] if found else ""


def follow(house: House, before: Snapshot, decision: Decided) -> tuple[str, ...]:
    """Look again, compare, return: the tables that were returned."""
    tables = moved(before, observed(house.router), decision.plan)
    return again(house.router, decision, tables).returned


@pytest.mark.parametrize(
    ("start", "end", "tables"),
    [
        ("lan1", "lan2", ("flow_offload",)),
        ("lan2", "phy0-ap0", ("flow_offload",)),
        ("phy0-ap0", "phy1-ap0", ()),  # no Wi-Fi port is listed, so nothing is pinned to one
        ("phy1-ap0", "lan1", ("flow_offload",)),
    ],
)
def test_a_transfer_follows_its_station(
    house: House, decision: Decided, transfer: Transfer, start: str, end: str, tables: tuple[str, ...]
) -> None:
    drip, fetching = transfer(start)
    with drip, fetching:
        wait_until(lambda: learned(house) == start and len(fetching.times) > 10, f"the station at {start}")
        before = observed(house.router)
        WALK.go(end)
        wait_until(lambda: learned(house) == end, f"the station at {end}")
        visible = time.monotonic()
        assert follow(house, before, decision) == tables
        done = time.monotonic()
        wait_until(lambda: since(drip.times, visible) and since(fetching.times, visible), "the transfer")
    resumed = since(drip.times, visible) or NEVER, since(fetching.times, visible) or NEVER
    waited = ", ".join(f"{each:.2f}" for each in (done - visible, *resumed))
    print(f"\n{start} to {end}, seconds until the pass was done, UDP went on, TCP went on: {waited}")
    assert fetching.error is None
    stood = done - visible  # this machine is slow, and TCP waits twice as long with every try
    assert resumed[0] < stood + AT_ONCE
    assert resumed[1] < 2 * stood + AT_ONCE


@pytest.mark.parametrize(("start", "end"), [("lan1", "lan2"), ("phy0-ap0", "phy1-ap0")])
def test_pinned_to_a_port_it_stands_still_without_the_return(
    house: House, transfer: Transfer, decision: Decided, start: str, end: str
) -> None:
    drip, fetching = transfer(start)
    listed = decision.plan.tables[0].devices
    house.router.nft(listing(decision.plan, *sorted({*listed, start, end})))
    with drip, fetching:
        wait_until(lambda: len(fetching.times) > 10, "the transfer")
        WALK.go(end)
        wait_until(lambda: learned(house) == end, f"the station at {end}")
        visible = time.monotonic() + ON_ITS_WAY
        time.sleep(ON_ITS_WAY + WHILE)
        assert since(drip.times, visible) is None and since(fetching.times, visible) is None
        applied(house.router, decision, ["flow_offload"])
        wait_until(lambda: since(drip.times, visible), "the transfer")


def test_a_transfer_follows_an_address_to_another_mac(house: House, decision: Decided, transfer: Transfer) -> None:
    drip, _ = transfer("lan1")
    old = WALK.station.mac("eth0")
    with drip:
        wait_until(lambda: resolved(house) == old and len(drip.times) > 10, "the transfer")
        before = observed(house.router)
        WALK.station.ip("link set eth0 address 02:00:00:00:99:01")
        WALK.go("lan1")
        wait_until(lambda: resolved(house) == "02:00:00:00:99:01", "the new address")
        visible = time.monotonic()
        time.sleep(WHILE / 2)
        assert since(drip.times, visible) is None
        assert follow(house, before, decision) == ("flow_offload",)
        done = time.monotonic()
        wait_until(lambda: since(drip.times, visible), "the transfer")
    WALK.station.ip(f"link set eth0 address {old}")
    assert (since(drip.times, visible) or NEVER) < done - visible + AT_ONCE
