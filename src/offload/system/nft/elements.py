"""Read elements of sets and maps from nf_tables over nfnetlink: one by its key, or all of them."""

from collections.abc import Iterator

from offload.system.netlink.dump import ask, stream
from offload.system.netlink.wire import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NFTABLES,
    NLA_F_NESTED,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    attribute,
    attributes,
    each,
    message,
    parse,
)
from offload.system.nft.nfnetlink.messages import NFPROTO_INET, SET_NAME, TABLE, integer
from offload.system.nft.nfnetlink.messages import name as text_of
from offload.system.nft.nfnetlink.registers import VERDICT, VERDICT_CHAIN, VERDICT_CODE
from offload.system.nft.nfnetlink.rules import FAMILIES
from offload.system.nft.verdict_maps import Place, Verdict

NFT_MSG_NEWSETELEM, NFT_MSG_GETSETELEM = 12, 13
ELEMENTS, LIST_ELEMENT, ELEMENT_KEY, ELEMENT_DATA, DATA_VALUE = 3, 1, 1, 2, 1
NUMBERS = {family: number for number, family in FAMILIES.items()}


def request(table: str, name: str, key: bytes) -> bytes:
    """The netlink request for the element with this key (in the kernel's bytes) of a set of family inet."""
    value = attribute(DATA_VALUE, key)
    for kind in (ELEMENT_KEY, LIST_ELEMENT, ELEMENTS):
        value = attribute(kind | NLA_F_NESTED, value)
    return _request(table, name, value, NLM_F_REQUEST)


def _request(table: str, name: str, rest: bytes, flags: int, family: int = NFPROTO_INET) -> bytes:
    named = attribute(TABLE, table.encode() + b"\0") + attribute(SET_NAME, name.encode() + b"\0")
    return message(NFTABLES << 8 | NFT_MSG_GETSETELEM, NFGENMSG.pack(family, 0, 0) + named + rest, flags)


def remembers(table: str, name: str, key: bytes) -> bool | None:
    """Ask the kernel whether the set `name` of an inet table has an element with this key (in the kernel's bytes).

    False also if there is no such table or set. None if the kernel refuses for another reason, or does not answer.
    """
    try:
        found = parse(ask(NETLINK_NETFILTER, request(table, name, key))).messages
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return any(kind == NFTABLES << 8 | NFT_MSG_NEWSETELEM for kind, _ in found)


def keys(table: str, name: str) -> frozenset[bytes] | None:
    """Read the keys of all elements of the set `name` of an inet table, in the kernel's bytes.

    Of a set of intervals also the keys at which they end. Empty also if there is no such table or set. None if the
    kernel refuses for another reason, or does not answer.
    """
    try:
        return frozenset(each.key for each in _listed(table, name, NFPROTO_INET))
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return None


def verdicts(place: Place) -> frozenset[Verdict] | None:
    """Read all elements of a set or map from the kernel, as Verdicts; `place`: (family, table, name).

    Empty if it has none. None if there is no such set or map, or the kernel refuses or does not answer.
    """
    family, table, name = place
    try:
        return frozenset(_listed(table, name, NUMBERS[family]))
    except OSError:
        return None


def _listed(table: str, name: str, family: int) -> Iterator[Verdict]:
    for kind, body in stream(NETLINK_NETFILTER, _request(table, name, b"", NLM_F_REQUEST | NLM_F_DUMP, family)):
        if kind == NFTABLES << 8 | NFT_MSG_NEWSETELEM:
            yield from elements(body)


def elements(body: bytes) -> Iterator[Verdict]:
    """Yield the elements in the body of a message NEWSETELEM as Verdicts; the key of the catch-all element is empty."""
    for _, value in each(attributes(body, NFGENMSG.size).get(ELEMENTS, b"")):
        found = attributes(value)
        key = attributes(found.get(ELEMENT_KEY, b"")).get(DATA_VALUE, b"")
        verdict = attributes(attributes(found.get(ELEMENT_DATA, b"")).get(VERDICT, b""))
        code = integer(verdict, VERDICT_CODE) if VERDICT_CODE in verdict else None
        yield Verdict(key, code, text_of(verdict, VERDICT_CHAIN))
