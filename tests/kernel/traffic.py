"""Real traffic between hosts: a server, and conversations whose packets are counted."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, NamedTuple

from kernel.netns import Namespace

Proto = Literal["tcp", "udp"]

PORT = 7007
PATIENCE = 10.0  # seconds without an answer until a conversation counts as broken
CHUNK = 65536
MOST_UDP = 2048
REQUEST = struct.Struct("!cI")  # the command, and a number of bytes
ECHO, FETCH, PUSH = b"e", b"f", b"p"
SEGMENTS = struct.Struct("<136xII")  # struct tcp_info, include/uapi/linux/tcp.h: tcpi_segs_out, tcpi_segs_in


class Crossing(NamedTuple):
    """A number of packets in each direction of a flow."""

    original: int
    reply: int

    def __sub__(self, other: tuple[int, int]) -> "Crossing":
        return Crossing(self.original - other[0], self.reply - other[1])


NOTHING = Crossing(0, 0)


class Server:
    """A host that answers on one port, in both families: UDP with an echo, TCP with what a REQUEST asks for."""

    def __init__(self, host: Namespace, port: int = PORT) -> None:
        with host.entered():
            self._listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
            self._udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            self._udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._udp.bind(("::", port))
        for loop in (self._accept, self._echo_datagrams):
            threading.Thread(target=loop, daemon=True).start()

    def close(self) -> None:
        """Answer no more; `shutdown` wakes the threads that wait in the kernel."""
        for listening in (self._listener, self._udp):
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=_answer, args=(connection,), daemon=True).start()

    def _echo_datagrams(self) -> None:
        with suppress(OSError):
            while (received := self._udp.recvfrom(MOST_UDP)) != (b"", None):  # what a shutdown leaves
                with suppress(OSError):  # between two places a host that moves has no way out
                    self._udp.sendto(*received)


def _answer(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError), connection, connection.makefile("rb") as requests:
        while request := requests.read(REQUEST.size):
            wanted, size = REQUEST.unpack(request)
            if wanted == ECHO:
                connection.sendall(requests.read(size))
            elif wanted == FETCH:
                connection.sendall(bytes(size))
            else:
                while size:
                    size -= len(requests.read(min(size, CHUNK)))
                connection.sendall(b".")


@dataclass(frozen=True)
class Target:
    """The address and port to call, and behind a port forward those of the host that answers."""

    address: str
    port: int = PORT
    behind: str = ""

    @property
    def real(self) -> tuple[IPv4Address | IPv6Address, int]:
        """The end of the flow as the forward hook sees it."""
        return (ip_address(self.behind), PORT) if self.behind else (ip_address(self.address), self.port)


class Talk:
    """A conversation of one host with a Server, kept open; each call waits for the whole answer. `port`: its own."""

    def __init__(self, host: Namespace, target: Target, proto: Proto = "tcp", port: int = 0) -> None:
        self.proto: Proto = proto
        kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        with host.entered():
            self._socket = socket.socket(family, kind)
        self._socket.settimeout(PATIENCE)
        try:
            if port:
                self._socket.bind(("", port))
            self._socket.connect((target.address, target.port))
        except OSError:
            self._socket.close()
            raise
        if proto == "tcp":
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.near = _address(self._socket)
        self.far = target.real
        self._datagrams = [0, 0]

    def patience(self, seconds: float) -> None:
        """How long to wait for an answer."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def echo(self, count: int, size: int = 100) -> None:
        """Send `count` messages, each after the echo of the one before; over TCP each is one segment."""
        for _ in range(count):
            if self.proto == "tcp":
                self._socket.sendall(REQUEST.pack(ECHO, size) + bytes(size))
                self._receive(size)
            else:
                self._socket.send(bytes(size))
                self._datagrams[0] += 1
                self._socket.recv(MOST_UDP)
                self._datagrams[1] += 1

    def say(self, count: int, size: int = 100) -> None:
        """Send `count` datagrams and wait for nothing."""
        for _ in range(count):
            self._socket.send(bytes(size))
        self._datagrams[0] += count

    def fetch(self, size: int) -> None:
        """Download so many bytes."""
        self._socket.sendall(REQUEST.pack(FETCH, size))
        self._receive(size)

    def push(self, size: int) -> None:
        """Upload so many bytes and wait until they have arrived."""
        self._socket.sendall(REQUEST.pack(PUSH, size) + bytes(size))
        self._receive(1)

    def last_fetch(self, size: int) -> int:
        """Ask for a download, close the own direction, and read to the end; the bytes that came."""
        self._socket.sendall(REQUEST.pack(FETCH, size))
        self._socket.shutdown(socket.SHUT_WR)
        return sum(iter(lambda: len(self._socket.recv(CHUNK)), 0))

    def ip_options(self, options: bytes) -> None:
        """Send these IPv4 options (RFC 791) with each packet from now on."""
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)

    def dscp(self, number: int) -> None:
        """Send packets with this DSCP from now on; IPv4."""
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, number << 2)

    def packets(self) -> Crossing:
        """Packets sent and received so far, by the kernel's count for TCP and by ours for UDP."""
        if self.proto == "udp":
            return Crossing(*self._datagrams)
        return Crossing(*SEGMENTS.unpack(self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SEGMENTS.size)))

    def _receive(self, size: int) -> None:
        while size:
            got = len(self._socket.recv(min(size, CHUNK)))
            if not got:
                raise ConnectionError("the other side hung up")
            size -= got


def _address(connected: socket.socket) -> tuple[IPv4Address | IPv6Address, int]:
    host, port = connected.getsockname()[:2]
    return ip_address(host), port
