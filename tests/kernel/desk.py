"""A bridge with ports of the emulated chip and one without, and stations that are carried from port to port.

Each port leads to a switch of its own, as to an access point or another room, so it never loses its carrier, and only
the bridge's forwarding table shows that a station has moved.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from kernel import chip
from kernel.daemons import wait_until
from kernel.evidence import conntrack_flags
from kernel.house import House, Shape
from kernel.netns import Namespace, cable
from kernel.resident import Resident, resident
from kernel.sides import Ends, Side
from kernel.traffic import Proto, Talk

WIRED, PLAIN = ("lan1", "lan2"), "ap0"
ENGINE = (*WIRED, "wan")
ENOUGH = 60
ROUTES = ("route add 0/0 via 192.168.1.1", "route add ::/0 via 2001:db8:1::1")
SERVICE = ("-m", "offload", "service")
LATE = 5.0  # seconds, instead of a minute, until the flows of stations that came late are returned
RESTLESS = 60  # returns in a minute: a test's stations move more often than those of a house
PROGRAM = f"""
from offload.service import main
from offload.service.roaming import moves, return_budget, station_sets
changed = ((station_sets, "SEARCH_APART", {LATE}), (return_budget, "MOST_RETURNS", {RESTLESS}),
           (moves, "STATION_PAUSE", (0.25, 1.0)))
for module, name, value in changed:
    assert hasattr(module, name), name
    setattr(module, name, value)
main.serve()
"""
HASTY = ("-c", PROGRAM)


def plain(name: str, peer: str) -> Side:
    """A port whose driver offloads nothing, as an access point's."""

    def lay(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
        cable(router, name, far, peer)
        return Ends(name, peer)

    return lay


@contextmanager
def served(house: House, shape: Shape, program: Sequence[str] = SERVICE) -> Iterator[Resident]:
    """The router with hardware asked for everywhere, and the service on it."""
    with house.shaped(shape):
        house.router.write("offload", "config globals 'globals'\n\toption mode 'hardware'\n")
        with resident(house.router, program) as service:
            service.until(lambda: (service.status() or {}).get("pairs"))
            yield service


class Desks:
    """The side of a router with br-lan, and its stations: the first is the host at the far end of lan."""

    def __init__(self, stations: int = 1) -> None:
        self._count = stations
        self.stations: list[Namespace] = []

    def __call__(self, router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        self._router, self._floor = router, Namespace("floor")
        stack.callback(self._floor.delete)
        # a bridge has the lowest MAC of its ports, and announces its own address with it: moves that we do not mean
        self._floor.sysctl({"net/ipv6/conf/default/disable_ipv6": 1})
        router.ip("link add br-lan type bridge", "link set br-lan up")
        for name in (*WIRED, PLAIN):
            (cable if name == PLAIN else chip.cable)(router, name, self._floor, f"to-{name}")
            router.ip(f"link set {name} master br-lan")
            self._floor.ip(f"link add at-{name} type bridge", f"link set at-{name} up")
            self._floor.ip(f"link set to-{name} master at-{name}")
        self.stations = [far]
        for number in range(1, self._count):
            other = Namespace(f"station{number}")
            stack.callback(other.delete)
            self.stations.append(other)
        for number, station in enumerate(self.stations):
            cable(self._floor, f"desk{number}", station, "eth0")
            if number:
                station.ip(*(f"addr add {each} dev eth0" for each in self._addresses(number)), *ROUTES)
        return Ends("br-lan")

    def _addresses(self, number: int) -> tuple[str, str]:
        return f"192.168.1.{2 + number}/24", f"2001:db8:1::{2 + number}/64"

    def carry(self, number: int, place: str) -> None:
        """Take a station to a port of the bridge."""
        self._floor.ip(f"link set desk{number} master at-{place}")

    def go(self, number: int, place: str) -> None:
        """Take a station to a port of the bridge, and let it say that it is there."""
        self.carry(number, place)
        station, (address, _) = self.stations[number], self._addresses(number)
        station.run("busybox", "arping", "-U", "-c", "1", "-I", "eth0", address.partition("/")[0])
        mac = station.mac("eth0")
        wait_until(lambda: self._learned(mac) == place, f"station {number} at {place}")

    def known(self, number: int, place: str) -> None:
        """Wait until the service has a station where it is."""
        known(self._router, self.stations[number].mac("eth0"), place)

    def _learned(self, mac: str) -> str:
        listed = self._router.run("bridge", "fdb", "show", "br", "br-lan")
        return next((line.split()[2] for line in listed.splitlines() if line.startswith(mac)), "")

    def call(self, house: House, number: int, proto: Proto = "tcp", version: int = 4) -> Talk:
        """Open a conversation of a station with the host at the far end of wan."""
        talk = Talk(self.stations[number], house.target("wan", version), proto)
        house.talks.append(talk)
        talk.echo(30)
        return talk


def known(router: Namespace, mac: str, place: str) -> None:
    """Wait until the sets of stations have a station where it is: until then software takes its flows."""
    table = "flow_offload_hw" if place in WIRED else "flow_offload"

    def listed() -> str:
        # hardware's table is returned by two transactions, and is not there between them
        return router.run("nft", "list", "ruleset").partition(f"table inet {table} {{")[2].partition("\n}\n")[0]

    wait_until(lambda: mac in listed(), f"{mac} in {table}")


def settle(house: House, talk: Talk, place: str, engine: Sequence[str] = ENGINE) -> None:
    """Talk until the conversation is where its station's port wants it, and see that all of its packets are fast."""
    wired = place in WIRED
    if wired:
        chip.settled(house.router, engine, talk)
    else:
        talk.echo(30)
        wait_until(lambda: conntrack_flags(house.router, talk) == {"OFFLOAD"}, "software")
    before = chip.at_rest(house.router, engine)
    (seen,) = house.watch([talk], ENOUGH)
    by_chip = chip.forwarded(house.router, engine) - before
    assert seen.fast(ENOUGH), seen
    assert (flags := conntrack_flags(house.router, talk)) == {"HW_OFFLOAD" if wired else "OFFLOAD"}, flags
    assert by_chip >= 2 * ENOUGH if wired else by_chip == 0, f"{by_chip} packets by the chip"
