"""A phone that moves from cable to cable, to Wi-Fi and back while the service runs: its transfers go on.

Measured are the seconds from the kernel's notification that the bridge has learned it at the new port until the first
packet arrives.
"""

import os
import random
import time
from collections.abc import Iterator
from statistics import median

import pytest

from kernel.daemons import wait_until
from kernel.floor import learned
from kernel.house import House, Shape
from kernel.radio import CHANNELS, Walk
from kernel.resident import Resident, resident
from kernel.sides import port
from kernel.steady import Drip, download, since

MOVES = 100 if os.environ.get("OFFLOAD_SOAK") else 10
WALK = Walk()
PLACES = [*WALK.PORTS, *CHANNELS]
MOSTLY, LONGEST = 1.0, 5.0  # seconds until something comes through again, where a busy machine may take its time
AT_EASE = 2.0  # seconds that a phone stays where it is


@pytest.fixture(scope="module", name="service")
def _service(house: House) -> Iterator[Resident]:
    with house.shaped(Shape({"lan": WALK, "wan": port("wan")})), resident(house.router) as running:
        running.until(running.devices)
        yield running


def test_transfers_follow_a_phone_wherever_it_goes(house: House, service: Resident) -> None:
    dice = random.Random(7)  # noqa: S311  # a dice, and the same one every time
    place = PLACES[0]
    WALK.go(place)
    udp, tcp = house.call("lan", "wan", proto="udp"), house.call("lan", "wan")
    waited: dict[str, list[float]] = {"UDP": [], "TCP": []}
    with Drip(udp) as drip, download(tcp) as fetching, learned(house.router, WALK.station.mac("eth0")) as bridge:
        for turn in range(MOVES):
            time.sleep(AT_EASE)
            place = dice.choice([each for each in PLACES if each != place])
            begin = time.monotonic()
            WALK.go(place)
            wait_until(lambda: bridge.at(place, begin), f"the phone at {place}")  # noqa: B023  # called in this round
            visible = bridge.at(place, begin) or begin
            for name, times in (("UDP", drip.times), ("TCP", fetching.times)):
                wait_until(lambda: since(times, visible), f"{name} at {place}, move {turn}")  # noqa: B023  # called in this round
                waited[name].append(since(times, visible) or 0.0)
    assert fetching.error is None
    for name, seconds in waited.items():
        print(f"\n{MOVES} moves, {name} went on after: median {median(seconds):.2f} s, worst {max(seconds):.2f} s")
        assert median(seconds) < MOSTLY
    assert max(waited["UDP"]) < LONGEST
    assert not (service.status() or {"applied": {"error": "no answer"}})["applied"]["error"]
