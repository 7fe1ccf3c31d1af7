"""Routes that change under a flow in software: which flows the kernel alone leaves on their way, and the service takes.

docs/kernel.md 37 has the facts, and test_marks.py and test_what_breaks_traffic.py have hardware.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count, product

import pytest

from kernel.daemons import wait_until
from kernel.house import COUNTED, House, Shape
from kernel.resident import Resident, resident
from kernel.sides import Side, bridge, filtering, port
from kernel.topologies import LAN
from kernel.traffic import Talk

FAR = {4: "192.0.2.1", 6: "2001:db8:77::1"}  # both providers lead there
FIRST = {4: "default via 203.0.113.2 metric 10", 6: "default via 2001:db8:ff::2 metric 10"}
SECOND = {4: "via 198.51.100.2", 6: "via 2001:db8:fe::2"}
NEAR = "2001:db8:ff::"  # network of the first
OF_RULE, OF_ROUTE = 100, 200  # routing tables: of a rule that comes, and of one that is there before its route
ENOUGH, FEW = 30, 10  # messages
SOON = 6.0  # seconds; within one on a machine that does nothing else (the figure is printed)
PORTS: dict[str, Side] = {"lan": LAN, "wan": port("eth1"), "wan2": port("eth2")}
BRIDGES: dict[str, Side] = PORTS | {
    "wan": bridge(port("eth1"), name="br-wan"),
    "wan2": bridge(port("eth2"), name="br-wan2"),
}
VLANS: dict[str, Side] = {"lan": filtering("lan1", 10), "wan": filtering("eth1", 20), "wan2": filtering("eth2", 30)}
SHAPES = {"ports": PORTS, "bridges": BRIDGES, "vlans": VLANS}
CHANGES = {  # what to do, and to undo
    "route": ("route replace default {second} metric 10", "route replace {first}"),
    "rule": ("rule add to {far} lookup 100 pref 90", "rule del to {far} lookup 100 pref 90"),
    "table": ("route add default {second} table 200", "route del default {second} table 200"),
    "down": ("link set {wan} down", "link set {wan} up"),
}
CASES = [*product(FAR, ("route", "rule", "table")), (4, "down")]
# Connections that are masqueraded end with their wan's device.
UNTRANSLATED = "insert rule inet fw4 srcnat udp sport 7101-7199 accept"
PORTS_LEFT = count(7101)


@pytest.fixture(name="shape", scope="module", params=SHAPES)
def _shape(request: pytest.FixtureRequest, house: House) -> Iterator[str]:
    with house.shaped(Shape(SHAPES[request.param])):
        for network, nearby in (("wan", "203.0.113"), ("wan2", "198.51.100")):
            far = house.hosts[network]
            # over UDP it is the route that chooses the address of an answer
            far.ip(f"addr add {FAR[4]}/32 dev eth0", f"route replace {nearby}.0/24 dev eth0 src {FAR[4]}")
            far.ip(f"route add 192.168.1.0/24 via {nearby}.1 src {FAR[4]}")
            far.ip(f"addr add {FAR[6]}/128 dev eth0")
            far.nft(COUNTED)
        house.router.nft(UNTRANSLATED)
        for version, address in FAR.items():
            run(house, version, f"route add {FIRST[version]}")
            run(house, version, f"route add default {SECOND[version]} metric 20")
            run(house, version, f"route add default {SECOND[version]} table {OF_RULE}")
            run(house, version, f"rule add to {address} lookup {OF_ROUTE} pref 91")
        yield request.param
        for version, address in FAR.items():
            run(house, version, f"rule del to {address} lookup {OF_ROUTE} pref 91")
            run(house, version, f"route flush table {OF_RULE}")


@pytest.fixture(name="service", scope="module")
def _service(house: House, shape: str) -> Iterator[Resident]:
    with serving(house, shape) as running:
        yield running


@contextmanager
def serving(house: House, shape: str) -> Iterator[Resident]:
    with resident(house.router) as running:
        wanted = {house.ends[network].l3 for network in SHAPES[shape]}
        running.until(lambda: wanted <= set(running.devices()))
        running.quiet()
        yield running


def run(house: House, version: int, command: str) -> None:
    wan = house.ends["wan"].l3
    words = {"first": FIRST[version], "second": SECOND[version], "far": FAR[version], "wan": wan}
    house.router.run("ip", f"-{version}", *command.format(**words).split())


def offloaded(house: House, version: int, change: str) -> Talk:
    target = replace(house.target("wan", version), address=FAR[version])
    talk = Talk(house.hosts["lan"], target, "udp", next(PORTS_LEFT) if change == "down" else 0)
    house.talks.append(talk)
    talk.echo(FEW)
    wait_until(lambda: fast(house, talk), "the fast path")
    return talk


def fast(house: House, talk: Talk) -> bool:
    """Not while tables are still to be returned for a change before."""
    return house.watch([talk], ENOUGH)[0].fast(ENOUGH)


def by_the_second(house: House, talk: Talk) -> bool:
    there = arrived(house, "wan2")
    say(talk, 1)
    return arrived(house, "wan2") > there


@contextmanager
def changed(house: House, version: int, change: str) -> Iterator[None]:
    there, back = CHANGES[change]
    run(house, version, there)
    try:
        yield
    finally:
        run(house, version, back)
        if change == "down":
            restore(house)


def restore(house: House) -> None:
    """What a device loses when it goes down: routes, and all of IPv6."""
    wan = house.ends["wan"].l3
    house.router.sysctl({f"net/ipv6/conf/{wan}/disable_ipv6": 0})
    house.router.ip(f"addr replace {NEAR}1/64 dev {wan}")
    wait_until(lambda: NEAR in house.router.run("ip", "-6", "route", "show", "dev", wan), "the wan's network of IPv6")
    for version in FAR:
        run(house, version, "route replace {first}")


def arrived(house: House, network: str) -> int:
    """Datagrams that the host behind a wan has received."""
    return int(house.hosts[network].run("nft", "list", "table", "inet", "counted").split("packets ")[1].split()[0])


def say(talk: Talk, count: int) -> None:
    """Of a connection that is begun anew one answer is missing."""
    talk.patience(0.1)
    for _ in range(count):
        with suppress(OSError):
            talk.echo(1)


def kept(shape: str, version: int, change: str) -> bool:
    """Whether the kernel alone leaves a flow in software on its old way."""
    return shape != "ports" or (version, change) == (6, "table")


@pytest.mark.parametrize(("version", "change"), CASES)
def test_which_flows_the_kernel_alone_leaves_on_their_way(house: House, shape: str, version: int, change: str) -> None:
    house.router.offload("apply")
    talk = offloaded(house, version, change)
    with changed(house, version, change):
        before = [arrived(house, network) for network in ("wan", "wan2")]
        say(talk, ENOUGH)
        after = [arrived(house, network) for network in ("wan", "wan2")]
    first, second = (now - then for now, then in zip(after, before, strict=True))
    sent = 0 if (shape, change) == ("vlans", "down") else ENOUGH  # by the VLAN's own device, which drops them
    assert (first, second) == (sent, 0) if kept(shape, version, change) else second > ENOUGH - FEW, (first, second)


def test_the_service_takes_flows_along_when_a_device_goes_down_that_has_no_ipv6(house: House, shape: str) -> None:
    """The kernel notifies of no route then; it does of those of IPv6."""
    house.router.sysctl({f"net/ipv6/conf/{house.ends['wan'].l3}/disable_ipv6": 1})
    with serving(house, shape) as service:
        takes_along(house, service, 4, "down")


@pytest.mark.parametrize(("version", "change"), [(4, "route"), (6, "table")])  # a minute allows six returns
def test_the_service_takes_flows_along(house: House, service: Resident, version: int, change: str) -> None:
    takes_along(house, service, version, change)


def takes_along(house: House, service: Resident, version: int, change: str) -> None:
    talk = offloaded(house, version, change)
    with changed(house, version, change):
        took = service.until(lambda: by_the_second(house, talk), SOON)
        talk.patience(SOON)
        before = arrived(house, "wan")
        wait_until(lambda: fast(house, talk), "the fast path")
        assert arrived(house, "wan") == before
    print(f"\nIPv{version}, {change}: by the second wan after {took:.1f} s")
