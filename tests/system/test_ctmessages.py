"""Entries kept as the kernel's bytes are those that the Parser makes, whatever the datagrams hold."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import Entry, entry_of
from offload.system.netlink.ct.ctnetlink import Parser
from offload.system.netlink.ct.ctsummary import Messages, RowParser
from system.test_ctnetlink import DUMPS, attribute, entry_message, messages, recorded

FOREVER = struct.pack("!Q", 7)


def expected(*datagrams: bytes) -> list[Entry]:
    parser = Parser()
    return [entry for datagram in datagrams for entry in parser.parse(datagram).entries]


def kept(*datagrams: bytes) -> Messages:
    parser = Parser()
    rows, found = RowParser(parser), Messages(parser)
    for datagram in datagrams:
        found.add(datagram, rows.parse(datagram))
    return found


def assert_same(*datagrams: bytes) -> None:
    found, entries = kept(*datagrams), expected(*datagrams)
    assert [found[number] for number in range(len(found))] == entries
    assert [entry_of(values) for values in found.values(range(len(found)))] == entries
    assert [entry.row for entry in found] == [entry.row for entry in entries]


@pytest.mark.parametrize("name", DUMPS)
def test_recorded_dumps_in_any_datagrams(name: str) -> None:
    every = messages(recorded(name))
    for size in (1, 2, 5, len(every)):
        datagrams = [b"".join(every[at : at + size]) for at in range(0, len(every), size)] * 2  # learnt by the second
        assert_same(*datagrams)


@pytest.mark.parametrize("name", DUMPS)
def test_values_and_entries_are_made_of_each_other(name: str) -> None:
    for entry in expected(recorded(name)):
        assert entry_of(entry.values) == entry


def test_most_are_read_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    every = messages(recorded("offload-acct"))
    found, entries = kept(*every, *every), expected(*every)
    monkeypatch.setattr(Parser, "parse", lambda *_: pytest.fail("the parser was asked"))
    monkeypatch.setattr(Parser, "entry", lambda *_: pytest.fail("the parser was asked"))
    assert [found[number] for number in range(len(every), 2 * len(every))] == entries


@pytest.mark.parametrize("kind", [1, 2])
def test_counters_of_one_direction_are_none(kind: int) -> None:
    one = attribute(9, attribute(1, FOREVER) + attribute(2, FOREVER))
    other = attribute(10, attribute(kind, FOREVER))
    for extra in (one, other, one + other):
        message = entry_message(extra=attribute(3, b"\0\0\0\0") + extra)
        assert_same(message, message, message)
        for values in kept(message, message).values((0, 1)):
            assert values[12:16].count(None) in {2, 4}


@settings(max_examples=5 * settings().max_examples)
@given(st.data())
def test_broken_bytes_are_what_they_are_to_the_parser(data: st.DataObject) -> None:
    """Bytes changed, cut off and put in, after the layouts were learnt."""
    known = recorded("offload-acct")
    whole = bytearray(b"".join(messages(known)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    broken = bytes(whole[: data.draw(st.integers(0, len(whole)))]) + data.draw(st.binary(max_size=40))
    assert_same(known, broken)
