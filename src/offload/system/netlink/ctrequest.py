"""Requests to ctnetlink: what ends a connection, as bytes. Pure.

The kernel finds an entry by its original tuple and conntrack zone (ctnetlink_del_conntrack(),
net/netfilter/nf_conntrack_netlink.c).
"""

import struct
from collections.abc import Sequence

from offload.model.flow import Entry
from offload.system.netlink.ctnetlink import ERRNO, IPCTNL_MSG_CT_DELETE, NFGENMSG, NLATTR, NLMSG_ERROR, NLMSGHDR

NLM_F_REQUEST_ACK = 0x5
NLA_F_NESTED = 0x8000
CTA_TUPLE_ORIG, CTA_TUPLE_IP, CTA_TUPLE_PROTO, CTA_ZONE = 1, 1, 2, 18
# By the size of an address: its family, and the attributes of source and destination.
ADDRESSES = {4: (2, 1, 2), 16: (10, 3, 4)}
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
PORT = struct.Struct("!H")

# The protocols whose tuple is addresses and ports: nothing else can be offloaded, and ICMP wants words an Entry lacks.
PORTED = frozenset({6, 17, 33, 47, 132, 136})  # TCP, UDP, DCCP, GRE, SCTP, UDP-Lite


def deletions(entries: Sequence[Entry], first: int) -> bytes:
    """One datagram that deletes these entries; each message is numbered, from `first` on, and asks for an answer."""
    return b"".join(_deletion(entry, first + index) for index, entry in enumerate(entries))


def answers(datagram: bytes) -> list[tuple[int, int]]:
    """The answers in a datagram: (number of the request, positive errno or 0)."""
    found, at = [], 0
    while at + NLMSGHDR.size + ERRNO.size <= len(datagram):
        length, kind, _, number, _ = NLMSGHDR.unpack_from(datagram, at)
        if kind == NLMSG_ERROR:
            found.append((number, -ERRNO.unpack_from(datagram, at + NLMSGHDR.size)[0]))
        at += max((length + 3) & ~3, NLMSGHDR.size)
    return found


def _deletion(entry: Entry, number: int) -> bytes:
    family, source, destination = ADDRESSES[len(entry.original.src)]
    ends = entry.original
    ip = _attribute(source, ends.src) + _attribute(destination, ends.dst)
    proto = _attribute(CTA_PROTO_NUM, bytes([entry.proto]))
    proto += _attribute(CTA_PROTO_SRC_PORT, PORT.pack(ends.sport)) + _attribute(
        CTA_PROTO_DST_PORT, PORT.pack(ends.dport)
    )
    which = _attribute(CTA_TUPLE_IP | NLA_F_NESTED, ip) + _attribute(CTA_TUPLE_PROTO | NLA_F_NESTED, proto)
    body = NFGENMSG.pack(family, 0, 0) + _attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, which)
    body += _attribute(CTA_ZONE, PORT.pack(ends.ct_zone)) if ends.ct_zone else b""
    return NLMSGHDR.pack(NLMSGHDR.size + len(body), IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST_ACK, number, 0) + body


def _attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes; the length does not count the padding."""
    return NLATTR.pack(NLATTR.size + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)
