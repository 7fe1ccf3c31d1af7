"""Connections by the ten thousand on a router: made over ctnetlink, as masqueraded ones of its LAN."""

import socket
import struct
import sys
from pathlib import Path

from kernel.netns import Namespace
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_NEW
from offload.system.netlink.ct.ctrequest import answers
from offload.system.netlink.wire import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLA_F_NESTED,
    NLM_F_ACK,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    attribute,
    message,
)

MOST = Path("/proc/sys/net/netfilter/nf_conntrack_max")  # the first namespace's counts for all
NLM_F_CREATE = 0x400
BATCH = 128
PORT = struct.Struct("!H")
NUMBER = struct.Struct("!I")
TCP, UDP, ESTABLISHED = 6, 17, 3
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8
WAN = bytes([203, 0, 113, 2])
PROTOCOLS = UDP, TCP  # in turn
# Values that occur nowhere else in a message, in place of those that each connection has of its own.
PLACES = {b"number": b"NUMB", b"station": b"FROM", b"server": b"DEST", b"sport": b"SP", b"dport": b"DP"}


def fill(router: Namespace, count: int, already: int = 0) -> None:
    """Make so many connections: 250 stations, a thousand servers, TCP and UDP in turn."""
    MOST.write_text(str(max(2 * count, 65_536)))
    with router.entered():
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    with kernel:
        templates = _creations()
        for first in range(already, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            kernel.send(b"".join(_filled(templates, number) for number in numbers))
            waiting = len(numbers)
            while waiting:
                for number, code in answers(kernel.recv(1 << 16)):
                    assert not code, f"connection {number} is refused: {code}"
                    waiting -= 1


def listed(count: int) -> list[bytes]:
    """What a dump has of so many such connections: the kernel's messages, without counters."""
    templates = [_template(message(IPCTNL_MSG_CT_NEW, body, NLM_F_MULTI, 1)) for body in map(_body, PROTOCOLS)]
    return [_filled(templates, number) for number in range(count)]


def _creations() -> list[bytes]:
    natted, flags = _nested(6, attribute(1, WAN) + attribute(2, WAN)), NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK
    number = int.from_bytes(PLACES[b"number"], sys.byteorder)
    return [_template(message(IPCTNL_MSG_CT_NEW, _body(proto) + natted, flags, number)) for proto in PROTOCOLS]


def _filled(templates: list[bytes], number: int) -> bytes:
    return templates[number % 2] % {
        b"number": number.to_bytes(4, sys.byteorder),
        b"station": bytes([192, 168, 1, 2 + number % 250]),
        b"server": bytes([198, 18, number % 4, number % 251]),
        b"sport": PORT.pack(1024 + number // 4 % 60_000),
        b"dport": PORT.pack(443 + number % 5),
    }


def _template(whole: bytes) -> bytes:
    # 65,536 messages made from it take a minute less than from their attributes, where instructions are counted
    whole = whole.replace(b"%", b"%%")
    for name, place in PLACES.items():
        whole = whole.replace(place, b"%%(%b)b" % name)
    return whole


def _body(proto: int) -> bytes:
    _, station, server, sport, dport = PLACES.values()
    body = NFGENMSG.pack(socket.AF_INET, 0, 0)
    body += _tuple(1, station, server, proto, sport, dport) + _tuple(2, server, station, proto, dport, sport)
    body += attribute(3, NUMBER.pack(SEEN_REPLY | ASSURED | CONFIRMED)) + attribute(7, NUMBER.pack(7200))
    if proto == TCP:
        body += _nested(4, _nested(1, attribute(1, bytes([ESTABLISHED]))))
    return body


def _tuple(kind: int, src: bytes, dst: bytes, proto: int, sport: bytes, dport: bytes) -> bytes:
    ports = attribute(2, sport) + attribute(3, dport)
    ends = _nested(1, attribute(1, src) + attribute(2, dst)) + _nested(2, attribute(1, bytes([proto])) + ports)
    return _nested(kind, ends)


def _nested(kind: int, body: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, body)
