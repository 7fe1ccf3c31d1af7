"""Read the generation of the kernel's nft ruleset, a number that each transaction increases (nf_tables_commit()).

It stays the same when packets add elements to a set.
"""

import struct

from offload.errors import NftError
from offload.system.netlink.dump import ask
from offload.system.netlink.wire import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NFT_MSG_NEWGEN,
    NFTABLES,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    attributes,
    message,
    messages,
    raise_refusal,
)

NFT_MSG_GETGEN, NFTA_GEN_ID = 16, 1  # include/uapi/linux/netfilter/nf_tables.h
ID = struct.Struct("!I")
QUESTION = message(NFTABLES << 8 | NFT_MSG_GETGEN, NFGENMSG.pack(0, 0, 0), NLM_F_REQUEST)


def generation() -> int:
    """The ruleset's present generation number; 0 if the reply has none.

    NftError if the kernel refuses or does not reply.
    """
    try:
        return answer(ask(NETLINK_NETFILTER, QUESTION))
    except OSError as error:
        raise NftError(
            f"the kernel does not answer with the generation of its ruleset: {error.strerror or error}"
        ) from error


def answer(datagram: bytes) -> int:
    """The generation number in a reply of the kernel; 0 if it has none. OSError if the reply is an error."""
    for kind, body in messages(datagram):
        if kind == NLMSG_ERROR:
            raise_refusal(kind, body)
        found = attributes(body, NFGENMSG.size).get(NFTA_GEN_ID, b"")
        if kind == NFTABLES << 8 | NFT_MSG_NEWGEN and len(found) == ID.size:
            return int(ID.unpack(found)[0])
    return 0
