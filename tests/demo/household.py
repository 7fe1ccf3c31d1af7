"""The hosts of the demo, their traffic, and two counters that show by which path their packets go.

Neither is part of the product: a rule in a chain before all firewall chains counts the packets on the slow path, and
the emulated chip counts those that it forwards. All other packets went through the software flowtable.
"""

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kernel import chip
from kernel.evidence import Sighting
from kernel.lab import Home, Router
from kernel.netns import Namespace, cable
from kernel.pace import Pace
from kernel.rates import PORT, Flood, Sink
from kernel.traffic import Proto, Server, Talk, Target

Path = Literal["slow path", "software", "hardware", "several"]
Taken = dict[tuple[str, str], Path]  # by who talks, and IPv4 or IPv6

MESSAGES = 200
CROWD = 100  # connections: after so many the service has seen enough
PACKETS = 20_000
PACE_PORT = 7008  # a server of its own: it does not answer while it counts packets
OFFERED = 10.0  # Mbit/s of the flood
HEADERS = 1228 / 1200  # nft counts bytes of IP packets
LATE = 0.2  # seconds: TCP may hold an acknowledgement back for a moment
PORTS = ("lan1", "lan2", "lan3", "guest1", "wan")
ACCESS_POINT = "phy0-ap0"  # a port of br-lan beside those of the chip, whose driver offloads nothing


class Voice(NamedTuple):
    """A conversation that goes on during the whole demo, with its host and IP version for the printed table."""

    who: str
    version: str
    talk: Talk


@dataclass(frozen=True)
class Household:
    """The hosts behind the router and the server that they talk to."""

    home: Home
    on_chip: bool  # the router's ports are those of a switch chip
    voices: list[Voice]
    pace: Pace
    stack: ExitStack

    @property
    def router(self) -> Router:
        return self.home.router

    @property
    def best(self) -> str:
        """The fastest mode there is."""
        return "hardware" if self.on_chip else "software"

    def talk(self) -> None:
        """Every host talks, downloads and uploads."""
        for _, _, talk in self.voices:
            talk.echo(MESSAGES // 4)
            if talk.proto == "tcp":
                talk.fetch(1_000_000)
                talk.push(200_000)
        self._settle()

    def witness(self) -> Taken:
        """Count each conversation's packets by path and print a table; the path that each took."""
        found: Taken = {}
        chip_column = "CHIP" if self.on_chip else ""
        print(f"{'WHO':14} {'':13} {'MOVED':>6} {'SLOW':>6} {chip_column:>6} {'SOFTWARE':>9}   THEIR PATH")
        for who, version, talk in self.voices:
            talk.echo(10)
            time.sleep(LATE)
            before = self._forwarded()
            with self.home.evidence.watch(talk) as seen:
                talk.echo(MESSAGES)
                time.sleep(LATE)
            forwarded = self._forwarded() - before
            path = found[who, version] = _path(seen, forwarded)
            moved, slow = sum(seen.moved), sum(seen.slow)
            by_chip = str(forwarded) if self.on_chip else ""
            rest = max(0, moved - slow - forwarded)
            print(f"{who:14} {talk.proto} over {version} {moved:6} {slow:6} {by_chip:>6} {rest:9}   {path}", flush=True)
        print()
        return found

    def crowd(self) -> list[Talk]:
        """Many connections of the laptop over IPv6."""
        laptop, target = self.home.laptop, self.home.internet6
        return [self.stack.enter_context(closing(Talk(laptop, target, "udp"))) for _ in range(CROWD)]

    def measure(self) -> float:
        """Packets per second of the guest, as fast as they go."""
        self.pace.talk.echo(5)
        return self.pace.measure(PACKETS)

    def flood(self) -> float:
        """Mbit/s, headers included, that get through of more than any limit here; its bucket is emptied first."""
        with Sink(self.home.server) as sink:
            flood = Flood(self.home.guest, Target(self.home.internet4.address, PORT))
            with closing(flood):
                flood.flood(sink, 1, 2 * OFFERED)
                octets, seconds = flood.flood(sink, 3, OFFERED)
        return octets * HEADERS * 8 / 1e6 / seconds

    def _forwarded(self) -> int:
        return chip.forwarded(self.router, PORTS) if self.on_chip else 0

    def _settle(self) -> None:
        """Wait until the chip is asked for nothing more; a thread of the kernel's own asks it."""
        before = -1
        while self.on_chip and (now := self._asked()) != before:
            before = now
            time.sleep(0.5)

    def _asked(self) -> int:
        counts = [chip.count(self.router, port) for port in PORTS]
        return sum(each.taken + each.refused for each in counts)


def household(home: Home, stack: ExitStack, *, on_chip: bool) -> Household:
    """Let every host open a connection to the server; `stack` closes them."""
    stack.callback(Server(home.server, PACE_PORT).close)

    phone = _phone(home, stack)

    def voice(who: str, host: Namespace, target: Target, proto: Proto) -> Voice:
        talk = stack.enter_context(closing(Talk(host, target, proto)))
        return Voice(who, "IPv6" if ":" in target.address else "IPv4", talk)

    voices = [
        voice("lan: client", home.client, home.internet4, "tcp"),
        voice("lan: phone", phone, home.internet4, "tcp"),
        voice("lan: laptop", home.laptop, home.internet6, "udp"),
        voice("guest", home.guest, home.internet4, "tcp"),
        voice("guest", home.guest, home.internet6, "udp"),
    ]
    paced = voice("guest", home.guest, Target(home.internet4.address, PACE_PORT), "udp").talk
    pace = Pace(paced, home.guest, home.router.mac("br-guest"), home.server)
    return Household(home, on_chip, voices, pace, stack)


def _phone(home: Home, stack: ExitStack) -> Namespace:
    """A phone at an access point: its port is one of br-lan's, and no driver there offloads anything."""
    phone = Namespace("phone")
    stack.callback(phone.delete)
    cable(home.router, ACCESS_POINT, phone, "eth0")
    home.router.ip(f"link set {ACCESS_POINT} master br-lan")
    phone.ip("addr add 192.168.1.4/24 dev eth0", "route add default via 192.168.1.1")
    return phone


def _path(seen: Sighting, forwarded: int) -> Path:
    if seen.all_slow():
        return "slow path"
    if not seen.fast(MESSAGES) or 0 < forwarded < 2 * MESSAGES:
        return "several"
    return "hardware" if forwarded else "software"
