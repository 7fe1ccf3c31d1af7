"""Matches of iptables-nft, which have code of their own in the kernel: whether they tell packets of a flow apart."""

import struct

import pytest

from offload.compiler.offload.foreign_rules import treatment
from offload.model.kernel.live_rule import LiveRule
from offload.system.netlink.wire import attribute
from offload.system.nft.nfnetlink.rules import live_rule

IPV4 = 2
DROP = attribute(
    1,
    attribute(1, b"immediate\0")
    + attribute(2, attribute(1, bytes(4)) + attribute(2, attribute(2, attribute(1, bytes(4))))),
)
INVALID, ESTABLISHED, RELATED, NEW = 1, 2, 4, 8


def match(name: str, info: bytes = b"") -> bytes:
    """As the kernel writes it (nft_compat.c)."""
    data = attribute(1, name.encode() + b"\0") + attribute(2, bytes(4)) + attribute(3, info)
    return attribute(1, attribute(1, b"match\0") + attribute(2, data))


def states(states: int, *, compared: int = 1, negated: int = 0) -> bytes:
    """The match of `-m conntrack`; `compared` and `negated`: 1 for the states."""
    return match("conntrack", bytes(146) + struct.pack("=HHHH2x", compared, negated, states, 0))


def rule(*expressions: bytes) -> LiveRule:
    found = live_rule(IPV4, {1: b"filter\0", 2: b"FORWARD\0", 4: b"".join(expressions)})
    assert found
    return found


@pytest.mark.parametrize(
    ("name", "does"),
    [
        *(
            (each, "drop")
            for each in ("string", "u32", "statistic", "length", "ttl", "hl", "dscp", "tos", "bpf", "ipp2p")
        ),
        *((each, "") for each in ("multiport", "iprange", "mac", "addrtype", "comment", "set", "tcpmss", "physdev")),
        *((each, "limit") for each in ("limit", "hashlimit", "recent")),
        ("connbytes", "quota"),
        ("time", "time"),
    ],
)
def test_what_a_match_means_for_a_drop(name: str, does: str) -> None:
    assert treatment(rule(match(name), DROP)) == does


@pytest.mark.parametrize(
    ("given", "opening"),
    [
        (states(NEW), True),
        (states(INVALID), True),
        (states(NEW | ESTABLISHED), False),
        (states(NEW, negated=1), False),
        (states(ESTABLISHED | RELATED, negated=1), True),
        (states(NEW, compared=0), False),
        (match("conntrack", bytes(8)), False),
    ],
)
def test_states_of_connections_are_read(given: bytes, *, opening: bool) -> None:
    found = rule(given, match("recent"), DROP)
    assert found.opening == opening
    assert treatment(found) == ("" if opening else "limit")


def test_what_established_packets_leave_the_chain_by() -> None:
    assert not rule(states(ESTABLISHED | RELATED), DROP).ends
    code = attribute(1, (1).to_bytes(4, "big"))
    accept = attribute(
        1, attribute(1, b"immediate\0") + attribute(2, attribute(1, bytes(4)) + attribute(2, attribute(2, code)))
    )
    assert rule(states(ESTABLISHED | RELATED), accept).ends
    assert not rule(states(ESTABLISHED, compared=3), accept).ends, "it compares more than states"
    assert not rule(states(ESTABLISHED), match("mac"), accept).ends
