"""The cost of thousands of stations for the service, and how it grows; kernel and nft are fakes.

Measured are the time from the kernel's notifications of all of them to the text for nft, and a pass that changes
nothing, in counted instructions, not the time in which nft and the kernel fill the sets. Version 0.1.0, which had no
sets, took 9.8 ms of a desktop for such a pass, and 1.2 ms with 10 stations.
"""

import gc
import math
import struct
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

from bench.python import NAME, bare
from bench.rows import Figure, against, alone
from offload.model.network import Neighbour, Station
from offload.nouns import replace
from offload.service.roaming.stations import StationTracker
from offload.service.tasks import station_sets
from offload.system.netlink.route.messages import Links
from offload.system.netlink.route.rtnetlink import (
    AF_BRIDGE,
    AF_INET,
    NDA_DST,
    NDA_LLADDR,
    NDA_MASTER,
    NDMSG,
    RTM_NEWNEIGH,
    NeighbourEvent,
)
from offload.system.netlink.wire import attribute, message
from service.test_station_sets import mixed_router

FEW, MANY, MOST = 10, 4_096, 16_384
SOME = 512  # with fewer the growth is that of other work
COME, SAME = 300 / 12, 3.5  # 0.3 s where bare Python takes 12 ms; a pass with few
METHOD = "counted instructions"
STEEPEST = 1.1  # exponent: twice as many stations, twice the time
NAMES = {2: "br-lan", 3: "lan1", 7: "phy0-ap0"}
REACHABLE = 2


def main() -> None:
    """Print a row for thousands that come, one for a pass after that, and their growth."""
    _round(SOME)  # the first time imports
    few, some, many, most = (_round(count) for count in (FEW, SOME, MANY, MOST))
    work = f"{MANY} stations come: text of their sets"
    against(work, NAME, "ms", (bare(), Figure(many[0], 1)), COME, METHOD).show()
    grown(f"{SOME} to {MOST} stations come: exponent", some[0], most[0])
    work = f"pass that changes nothing, {MANY} stations"
    against(work, f"{FEW} stations", "ms", (Figure(few[1], 1), Figure(many[1], 1)), SAME, METHOD).show()
    grown(f"pass, {SOME} to {MOST} stations: exponent", some[1], most[1])


def grown(work: str, some: float, most: float) -> None:
    """Print the row of the growth between the two times."""
    exponent = math.log(most / some) / math.log(MOST / SOME)
    alone(work, "", Figure(exponent, 1), STEEPEST, METHOD).show()


def _round(count: int) -> tuple[float, float]:
    fakes = mixed_router()
    station_sets.run(fakes.service, fakes.clock.now)
    datagrams = list(notifications(count))
    links, before = Links(), len(fakes.nft.sent)
    seen: list[NeighbourEvent] = []
    fakes.clock.now += 1
    gc.collect()
    began = time.process_time()
    for datagram in datagrams:
        for event in links.hear(datagram).seen:
            take_in(fakes.service.stations, event)
            seen.append(event)
    station_sets.run(fakes.service, fakes.clock.now)
    come = time.process_time() - began
    assert sum(text.count("02:00:00:01:") for text in fakes.nft.sent[before:]) == count
    scene = fakes.netlink.found
    times = []
    for _ in range(2):  # the first one learns that the kernel lists what it has notified of
        stations = tuple(station(each) for each in seen if each.master)
        neighbours = tuple(neighbour(each) for each in seen if not each.master)
        fakes.netlink.found = replace(scene, stations=stations, neighbours=neighbours)
        gc.collect()  # else what was made before decides how often it is done in the pass: 49 to 55 ms
        began = time.process_time()
        assert not fakes.service.work().changes
        times.append(time.process_time() - began)
    return 1000 * come, 1000 * times[-1]


def notifications(count: int) -> Iterator[bytes]:
    """The bridge learns all of them at its two ports, then the router knows an address of each."""
    macs = [bytes((2, 0, 0, 1, number >> 8, number & 255)) for number in range(count)]
    for number, mac in enumerate(macs):
        port, bridge = (3, 7)[number % 2], struct.pack("=I", 2)
        yield notification(AF_BRIDGE, port, attribute(NDA_LLADDR, mac) + attribute(NDA_MASTER, bridge))
    for number, mac in enumerate(macs):
        address = IPv4Address("192.168.16.0") + number
        yield notification(AF_INET, 2, attribute(NDA_LLADDR, mac) + attribute(NDA_DST, address.packed))


def notification(family: int, device: int, attributes: bytes) -> bytes:
    """One notification of rtnetlink."""
    return message(RTM_NEWNEIGH, NDMSG.pack(family, device, REACHABLE, 0, 0) + attributes)


def take_in(tracker: StationTracker, event: NeighbourEvent) -> None:
    """What the loop does with a notification."""
    if event.master:
        tracker.station(station(event), NAMES[event.master])
    else:
        tracker.neighbour(neighbour(event))


def station(event: NeighbourEvent) -> Station:
    """A station of the bridge."""
    return Station(event.address, NAMES[event.device], event.vlan)


def neighbour(event: NeighbourEvent) -> Neighbour:
    """A neighbour of the router."""
    return Neighbour(event.address, NAMES[event.device], event.mac)


if __name__ == "__main__":
    main()
