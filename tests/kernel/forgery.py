"""TCP segments made by hand: two hosts that agree on sequence numbers without hearing each other."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from kernel.netns import Namespace

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP = struct.Struct("!HHIIBBHHH")  # ports, sequence, acknowledgement, header words, flags, window, checksum, urgent
PATIENCE = 0.3  # seconds in which a segment has crossed the router
# Both kernels know nothing of the connection and would reset it.
SILENT = """table inet silent {
	chain output { type filter hook output priority filter; tcp flags & rst == rst drop; }
}"""


@dataclass(frozen=True)
class Segment:
    """What one end sends: its sequence number, the other end's next one, and so many bytes."""

    sequence: int
    acknowledged: int
    flags: int
    size: int = 0


class Forger:
    """One end of a TCP connection over IPv4, without the kernel's TCP."""

    def __init__(self, host: Namespace, own: tuple[str, int], other: tuple[str, int]) -> None:
        self._own, self._other = own, other
        with host.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self._socket.bind((own[0], 0))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, segment: Segment) -> None:
        """Send a segment to the other end."""
        pseudo = socket.inet_aton(self._own[0]) + socket.inet_aton(self._other[0])
        pseudo += struct.pack("!BBH", 0, socket.IPPROTO_TCP, TCP.size + segment.size)
        fields = [self._own[1], self._other[1], segment.sequence, segment.acknowledged]
        fields += [TCP.size // 4 << 4, segment.flags, 65535]
        data = bytes(segment.size)
        checksum = _checksum(pseudo + TCP.pack(*fields, 0, 0) + data)
        self._socket.sendto(TCP.pack(*fields, checksum, 0) + data, (self._other[0], 0))

    def received(self) -> int:
        """Bytes of data that arrived from the other end's port since the last call."""
        time.sleep(PATIENCE)
        found = 0
        while True:
            try:
                packet = self._socket.recv(65536)
            except BlockingIOError:
                return found
            segment = packet[(packet[0] & 0xF) * 4 :]
            if TCP.unpack_from(segment)[:2] == (self._other[1], self._own[1]):
                found += len(segment) - (segment[12] >> 4) * 4


@contextmanager
def silent(*hosts: Namespace) -> Iterator[None]:
    """For as long as it takes these hosts reset nothing."""
    for host in hosts:
        host.nft(SILENT)
    try:
        yield
    finally:
        for host in hosts:
            host.nft("delete table inet silent")


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
