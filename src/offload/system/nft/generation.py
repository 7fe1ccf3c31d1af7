"""The generation of the kernel's ruleset, a number that each transaction with a change raises (nf_tables_commit()).

It shows whether a program nft that exits with 0 has changed anything.
"""

import socket
import struct

from offload.errors import NftError
from offload.system.netlink.ctnetlink import ERRNO, NFGENMSG, NLMSG_ERROR
from offload.system.netlink.messages import (
    NFGENMSG_SIZE,
    NFT_MSG_NEWGEN,
    NFTABLES,
    NLMSGHDR,
    attributes,
    messages,
)
from offload.system.netlink.monitor import NETLINK_NETFILTER
from offload.system.nft.tables import DATAGRAM, PATIENCE

NFT_MSG_GETGEN, NFTA_GEN_ID = 16, 1  # include/uapi/linux/netfilter/nf_tables.h
NLM_F_REQUEST = 1
ID = struct.Struct("!I")


def generation() -> int:
    """The generation now; 0 if the kernel's reply has none. NftError if the kernel does not reply."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(PATIENCE)
            kernel.send(question())
            return answer(kernel.recv(DATAGRAM))
    except OSError as error:
        raise NftError(
            f"the kernel does not answer with the generation of its ruleset: {error.strerror or error}"
        ) from error


def question() -> bytes:
    """The request NFT_MSG_GETGEN."""
    size = NLMSGHDR.size + NFGENMSG.size
    return NLMSGHDR.pack(size, NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_REQUEST, 1, 0) + NFGENMSG.pack(0, 0, 0)


def answer(datagram: bytes) -> int:
    """The generation in a reply, 0 if there is none; OSError with the kernel's error number."""
    for kind, body in messages(datagram):
        if kind == NLMSG_ERROR and len(body) >= ERRNO.size:
            raise OSError(-ERRNO.unpack_from(body)[0], "refused")
        found = attributes(body, NFGENMSG_SIZE).get(NFTA_GEN_ID, b"")
        if kind == NFTABLES << 8 | NFT_MSG_NEWGEN and len(found) == ID.size:
            return int(ID.unpack(found)[0])
    return 0
