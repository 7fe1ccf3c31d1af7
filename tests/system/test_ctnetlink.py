"""The parser against dumps of a real kernel, and against every kind of broken bytes.

recorded/*.bin are whole answers of a 6.1 kernel with a software flowtable: NAT, a port forward, helper, mark, GRE,
ESP and ICMP; `acct` with counters and timestamps, `plain` without.
"""

import re
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import IPS_ASSURED, IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, Entry, State, Tuple
from offload.system.netlink.ct.ctnetlink import MOST_LAYOUTS, Parser, Part
from offload.system.netlink.wire import NLM_F_DUMP_INTR

RECORDED = Path(__file__).parent / "recorded"
DUMPS = sorted(path.stem for path in RECORDED.glob("*.bin"))
TCP_STATES = {"SYN_SENT": 1, "ESTABLISHED": 3, "TIME_WAIT": 7}


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.bin").read_bytes()


def messages(buffer: bytes) -> list[bytes]:
    """The dump cut into its messages, the one that says "done" left out."""
    found, at = [], 0
    while at < len(buffer):
        (length,) = struct.unpack_from("=I", buffer, at)
        found.append(buffer[at : at + length])
        at += (length + 3) & ~3
    return found[:-1]


def parse(buffer: bytes) -> Part:
    return Parser().parse(buffer)


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def message(body: bytes, kind: int = 0x100, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def entry_message(*, src: bytes = b"\x0a\0\0\1", extra: bytes = b"") -> bytes:
    """Make a smallest entry: two tuples, and these attributes behind them."""
    address = 3 if len(src) == 16 else 1
    ip = attribute(1, attribute(address, src) + attribute(address + 1, b"\x0a\0\0\2"))
    body = ip + attribute(2, attribute(1, b"\x11"))
    return message(b"\2\0\0\0" + attribute(1, body) + attribute(2, body) + extra)


class Line:
    """One line of `conntrack -L -o extended`, to be held against an Entry."""

    def __init__(self, text: str) -> None:
        self.proto = int(text.split()[3])
        self.values = re.findall(r"([a-z-]+)=(\S+)", text)
        timeout = re.match(r"\S+\s+\d+\s+\S+\s+\d+ (\d+) ", text)
        state = re.search(r" \d+ ([A-Z_]+) src", text)
        self.timeout = int(timeout[1]) if timeout else None
        self.tcp_state = TCP_STATES[state[1]] if state else None
        self.flags = re.findall(r"\[(\w+)\]", text)

    def both(self, key: str) -> tuple[str, str] | None:
        found = [value for name, value in self.values if name == key]
        return (found[0], found[1]) if len(found) == 2 else None

    def one(self, key: str) -> str | None:
        return next((value for name, value in self.values if name == key), None)

    def numbers(self, key: str) -> tuple[int, int] | None:
        found = self.both(key)
        return (int(found[0]), int(found[1])) if found else None

    def tuples(self) -> tuple[Tuple, Tuple]:
        src, dst = self.both("src"), self.both("dst")
        assert src and dst
        sport, dport = self.numbers("sport") or (0, 0), self.numbers("dport") or (0, 0)
        first, second = (Tuple(packed(src[way]), packed(dst[way]), sport[way], dport[way]) for way in (0, 1))
        return first, second


def packed(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


@pytest.mark.parametrize("name", DUMPS)
def test_a_recorded_dump_gives_what_conntrack_prints(name: str) -> None:
    entries = parse(recorded(name)).entries
    lines = [Line(text) for text in (RECORDED / f"{name}.txt").read_text().splitlines()]
    assert len(entries) == len(lines)
    for entry, line in zip(entries, lines, strict=True):
        assert entry.proto == line.proto
        assert (entry.original, entry.reply) == line.tuples()
        assert entry.packets == line.numbers("packets")
        assert entry.bytes == line.numbers("bytes")
        assert entry.mark == int(line.one("mark") or 0)
        assert entry.helper == line.one("helper")
        assert entry.tcp_state == line.tcp_state
        assert (entry.state is State.SOFTWARE) == ("OFFLOAD" in line.flags)
        assert bool(entry.status & IPS_SEEN_REPLY) == ("UNREPLIED" not in line.flags)
        if entry.state is State.SLOW:
            # conntrack prints no ASSURED for an offloaded entry, and a second may have passed between the two
            assert bool(entry.status & IPS_ASSURED) == ("ASSURED" in line.flags)
            assert entry.timeout is not None
            assert line.timeout is not None
            assert 0 <= entry.timeout - line.timeout <= 2
        else:
            assert entry.timeout is line.timeout is None


@pytest.mark.parametrize("name", DUMPS)
def test_recorded_dump_ends_and_was_whole(name: str) -> None:
    part = parse(recorded(name))
    assert part.done
    assert not part.interrupted
    assert part.errno == 0


def test_smallest_entry_gets_defaults() -> None:
    ends = Tuple(b"\x0a\0\0\1", b"\x0a\0\0\2", 0, 0)
    expected = Entry(17, ends, ends, 0, None, 0, None, None, None, None)
    assert parse(entry_message()).entries == [expected]


def test_hardware_bit() -> None:
    status = attribute(3, struct.pack(">I", IPS_OFFLOAD | IPS_HW_OFFLOAD))
    assert [entry.state for entry in parse(entry_message(extra=status)).entries] == [State.HARDWARE]


BROKEN = {
    "tuple of two families": entry_message(src=b"\0" * 16),
    "address of five bytes": entry_message(src=b"\x0a\0\0\1\0"),
    "no attribute at all": message(b"\2\0\0\0"),
    "not even a family": message(b""),
    "attribute longer than the message": entry_message(extra=struct.pack("=HH", 400, 3)),
    "attribute shorter than its header": entry_message(extra=struct.pack("=HH", 3, 3)),
    "half an attribute header": entry_message(extra=b"\0\0"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_broken_message_is_left_out_and_the_next_one_read(broken: bytes) -> None:
    padded = broken + b"\0" * (-len(broken) % 4)
    assert len(parse(padded + entry_message()).entries) == 1


def test_value_of_an_odd_size_counts_as_not_sent() -> None:
    (entry,) = parse(entry_message(extra=attribute(8, b"\1") + attribute(7, b"\0" * 8))).entries
    assert (entry.mark, entry.timeout) == (0, None)


def test_helper_name_is_text_up_to_its_zero() -> None:
    (entry,) = parse(entry_message(extra=attribute(5, attribute(1, b"sip\xff\0junk")))).entries
    assert entry.helper == "sip\N{REPLACEMENT CHARACTER}"


def test_counters_of_one_direction_are_none() -> None:
    counters = attribute(9, attribute(1, b"\0" * 8) + attribute(2, b"\0" * 8))
    (entry,) = parse(entry_message(extra=counters)).entries
    assert (entry.packets, entry.bytes) == (None, None)


ENDINGS = {
    "done": (message(b"\0\0\0\0", kind=3), Part([], done=True)),
    "done without a code": (message(b"", kind=3), Part([], done=True)),
    "done with an error": (message(struct.pack("=i", -4), kind=3), Part([], done=True, errno=4)),
    "refused": (message(struct.pack("=i", -1) + b"\0" * 16, kind=2), Part([], done=True, errno=1)),
    "interrupted": (message(b"", kind=3, flags=NLM_F_DUMP_INTR), Part([], done=True, interrupted=True)),
    "interrupted before": (message(b"", flags=NLM_F_DUMP_INTR), Part([], interrupted=True)),
    "nothing": (b"", Part([])),
    "of another subsystem": (message(b"\0" * 8, kind=0x200), Part([])),
    "length zero": (b"\0" * 32, Part([])),
}


@pytest.mark.parametrize(("buffer", "part"), ENDINGS.values(), ids=ENDINGS)
def test_ending(buffer: bytes, part: Part) -> None:
    assert parse(buffer) == part


def test_layouts_do_not_grow_without_end() -> None:
    parser = Parser()
    for size in range(3 * MOST_LAYOUTS):
        assert len(parser.parse(entry_message(extra=attribute(99, b"\0" * 4 * size))).entries) == 1
    assert sum(map(len, parser._layouts.values())) <= MOST_LAYOUTS


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_survived(buffer: bytes) -> None:
    parse(buffer)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_attributes_are_survived(body: bytes) -> None:
    assert len(parse(message(b"\2\0\0\0" + body)).entries) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", DUMPS)
def test_a_truncation_gives_the_entries_before_it(name: str) -> None:
    whole = recorded(name)
    entries = parse(whole).entries
    begin = len(messages(whole)[0]) * 3
    for size in [*range(begin), *range(begin, len(whole), 7)]:  # every place of a message, and of all a seventh
        part = parse(whole[:size])
        assert part.entries == entries[: len(part.entries)]


WARM = Parser()
for dump in DUMPS:
    WARM.parse(recorded(dump))


@settings(deadline=None)
@given(st.data())
def test_what_was_learnt_never_changes_the_answer(data: st.DataObject) -> None:
    original = bytearray(data.draw(st.sampled_from(messages(recorded(data.draw(st.sampled_from(DUMPS)))))))
    for _ in range(data.draw(st.integers(1, 4))):
        original[data.draw(st.integers(16, len(original) - 1))] = data.draw(st.integers(0, 255))
    assert WARM.parse(bytes(original)) == parse(bytes(original))
