"""Ask nf_tables over nfnetlink whether a set has an element with a given key now, or for the keys of all elements."""

from collections.abc import Iterator

from offload.system.netlink.dump import ask, stream
from offload.system.netlink.route.messages import NFTABLES
from offload.system.netlink.wire import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLA_F_NESTED,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    attribute,
    attributes,
    each,
    message,
    parse,
)
from offload.system.nft.nfnetlink.messages import NFPROTO_INET, SET_NAME, TABLE

NFT_MSG_NEWSETELEM, NFT_MSG_GETSETELEM = 12, 13
ELEMENTS, LIST_ELEMENT, ELEMENT_KEY, DATA_VALUE = 3, 1, 1, 1


def request(table: str, name: str, key: bytes) -> bytes:
    """The request for the element of a set (family inet) with this key, which is in the kernel's bytes."""
    value = attribute(DATA_VALUE, key)
    for kind in (ELEMENT_KEY, LIST_ELEMENT, ELEMENTS):
        value = attribute(kind | NLA_F_NESTED, value)
    return _request(table, name, value, NLM_F_REQUEST)


def _request(table: str, name: str, rest: bytes, flags: int) -> bytes:
    named = attribute(TABLE, table.encode() + b"\0") + attribute(SET_NAME, name.encode() + b"\0")
    return message(NFTABLES << 8 | NFT_MSG_GETSETELEM, NFGENMSG.pack(NFPROTO_INET, 0, 0) + named + rest, flags)


def remembers(table: str, name: str, key: bytes) -> bool | None:
    """Whether the set has an element with this key now; None if the kernel does not answer, or refuses.

    False also if there is no such set: the kernel's error, ENOENT, is the same.
    """
    try:
        found = parse(ask(NETLINK_NETFILTER, request(table, name, key))).messages
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return any(kind == NFTABLES << 8 | NFT_MSG_NEWSETELEM for kind, _ in found)


def keys(table: str, name: str) -> frozenset[bytes] | None:
    """The keys of all elements that the set has now, in the kernel's bytes; empty if it has no elements.

    None if there is no such set, or the kernel refuses.
    """
    try:
        found = stream(NETLINK_NETFILTER, _request(table, name, b"", NLM_F_REQUEST | NLM_F_DUMP))
        wanted = NFTABLES << 8 | NFT_MSG_NEWSETELEM
        return frozenset(key for kind, body in found if kind == wanted for key in _keys(body))
    except OSError:
        return None


def _keys(body: bytes) -> Iterator[bytes]:
    """The key of each element in the body of a message NEWSETELEM; empty bytes for an element without a key."""
    for _, element in each(attributes(body, NFGENMSG.size).get(ELEMENTS, b"")):
        yield attributes(attributes(element).get(ELEMENT_KEY, b"")).get(DATA_VALUE, b"")
