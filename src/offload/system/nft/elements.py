"""Ask nf_tables over nfnetlink whether a set has an element now, without listing the others."""

from contextlib import suppress

from offload.system.netlink.dump import ask
from offload.system.netlink.route.messages import NFTABLES
from offload.system.netlink.wire import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLA_F_NESTED,
    NLM_F_REQUEST,
    attribute,
    message,
    messages,
)
from offload.system.nft.nfnetlink.messages import NFPROTO_INET, SET_NAME, TABLE

NFT_MSG_NEWSETELEM, NFT_MSG_GETSETELEM = 12, 13
ELEMENTS, LIST_ELEMENT, ELEMENT_KEY, DATA_VALUE = 3, 1, 1, 1


def request(table: str, name: str, key: bytes) -> bytes:
    """The request for the element of a set (family inet) with this key, which is in the kernel's bytes."""
    value = attribute(DATA_VALUE, key)
    for kind in (ELEMENT_KEY, LIST_ELEMENT, ELEMENTS):
        value = attribute(kind | NLA_F_NESTED, value)
    named = attribute(TABLE, table.encode() + b"\0") + attribute(SET_NAME, name.encode() + b"\0")
    return message(NFTABLES << 8 | NFT_MSG_GETSETELEM, NFGENMSG.pack(NFPROTO_INET, 0, 0) + named + value, NLM_F_REQUEST)


def remembers(table: str, name: str, key: bytes) -> bool:
    """Whether the set has an element with this key now; False also if there is no such set, or the kernel refuses."""
    with suppress(OSError):
        found = messages(ask(NETLINK_NETFILTER, request(table, name, key)))
        return any(kind == NFTABLES << 8 | NFT_MSG_NEWSETELEM for kind, _ in found)
    return False
