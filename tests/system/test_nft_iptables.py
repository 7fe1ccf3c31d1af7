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
        *((each, "drop") for each in ("string", "u32", "statistic", "length", "ttl", "hl", "dscp", "tos", "bpf")),
        *((each, "drop") for each in ("ipp2p", "connmark", "connlabel", "set")),
        *((each, "") for each in ("multiport", "iprange", "mac", "addrtype", "comment", "tcpmss", "physdev")),
        *((each, "limit") for each in ("limit", "hashlimit", "recent")),
        *((each, "quota") for each in ("connbytes", "quota", "quota2")),
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


def target(name: str, info: bytes = b"") -> bytes:
    return match(name, info).replace(attribute(1, b"match\0"), attribute(1, b"target\0"))


def expires() -> bytes:
    return states(0, compared=128)


def test_the_timeout_of_a_connection_changes() -> None:
    assert treatment(rule(expires(), DROP)) == "drop"
    assert treatment(rule(states(0, compared=64), DROP)) == "", "the status is that of the connection"


def test_reject_is_a_target() -> None:
    assert treatment(rule(match("string"), target("REJECT"))) == "drop"
    assert treatment(rule(match("mac"), target("REJECT"))) == ""


def test_marks_that_targets_write() -> None:
    for mode, bits in ((0, 0), (1, 0), (2, 0xF0)):
        found = rule(target("CONNMARK", struct.pack("=IIIB3x", 0, 0, 0xF0, mode)))
        assert (found.marks, "connection" in found.matches) == (bits, bool(bits))
    marks = rule(target("MARK", struct.pack("=II", 1, 0xF0)))
    assert (marks.marks, marks.does, marks.matches) == (0xF1, ("mark",), frozenset())
    assert not rule(target("MARK")).marks


def test_when_times_change() -> None:
    def edges(flags: int, first: int = 0, last: int = 0xFFFFFFFF) -> frozenset[int]:
        info = struct.pack("=IIIIIBB2x", first, last, 30_600, 86_399, 0xFFFFFFFE, 0xFE, flags)
        return rule(match("time", info), DROP).edges

    assert edges(0) == {0, 30_600}
    assert edges(0, 1_700_000_000, 1_800_000_000) == {0, 30_600, 1_700_000_000, 1_800_000_001}
    assert len(edges(1)) == 96 and 30_600 - 7_200 in edges(1)
