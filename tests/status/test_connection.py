"""Parse what users write to name a connection."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.errors import UsageError
from offload.model.flow import IPS_DST_NAT, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, IPS_SRC_NAT, State
from offload.status.why.connection import asked
from status.routers import packed

LINE = (
    "tcp      6 431999 ESTABLISHED src=192.168.1.50 dst=198.51.100.9 sport=5000 dport=443 packets=10 bytes=1000 "
    "src=198.51.100.9 dst=203.0.113.7 sport=443 dport=5000 packets=9 bytes=900 [ASSURED] mark=7 use=2"
)


def test_a_host() -> None:
    assert str(asked("192.168.1.50").host) == "192.168.1.50/32"
    assert str(asked("fd00::/64").host) == "fd00::/64"


@pytest.mark.parametrize(
    ("text", "proto", "sport"),
    [
        ("tcp 192.168.1.50:5000 198.51.100.9:443", 6, 5000),
        ("udp 192.168.1.50:5000 > 198.51.100.9:443", 17, 5000),
        ("17 192.168.1.50 198.51.100.9:443", 17, 0),
        ("192.168.1.50:5000 198.51.100.9:443", 6, 5000),
        ("tcp [fd00::1]:5000 [2001:db8::9]:443", 6, 5000),
        ("icmpv6 fd00::1 2001:db8::9", 58, 0),
    ],
)
def test_two_ends(text: str, proto: int, sport: int) -> None:
    entry = asked(text).entry
    assert entry is not None
    assert (entry.proto, entry.original.sport) == (proto, sport)
    assert entry.status == IPS_SEEN_REPLY and not asked(text).pasted


def test_a_line_of_conntrack() -> None:
    found = asked(LINE)
    entry = found.entry
    assert found.pasted and entry is not None
    assert (entry.proto, entry.original.src, entry.reply.dst) == (6, packed("192.168.1.50"), packed("203.0.113.7"))
    assert (entry.packets, entry.bytes, entry.tcp_state, entry.mark) == ((10, 9), (1000, 900), 3, 7)
    assert entry.status & IPS_SRC_NAT and not entry.status & IPS_DST_NAT
    assert entry.state is State.SLOW


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"ipv6 10 {LINE}", 0),
        (f"{LINE} [OFFLOAD]", IPS_OFFLOAD),
        (f"{LINE} [HW_OFFLOAD]", IPS_OFFLOAD | IPS_HW_OFFLOAD),
        (LINE.replace("[ASSURED]", "[UNREPLIED]"), 0),
    ],
)
def test_flags_of_a_line(line: str, status: int) -> None:
    entry = asked(line).entry
    assert entry is not None and entry.proto == 6
    assert entry.status & (IPS_OFFLOAD | IPS_HW_OFFLOAD) == status
    assert bool(entry.status & IPS_SEEN_REPLY) is ("UNREPLIED" not in line)


@pytest.mark.parametrize(
    ("line", "src"),
    [
        (
            "unknown  99 599 src=192.168.1.50 dst=198.51.100.9 [UNREPLIED] src=198.51.100.9 dst=192.168.1.50",
            "192.168.1.50",
        ),
        ("ipv6     10 unknown  99 599 src=fd00:1::5 dst=2001:db8::9", "fd00:1::5"),
    ],
)
def test_a_line_of_a_protocol_without_a_name(line: str, src: str) -> None:
    entry = asked(line).entry
    assert entry is not None and (entry.proto, entry.original.src) == (99, packed(src))


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "tcp", "tcp 1.2.3.4:5", "tcp 1.2.3.4:99999 1.2.3.5:1", "tcp 1.2.3.4:1 [fd00::1]:2"),
        *("src=1.2.3.4", "tcp src=x dst=y", "tcp src=1.2.3.4 dst=1.2.3.5 sport=-1", "src=1.2.3.4 dst=1.2.3.5"),
        *("unknown 256 src=1.2.3.4 dst=1.2.3.5", "unknown src=1.2.3.4 dst=1.2.3.5"),
        *("0009999 1.2.3.4:1 1.2.3.5:2", "256 1.2.3.4:1 1.2.3.5:2"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(text: str) -> None:
    with pytest.raises(UsageError):
        asked(text)


ADDRESSES = st.sampled_from(["192.168.1.50", "198.51.100.9", "fd00::1", "2001:db8::9"])


@given(st.lists(ADDRESSES, min_size=2, max_size=2) | st.lists(ADDRESSES, min_size=4, max_size=4))
def test_ends_of_different_families_are_refused_in_any_form(ends: list[str]) -> None:
    line = " ".join(f"{word}={end}" for word, end in zip(("src", "dst") * 2, ends, strict=False))
    for text in (f"tcp {line}", *([f"tcp {ends[0]} {ends[1]}"] if len(ends) == 2 else [])):
        if len({":" in end for end in ends}) == 1:
            assert asked(text).entry is not None
        else:
            with pytest.raises(UsageError, match="one end is IPv4 and the other IPv6"):
                asked(text)


WORDS = st.sampled_from(
    [*LINE.split(), "tcp", "udp", "17", "1.2.3.4", "[::1]:7", "fd00::1", ">", "src=", "dst=::1", "sport=9", "zone=3"]
)


@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=20).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):  # any other exception fails
        found = asked(text)
        assert (found.host is None) is not (found.entry is None)
