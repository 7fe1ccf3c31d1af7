"""A phone between ports of the chip and an access point of real Wi-Fi, while all of its transfers go on.

On a wired port they are in hardware, on Wi-Fi in software. TCP and UDP, IPv4 and IPv6, opened by the phone and from
wan, with IPv4 through a port forward.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from kernel import chip
from kernel.desk import ENGINE, HASTY, WIRED, known, served, settle
from kernel.evidence import conntrack_flags
from kernel.house import House, Shape
from kernel.radio import Walk
from kernel.resident import PATIENCE, Resident
from kernel.steady import Drip, Steady, download, since
from kernel.traffic import Proto, Talk

WALK = Walk(chip.cable)
CABLE, AIR = "lan1", "phy0-ap0"
MOVES = 3  # of each kind
PAUSE = 0.05  # seconds between two rounds of a download: there are many
LONG = 4 * PATIENCE  # seconds: TCP waits twice as long with every try, so longer than the station was away
# While one of them is looked at, the others rest; on a busy machine that takes longer than the usual 30 seconds. An
# entry that leaves the flowtable keeps what conntrack's own timeout, 120 s for UDP, has more (flow_offload_fixup_ct).
TIMEOUTS = {"net/netfilter/nf_flowtable_tcp_timeout": 120, "net/netfilter/nf_flowtable_udp_timeout": 60}
KINDS: tuple[tuple[int, Proto], ...] = ((4, "tcp"), (4, "udp"), (6, "tcp"), (6, "udp"))
SIDES = (("lan", "wan"), ("wan", "lan"))


@pytest.fixture(name="service", scope="module")
def _service(house: House) -> Iterator[Resident]:
    with served(house, Shape({"lan": WALK, "wan": chip.port("wan")}), HASTY) as service:
        yield service


def called(house: House) -> list[Talk]:
    """A conversation of each kind, from each side."""
    return [house.call(*side, version, proto) for side in SIDES for version, proto in KINDS]


def go(house: House, place: str) -> None:
    """Take the phone to a place, and wait until the service has it there."""
    WALK.carry(place)
    known(house.router, WALK.station.mac("eth0"), place)


@pytest.mark.parametrize("place", [CABLE, AIR])
def test_flows_of_every_kind_are_where_their_station_s_port_wants_them(
    house: House, service: Resident, place: str
) -> None:
    go(house, place)
    service.quiet()
    for talk in called(house):
        settle(house, talk, place)
        talk.close()


def test_transfers_follow_a_phone_between_cable_and_wifi(house: House, service: Resident) -> None:
    go(house, CABLE)
    house.router.sysctl(TIMEOUTS)
    service.quiet()
    talks = called(house)
    for talk in talks:
        settle(house, talk, CABLE)
        talk.patience(LONG)
    fetching = [download(talk, PAUSE) for talk in talks if talk.proto == "tcp"]
    running: list[Drip | Steady] = [*fetching, *(Drip(talk) for talk in talks if talk.proto == "udp")]
    with ExitStack() as stack:
        for each in running:
            stack.enter_context(each)
        for place in (AIR, CABLE) * MOVES:
            begin = time.monotonic()
            go(house, place)
            flag = "HW_OFFLOAD" if place in WIRED else "OFFLOAD"
            service.until(lambda: all(conntrack_flags(house.router, talk) == {flag} for talk in talks))  # noqa: B023
            wait_until_all_go_on(house, running, place)
            print(
                f"\nto {place}: all {len(talks)} transfers go on, on its path, after {time.monotonic() - begin:.1f} s"
            )
    assert not [each.error for each in fetching if each.error]
    for talk in talks:
        settle(house, talk, CABLE)


def wait_until_all_go_on(house: House, running: list[Drip | Steady], place: str) -> None:
    """Wait until `lacking` finds nothing wrong for a second; AssertionError with its findings after PATIENCE."""
    begin = time.monotonic()
    while found := lacking(house, running, place):
        assert time.monotonic() - begin < PATIENCE, found


def lacking(house: House, running: list[Drip | Steady], place: str) -> list[object]:
    """What is wrong for a second: transfers that stand still, slow packets, or the chip's part (by wire alone)."""
    moment, slow, before = time.monotonic(), house.evidence.counted(), chip.forwarded(house.router, ENGINE)
    time.sleep(1)
    by_chip = chip.forwarded(house.router, ENGINE) - before
    still = [(at, getattr(each, "error", None)) for at, each in enumerate(running) if not since(each.times, moment)]
    more = {key: count for key, count in house.evidence.counted().items() if slow.get(key) != count}
    return [*still, *more.items(), *[f"{by_chip} packets by the chip"] * ((by_chip > 0) != (place in WIRED))]
