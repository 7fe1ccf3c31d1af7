"""A LAN whose two cables lead to switches, so that no port loses its carrier when a station moves between them.

Only the bridge's forwarding table shows that the station has moved, as with a mesh or an external access point.
"""

import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socket import AF_PACKET, SOCK_RAW, inet_aton, socket
from typing import ClassVar

from kernel.lab import Join
from kernel.monitoring import Monitoring
from kernel.netns import Namespace, cable
from kernel.sides import Ends

ARP = struct.Struct("!6s6sHHHBBH6s4s6s4s")  # RFC 826 in an Ethernet frame
ETH_P_ARP, REQUEST, EVERYBODY = 0x0806, 1, b"\xff" * 6
ROUTER = "192.168.1.1"


class Floor:
    """A side of a router: two cables that `join` lays, and a station that is plugged in at one of the switches."""

    PORTS: ClassVar = ("lan1", "lan2")

    def __init__(self, join: Join = cable) -> None:
        self._join = join

    def __call__(self, router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        router.ip("link add br-lan type bridge", "link set br-lan up")
        self.station, self.floor = far, Namespace("floor")
        stack.callback(self.floor.delete)
        self.floor.sysctl({"net/ipv6/conf/default/disable_ipv6": 1})  # switches say nothing of their own
        for name in self.PORTS:
            self._join(router, name, self.floor, f"to-{name}")
            router.ip(f"link set {name} master br-lan")
            self.floor.ip(
                f"link add at-{name} type bridge", f"link set at-{name} up", f"link set to-{name} master at-{name}"
            )
        cable(self.floor, "desk", far, "eth0")
        self.plug(self.PORTS[0])
        return Ends("br-lan", "eth0")

    def plug(self, place: str) -> None:
        """Plug the station's cable in at the switch behind a port."""
        self.floor.ip(f"link set desk master at-{place}")

    def announce(self, device: str = "eth0") -> None:
        """Let the station say where it is."""
        self.station.run("busybox", "arping", "-U", "-c", "1", "-I", device, "192.168.1.2")

    @contextmanager
    def forging(self) -> Iterator["Frames"]:
        """Raw sockets at the ports of both switches, which send forged frames."""
        with ExitStack() as stack:
            with self.floor.entered():
                sockets = [stack.enter_context(socket(AF_PACKET, SOCK_RAW)) for _ in self.PORTS]
                for each, name in zip(sockets, self.PORTS, strict=True):
                    each.bind((f"to-{name}", 0))
            yield Frames(sockets)


class Frames:
    """ARP requests for the router, each from whatever MAC and IPv4 address, into either port."""

    def __init__(self, sockets: list[socket]) -> None:
        self._sockets = sockets

    def send(self, port: int, mac: bytes, address: str) -> None:
        """Ask for the router at the port with this index, in the name of another."""
        sender, target = inet_aton(address), inet_aton(ROUTER)
        frame = ARP.pack(EVERYBODY, mac, ETH_P_ARP, 1, 0x0800, 6, 4, REQUEST, mac, sender, bytes(6), target)
        self._sockets[port].send(frame)


class Learned(Monitoring):
    """What the kernel says about the router's bridge: when a station was learned, and at which port."""

    def __init__(self, router: Namespace, mac: str) -> None:
        self.sightings: list[tuple[float, str]] = []
        self._mac = mac
        super().__init__(router, "bridge", "monitor", "fdb")

    def at(self, place: str, after: float) -> float | None:
        """When the station was first learned at a place after a moment."""
        return next((when for when, where in self.sightings if when > after and where == place), None)

    def heard(self, line: str) -> None:
        """A station that is learned, ours or another."""
        words = line.split()
        if words and words[0] == self._mac and "dev" in words:
            self.sightings.append((time.monotonic(), words[words.index("dev") + 1]))


@contextmanager
def learned(router: Namespace, mac: str) -> Iterator[Learned]:
    """Listen for a while to where a station is learned."""
    listening = Learned(router, mac)
    try:
        yield listening
    finally:
        listening.close()
