"""Stations of a bridge with ports of both kinds that move, come late, or move while no service runs."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.desk import HASTY, LATE, PLAIN, Desks, served, settle
from kernel.evidence import conntrack_flags
from kernel.house import House, Shape
from kernel.resident import SOAK
from kernel.steady import Drip, Steady, download, quiet, since
from kernel.traffic import Proto, Talk

STATIONS = 2 if SOAK == 1 else 3
SAVED = Path("/var/run/offload/places")
PAUSE = 0.05  # seconds between two rounds of a download: there are many
MINUTE = 60.0  # TCP waits twice as long with every try, and other machines may have the processor


KINDS: tuple[tuple[Proto, int], ...] = (("tcp", 4), ("udp", 4), ("tcp", 6), ("udp", 6))


def transfer(talk: Talk, stack: ExitStack) -> Drip | Steady:
    """What goes on until the stack ends it."""
    return stack.enter_context(download(talk, PAUSE)) if talk.proto == "tcp" else stack.enter_context(Drip(talk))


def shape(desks: Desks) -> Shape:
    return Shape({"lan": desks, "wan": chip.port("wan")})


@pytest.mark.parametrize(("start", "end"), [("lan1", PLAIN), (PLAIN, "lan1"), ("lan1", "lan2")])
def test_transfers_follow_their_stations_under_load(house: House, start: str, end: str) -> None:
    """One station after the other moves, while those of all of them go on."""
    desks = Desks(STATIONS)
    with served(house, shape(desks)) as service:
        for number in range(STATIONS):
            desks.go(number, start)
            desks.known(number, start)
        talks = [[desks.call(house, number, *kind) for kind in KINDS] for number in range(STATIONS)]
        for talk in (talk for each in talks for talk in each):
            settle(house, talk, start)
            talk.patience(MINUTE)
        with ExitStack() as stack:
            running = [[transfer(talk, stack) for talk in each] for each in talks]
            for number, transfers in enumerate(running):
                desks.go(number, end)
                visible = time.monotonic()
                service.until(lambda: all(since(each.times, visible) for each in transfers))  # noqa: B023
        assert not [
            each.error for transfers in running for each in transfers if isinstance(each, Steady) and each.error
        ]
        service.quiet()  # the last move may have been followed together with the one before
        for talk in (talk for each in talks for talk in each):
            settle(house, talk, end)


def test_a_flow_that_began_before_its_station_was_known_comes_to_hardware(house: House) -> None:
    desks = Desks()
    with served(house, shape(desks), HASTY) as service:
        desks.go(0, "lan1")
        desks.known(0, "lan1")
        assert service.process is not None
        service.quiet()
        service.process.send_signal(signal.SIGSTOP)
        desks.stations[0].ip("link set eth0 address 02:00:00:00:99:01")
        talk = desks.call(house, 0)
        assert conntrack_flags(house.router, talk) == {"OFFLOAD"}
        service.process.send_signal(signal.SIGCONT)
        with quiet(talk):
            service.until(lambda: conntrack_flags(house.router, talk) == {"HW_OFFLOAD"}, 6 * LATE)
        settle(house, talk, "lan1")


@pytest.mark.parametrize(("end", "number"), [(PLAIN, signal.SIGUSR1), ("lan2", signal.SIGKILL)])
def test_a_station_that_moved_while_no_service_ran_is_noticed_at_its_start(
    house: House, end: str, number: signal.Signals
) -> None:
    desks = Desks()
    with served(house, shape(desks)) as service:
        desks.go(0, "lan1")
        desks.known(0, "lan1")
        talks = [desks.call(house, 0, "udp"), desks.call(house, 0)]
        for talk in talks:
            settle(house, talk, "lan1")
        service.quiet()
        wait_until(lambda: desks.stations[0].mac("eth0") in SAVED.read_text(), "the place of the station in the file")
        service.stop(number)
        desks.go(0, end)
        with Drip(talks[0]) as drip:
            time.sleep(1)
            assert not drip.times  # pinned to the port where the station was
            service.start()
            service.until(lambda: drip.times)
        for talk in talks:
            settle(house, talk, end)
