"""The names of the kernel's tables, asked over nfnetlink: bytes of the question and of the answer, and the asking.

Every pass asks this first. By way of the nft program it would cost a process each time, a third of the whole pass.
"""

import errno
import os
import socket

from offload.errors import NftError
from offload.system.netlink.ctnetlink import ERRNO, NFGENMSG, NLMSG_DONE, NLMSG_ERROR
from offload.system.netlink.messages import (
    NFGENMSG_SIZE,
    NFT_MSG_NEWTABLE,
    NFTABLES,
    NLMSGHDR,
    TABLE_NAME,
    attributes,
    messages,
)
from offload.system.netlink.monitor import NETLINK_NETFILTER

NFPROTO_INET = 1  # include/uapi/linux/netfilter.h
NFT_MSG_GETTABLE = 1
NLM_F_REQUEST_DUMP = 0x301
DATAGRAM = 64 << 10
PATIENCE = 10.0  # seconds without a datagram

SENTENCES = {
    errno.EPERM: "nft may not touch the ruleset: run as root",
    errno.EINVAL: "this kernel has no nftables; install kmod-nft-core",  # nobody answers for this subsystem
    errno.EPROTONOSUPPORT: "this kernel has no nftables; install kmod-nft-core",
}


def inet_tables() -> frozenset[str]:
    """The names of all tables of family inet in this network namespace; NftError with a sentence."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(PATIENCE)
            kernel.send(question())
            names: set[str] = set()
            done = False
            while not done:
                found, done = answer(kernel.recv(DATAGRAM))
                names |= found
    except OSError as error:
        known = SENTENCES.get(error.errno or 0)
        raise NftError(known or f"the kernel does not list its nft tables: {error.strerror or error}") from error
    return frozenset(names)


def question() -> bytes:
    """NFT_MSG_GETTABLE as a dump."""
    size = NLMSGHDR.size + NFGENMSG.size
    header = NLMSGHDR.pack(size, NFTABLES << 8 | NFT_MSG_GETTABLE, NLM_F_REQUEST_DUMP, 1, 0)
    return header + NFGENMSG.pack(NFPROTO_INET, 0, 0)


def answer(datagram: bytes) -> tuple[set[str], bool]:
    """The names in one datagram of the answer, and whether it was the last; an OSError where the kernel refused."""
    names: set[str] = set()
    for kind, body in messages(datagram):
        if kind == NLMSG_DONE:
            return names, True
        if kind == NLMSG_ERROR and len(body) >= ERRNO.size:
            number = -ERRNO.unpack_from(body)[0]
            raise OSError(number, os.strerror(number))
        if kind == NFTABLES << 8 | NFT_MSG_NEWTABLE and body[:1] == bytes([NFPROTO_INET]):
            name = attributes(body, NFGENMSG_SIZE).get(TABLE_NAME, b"")
            names |= {name.rstrip(b"\0").decode("ascii", "replace")} - {""}
    return names, False
