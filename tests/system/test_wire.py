"""The wire format and the dump loop: well-formed messages, truncated ones, and a kernel that refuses."""

import errno
import struct
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.system.netlink import wire
from offload.system.netlink.dump import TRIES, dump, stream
from offload.system.netlink.wire import NETLINK_ROUTE, attribute, attributes, each, message, messages, parse

LINK, ERROR, DONE = 16, 2, 3
INTERRUPTED = 0x10


def done(number: int = 0, flags: int = 2) -> bytes:
    return message(DONE, struct.pack("=i", -number), flags)


def test_a_message_is_a_request_for_a_dump() -> None:
    assert message(18, b"abcd") == struct.pack("=IHHII", 20, 18, 0x301, 1, 0) + b"abcd"


def test_attributes_are_padded_and_may_repeat() -> None:
    both = attribute(1, b"abc") + attribute(1 | 0x8000, b"")
    assert both == b"\x07\0\x01\0abc\0\x04\0\x01\x80"
    assert list(each(both)) == [(1, b"abc"), (1, b"")]
    assert attributes(b"head" + attribute(3, b"x"), 4) == {3: b"x"}


def test_messages_come_in_one_datagram_or_several() -> None:
    assert parse(message(LINK, b"aaaa") + message(LINK, b"bbbb") + done()) == wire.Part(
        [(LINK, b"aaaa"), (LINK, b"bbbb")], done=True
    )
    assert parse(message(LINK, b"aaaa")) == wire.Part([(LINK, b"aaaa")])


@pytest.mark.parametrize("refusal", [message(ERROR, struct.pack("=i", -1) + bytes(16)), done(errno.EPERM)])
def test_a_refusal_has_its_number(refusal: bytes) -> None:
    with pytest.raises(PermissionError):
        parse(refusal)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(datagram: bytes) -> None:
    found = list(messages(datagram))
    assert sum(len(body) + 16 for _, body in found) <= len(datagram) + 3
    with suppress(OSError):
        assert parse(datagram).messages == found[: len(parse(datagram).messages)]
    assert sum(len(value) + 4 for _, value in each(datagram)) <= len(datagram)


@given(st.lists(st.tuples(st.integers(4, 0xFFFF), st.binary(max_size=40))), st.integers(0, 400))
def test_a_datagram_cut_short_has_its_first_messages(made: list[tuple[int, bytes]], cut: int) -> None:
    padded = [(kind, body + bytes(-len(body) % 4)) for kind, body in made]
    datagram = b"".join(message(kind, body) for kind, body in padded)
    found = list(messages(datagram[:cut]))
    assert found == padded[: len(found)]
    assert list(messages(datagram)) == padded


class ScriptedKernel:
    """Stands where socket.socket stands; each request gets the next answer."""

    def __init__(self, *answers: Iterable[bytes]) -> None:
        self.answers = list(answers)

    def __call__(self, *_: object) -> Self:
        self.datagrams = iter(self.answers.pop(0))
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        pass

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, request: bytes) -> None:
        assert request == b"request"

    def recv(self, _size: int) -> bytes:
        return next(self.datagrams)


def test_an_interrupted_dump_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    half = [message(LINK, b"half", INTERRUPTED), done()]
    whole = [message(LINK, b"aaaa"), message(LINK, b"bbbb") + done()]
    kernel = ScriptedKernel(half, whole)
    monkeypatch.setattr("socket.socket", kernel)
    assert dump(NETLINK_ROUTE, b"request") == [(LINK, b"aaaa"), (LINK, b"bbbb")]
    kernel.answers = [half] * TRIES
    assert dump(NETLINK_ROUTE, b"request") == [(LINK, b"half")] and not kernel.answers


def test_a_stream_reads_no_further_than_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket", ScriptedKernel([message(LINK, b"aaaa")]))
    assert next(stream(NETLINK_ROUTE, b"request")) == (LINK, b"aaaa")
