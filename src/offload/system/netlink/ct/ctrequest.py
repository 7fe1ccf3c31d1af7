"""Make requests to ctnetlink, to list, find or delete conntrack entries, and read acknowledgements. Pure.

The kernel's side is net/netfilter/nf_conntrack_netlink.c.
"""

import socket
import struct
from collections.abc import Mapping

from offload.model.flow import IPS_OFFLOAD, Tuple
from offload.system.netlink.ct.ctnetlink import IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET
from offload.system.netlink.wire import (
    ERRNO,
    NFGENMSG,
    NLA_F_NESTED,
    NLM_F_ACK,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    NLMSGHDR,
    attribute,
    attributes,
    message,
)

CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_TUPLE_PROTO, CTA_STATUS, CTA_ZONE, CTA_STATUS_MASK = 1, 1, 2, 3, 18, 26
CTA_TUPLE_REPLY, CTA_FILTER, FILTER_ORIGINAL, FILTER_REPLY = 2, 25, 1, 2
FILTER_SOURCE, FILTER_DESTINATION = 1, 2  # CTA_FILTER_F_CTA_IP_SRC, _DST: net/netfilter/nf_internals.h
# By the size of an address: its family, and the numbers of the attributes for source and destination.
ADDRESSES = {4: (2, 1, 2), 16: (10, 3, 4)}
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
PORT, NATIVE = struct.Struct("!H"), struct.Struct("=I")

# ICMP and ICMPv6: their tuple has a type, a code and an id, which an Entry lacks. That of others without ports (ESP) is
# addresses alone, and the kernel ignores the ports.
ICMP = frozenset({1, 58})

EVERY_FAMILY = NFGENMSG.pack(socket.AF_UNSPEC, 0, 0)
ALL = message(IPCTNL_MSG_CT_GET, EVERY_FAMILY)
# Those in a software or hardware flowtable (ctnetlink_filter_match()); kernels before 5.17 list all entries.
OFFLOADED = message(
    IPCTNL_MSG_CT_GET,
    EVERY_FAMILY
    + attribute(CTA_STATUS, struct.pack("!I", IPS_OFFLOAD))
    + attribute(CTA_STATUS_MASK, struct.pack("!I", IPS_OFFLOAD)),
)


def lookup(proto: int, ends: Tuple) -> bytes:
    """The request for the one entry of this IP protocol that has `ends` as its original or its reply tuple.

    `ends`: addresses, ports and conntrack zone. The reply is no dump.
    """
    return message(IPCTNL_MSG_CT_GET, which(proto, ends), NLM_F_REQUEST)


FILTERED = frozenset({4})  # lengths of the addresses by which kernels filter rightly


def of_host(address: bytes) -> list[bytes]:
    """Four requests for dumps that together list the entries with this packed address (4 or 16 bytes).

    Each is for the address as source or destination, of the original or the reply direction, so an entry may come more
    than once. A kernel before 5.8 lists all entries; for IPv6 some later ones also list entries with other addresses.
    """
    family, *numbers = ADDRESSES[len(address)]
    found = []
    for direction, flags_of in ((CTA_TUPLE_ORIG, FILTER_ORIGINAL), (CTA_TUPLE_REPLY, FILTER_REPLY)):
        for number, flag in zip(numbers, (FILTER_SOURCE, FILTER_DESTINATION), strict=True):
            end = attribute(CTA_TUPLE_IP | NLA_F_NESTED, attribute(number, address))
            flags = {FILTER_ORIGINAL: 0, FILTER_REPLY: 0, flags_of: flag}
            asked = b"".join(attribute(kind, NATIVE.pack(value)) for kind, value in flags.items())
            body = attribute(direction | NLA_F_NESTED, end) + attribute(CTA_FILTER | NLA_F_NESTED, asked)
            found.append(message(IPCTNL_MSG_CT_GET, NFGENMSG.pack(family, 0, 0) + body))
    return found


def deletions(bodies: Mapping[int, bytes]) -> bytes:
    """The bytes of one datagram with requests to delete entries; the kernel acknowledges each request.

    `bodies`: by sequence number, what `which` gives for the entry.
    """
    flags = NLM_F_REQUEST | NLM_F_ACK
    return b"".join(message(IPCTNL_MSG_CT_DELETE, body, flags, number) for number, body in bodies.items())


def answers(datagram: bytes) -> list[tuple[int, int]]:
    """The acknowledgements in a datagram, as (sequence number of the request, positive error number; 0 for success).

    Other messages are skipped.
    """
    found, at = [], 0
    while at + NLMSGHDR.size + ERRNO.size <= len(datagram):
        length, kind, _, number, _ = NLMSGHDR.unpack_from(datagram, at)
        if kind == NLMSG_ERROR:
            found.append((number, -ERRNO.unpack_from(datagram, at + NLMSGHDR.size)[0]))
        at += max((length + 3) & ~3, NLMSGHDR.size)
    return found


def of_icmp(body: bytes) -> bytes:
    """The part of the tuple that `which` needs for ICMP. `body`: of the message by which the kernel lists the entry."""
    ends = attributes(attributes(body, NFGENMSG.size).get(CTA_TUPLE_ORIG, b""))
    return ends.get(CTA_TUPLE_PROTO, b"")


def which(proto_number: int, ends: Tuple, proto: bytes = b"") -> bytes:
    """The body of a request about one entry, which it names by protocol and original direction.

    `proto`: what `of_icmp` gives, needed for the protocols in ICMP; empty for others, which have ports or nothing.
    """
    family, source, destination = ADDRESSES[len(ends.src)]
    ip = attribute(source, ends.src) + attribute(destination, ends.dst)
    if not proto:
        ports = (
            attribute(CTA_PROTO_SRC_PORT, PORT.pack(ends.sport)),
            attribute(CTA_PROTO_DST_PORT, PORT.pack(ends.dport)),
        )
        proto = attribute(CTA_PROTO_NUM, bytes([proto_number])) + b"".join(ports)
    tuple_ = attribute(CTA_TUPLE_IP | NLA_F_NESTED, ip) + attribute(CTA_TUPLE_PROTO | NLA_F_NESTED, proto)
    body = NFGENMSG.pack(family, 0, 0) + attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple_)
    return body + (attribute(CTA_ZONE, PORT.pack(ends.ct_zone)) if ends.ct_zone else b"")
