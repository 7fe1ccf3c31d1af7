"""A summary's Rows are those of the entries, whatever the datagrams hold."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.errors import KernelError
from offload.model.flow import Row
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.ct.ctnetlink import Parser
from offload.system.netlink.ct.ctsummary import RowParser, is_summed
from system.test_conntrack import DONE, INTERRUPTED, OVERRUN, ScriptedKernel, refusal
from system.test_ctnetlink import DUMPS, entry_message, message, messages, recorded


class Counted:
    """Keeps the Rows it gets."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self.rows += rows


def expected(*datagrams: bytes) -> list[Row]:
    parser = Parser()
    return [entry.row for datagram in datagrams for entry in parser.parse(datagram).entries]


def found(*datagrams: bytes) -> list[Row]:
    parser = RowParser()
    return [row for datagram in datagrams for row in parser.parse(datagram).rows]


@pytest.mark.parametrize("name", DUMPS)
def test_recorded_dumps_in_any_datagrams(name: str) -> None:
    buffer = recorded(name)
    every = messages(buffer)
    for size in (1, 2, 5, len(every)):
        datagrams = [b"".join(every[at : at + size]) for at in range(0, len(every), size)] * 2  # learnt by the second
        assert found(*datagrams) == expected(*datagrams)
    assert RowParser().parse(buffer).done


def test_layouts_that_were_learnt_are_read_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"".join(messages(recorded("offload-acct")))
    parser, rows = RowParser(), expected(whole)
    assert parser.parse(whole).rows == rows
    summed = [layout for layout in parser._parser.layouts if is_summed(layout)]
    assert len(summed) == len(parser._parser.layouts)
    monkeypatch.setattr(Parser, "parse", lambda *_: pytest.fail("the parser was asked"))
    assert parser.parse(whole).rows == rows


@settings(max_examples=5 * settings().max_examples)
@given(st.data())
def test_broken_bytes_are_what_they_are_to_the_parser(data: st.DataObject) -> None:
    """Bytes changed, cut off and put in, after the layouts were learnt."""
    whole = bytearray(b"".join(messages(recorded("offload-plain"))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    broken = bytes(whole[: data.draw(st.integers(0, len(whole)))]) + data.draw(st.binary(max_size=40))
    known = recorded("offload-plain")
    parser, peer = RowParser(), Parser()
    parser.parse(known)
    peer.parse(known)
    assert parser.parse(broken).rows == [entry.row for entry in peer.parse(broken).entries]


def test_an_entry_within_an_attribute_is_no_entry() -> None:
    inner = entry_message()
    buffer = entry_message(extra=struct.pack("=HH", 4 + len(inner), 60) + inner + b"\0" * (-len(inner) % 4)) + inner
    assert found(inner, buffer, buffer) == expected(inner, buffer, buffer)


def test_other_messages_are_stepped_over() -> None:
    assert found(message(b"\2\0\0\0", kind=0x999) + entry_message(), b"\0" * 3) == expected(entry_message())


def asked(monkeypatch: pytest.MonkeyPatch, *answers: list[bytes | OSError]) -> list[Row]:
    kernel = ScriptedKernel(*answers)
    monkeypatch.setattr("socket.socket", kernel)
    try:
        return Conntrack().summary(Counted).rows
    finally:
        assert kernel.open == 0 and not kernel.answers


def test_what_counts_is_made_anew_when_the_dump_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = recorded("offload-acct")
    part, done = buffer[: struct.unpack_from("=I", buffer)[0]], buffer
    assert asked(monkeypatch, [part, INTERRUPTED], [part, OVERRUN], [done]) == expected(done)
    answers: list[list[bytes | OSError]] = [[part, INTERRUPTED]] * 3
    assert asked(monkeypatch, *answers) == expected(part)
    assert asked(monkeypatch, [DONE]) == []


def test_a_refusal_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KernelError, match="only root"):
        asked(monkeypatch, [refusal(1)])
