"""How the service's work grows with zones, exempts and connections; kernel and nft are fakes.

In counted instructions: time grows by the processor's caches, too, of which a small size leaves more to the rest.
Each line is the exponent between two sizes, so 1 is twice the time for twice as many. With pairs of zones the work has
more to do than once for each zone: each of them may send to the WAN, which is as many pairs as zones. Stations have
lines of their own (many_stations.py), and connections are read from messages like those of the kernel.
"""

import math
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_interface

import pytest

from bench.crowd import listed
from bench.rows import Figure, alone
from offload.model.network import Address, Link
from offload.model.sections.section import Section
from offload.nouns import replace
from offload.service.bus.ubus_object import METHODS, answer
from offload.system.netifd import DUMP
from offload.system.netlink.ct import conntrack
from offload.system.netlink.wire import NLMSG_DONE, message
from service.routers import FIREWALL, OFFLOAD, REPLY, SCENE, Fakes, router, section

ZONES = (16, 64, 256)
EXEMPTS = (512, 2_048, 8_192)
CONNECTIONS = (1_000, 16_000, 262_144)
PER_DATAGRAM = 100
# Exponents. The text of a pair of zones has its own lines, and few zones share what is done once.
STEEPEST = {"zones": 1.10, "exempts": 1.05, "connections": 1.05}
METHOD = "counted instructions"


def main() -> None:
    """Print the rows."""
    grown("a pass", "zones", ZONES, with_zones)
    grown("a pass", "exempts", EXEMPTS, with_exempts)
    grown("status", "connections", CONNECTIONS, with_connections)


def grown(work: str, what: str, sizes: tuple[int, ...], measure: Callable[[int], float]) -> None:
    """Print the exponent from the first to the last size, and the times of all."""
    measure(sizes[0])  # the first time imports
    times = {size: measure(size) for size in sizes}
    shown = ", ".join(f"{size} {1000 * took:.1f} ms" for size, took in times.items())
    print(f"{work}: {what}: {shown}", flush=True)
    exponent = math.log(times[sizes[-1]] / times[sizes[0]]) / math.log(sizes[-1] / sizes[0])
    row = f"{work}, {sizes[0]} to {sizes[-1]} {what}: exponent"
    alone(row, "", Figure(exponent, 1), STEEPEST[what], METHOD).show()


def with_zones(count: int) -> float:
    """Seconds of the first pass of a router with so many zones beside WAN, each on a device of its own."""
    fakes = router()
    names = [f"z{number}" for number in range(count)]
    more = [section("firewall", "zone", f"z_{name}", name=name, network=(name,)) for name in names]
    ways = [section("firewall", "forwarding", f"f_{name}", src=name, dest="wan") for name in names]
    modes = [section("offload", "zone", name, name=name, mode="software") for name in names]
    up = [{"interface": name, "up": True, "l3_device": f"eth{name}", "device": f"eth{name}"} for name in names]
    fakes.uci.packages = {"firewall": (*FIREWALL, *more, *ways), "network": (), "offload": (*OFFLOAD, *modes)}
    fakes.bus.replies = {DUMP: {"interface": [*REPLY["interface"], *up]}}
    fakes.netlink.found = replace(
        SCENE,
        links=(*SCENE.links, *(Link(f"eth{name}") for name in names)),
        addresses=(*SCENE.addresses, *(_address(number) for number in range(count))),
    )
    return _pass(fakes)


def _address(number: int) -> Address:
    return Address(f"ethz{number}", ip_interface(f"10.{number // 256}.{number % 256}.1/24"))


def with_exempts(count: int) -> float:
    """Seconds of the first pass of a router with so many elements in the sets of its exempts."""
    fakes = router()
    exempts = tuple(_exempts(count))
    fakes.uci.packages = {"firewall": FIREWALL, "network": (), "offload": (*OFFLOAD, *exempts)}
    return _pass(fakes)


def _exempts(count: int) -> Iterator[Section]:
    for number in range(count):
        yield section("offload", "exempt", f"e{number}", src_ip=(f"10.{number // 250}.{number % 250}.7",))


def _pass(fakes: Fakes) -> float:
    began = time.process_time()
    applied = fakes.service.work()
    took = time.process_time() - began
    assert applied.changes and not applied.error, applied
    return took


def with_connections(count: int) -> float:
    """Seconds of an answer with so many connections, read from the kernel's messages."""
    fakes = router()
    fakes.service.work()
    every = listed(count)
    datagrams = [b"".join(every[at : at + PER_DATAGRAM]) for at in range(0, count, PER_DATAGRAM)]
    datagrams.append(message(NLMSG_DONE, b"\0" * 4))
    fakes.service.doors = replace(fakes.service.doors, conntrack=conntrack.Conntrack())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conntrack, "replies", lambda _protocol, _request, parse, _buffer: map(parse, datagrams))
        began = time.process_time()
        assert answer(fakes.service, METHODS["status"], {})["ok"]
        return time.process_time() - began


if __name__ == "__main__":
    main()
