"""Stations and neighbours: from made-up messages, and from any bytes."""

import errno
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.errors import KernelError
from offload.system.netlink.route.links import Netlink
from offload.system.netlink.route.neighbours import neighbour_dump
from offload.system.netlink.route.rtnetlink import NeighbourEvent, neighbour, neighbours_request

NEWNEIGH, ERROR, DONE = 28, 2, 3
BRIDGE, IPV4 = 7, 2


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def station(number: int, vlan: int = 0) -> bytes:
    found = attribute(2, b"\x02\0" + number.to_bytes(4, "big")) + attribute(9, struct.pack("=I", 3))
    found += attribute(5, struct.pack("=H", vlan)) if vlan else b""
    return message(NEWNEIGH, struct.pack("=BxxxiHBB", BRIDGE, 4, 2, 0, 0) + found)


END = message(DONE, bytes(4))


class ScriptedKernel:
    """Stands where socket.socket stands, and answers with these datagrams, or with an error."""

    def __init__(self, datagrams: Iterator[bytes | OSError]) -> None:
        self.datagrams = datagrams
        self.closed = False

    def __call__(self, *_: object) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.closed = True

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, request: bytes) -> None:
        assert request == neighbours_request(BRIDGE)

    def recv(self, _size: int) -> bytes:
        found = next(self.datagrams)
        if isinstance(found, OSError):
            raise found
        return found


def test_the_question_is_a_dump_of_one_family() -> None:
    assert neighbours_request(BRIDGE) == struct.pack("=IHHII", 28, 30, 0x301, 1, 0) + bytes([BRIDGE]) + bytes(11)


def test_an_answer_ends_with_its_done_message(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = ScriptedKernel(iter([station(1) + station(2), station(3, vlan=7) + END + station(4)]))
    monkeypatch.setattr("socket.socket", kernel)
    found = neighbour_dump(BRIDGE, 100)
    assert [each.address[-2:] for each in found] == ["01", "02", "03"] and kernel.closed
    assert found[::2] == [
        NeighbourEvent("02:00:00:00:00:01", "", 4, 3, 0),
        NeighbourEvent("02:00:00:00:00:03", "", 4, 3, 7),
    ]


def test_who_invents_addresses_does_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading stops at the wanted number of stations, even in an answer without end."""
    asked: list[int] = []

    def without_end() -> Iterator[bytes]:
        while True:
            asked.append(len(asked))
            assert len(asked) < 100, "read on and on"
            yield b"".join(map(station, range(len(asked) * 100, len(asked) * 100 + 100)))

    kernel = ScriptedKernel(without_end())
    monkeypatch.setattr("socket.socket", kernel)
    assert len(neighbour_dump(BRIDGE, 1050)) == 1050
    assert len(asked) == 11 and kernel.closed


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (message(ERROR, struct.pack("=i", -errno.EPERM) + bytes(16)), "Operation not permitted"),
        (TimeoutError("timed out"), "timed out"),
        (OSError(errno.ENOBUFS, "No buffer space available"), "No buffer space available"),
    ],
)
def test_a_refusal_is_a_sentence(monkeypatch: pytest.MonkeyPatch, failure: bytes | OSError, sentence: str) -> None:
    monkeypatch.setattr("socket.socket", ScriptedKernel(iter([station(1), failure])))
    with pytest.raises(KernelError, match=f"does not list its stations and neighbours over netlink: {sentence}"):
        neighbour_dump(BRIDGE, 100)


@given(st.binary(max_size=100))
def test_any_message_is_read(body: bytes) -> None:
    found = neighbour(body)
    assert found is None or found.address


@given(st.integers(0, 60), st.binary(max_size=4))
def test_a_message_that_is_cut_or_changed_is_read(at: int, noise: bytes) -> None:
    whole = station(1)[16:]
    neighbour(whole[:at])
    neighbour(whole[:at] + noise + whole[at + len(noise) :])


def test_the_door_names_devices_and_leaves_out_those_that_are_gone() -> None:
    seen = {
        socket.AF_BRIDGE: [
            NeighbourEvent("02:00:00:00:00:01", "", 1, 9, 0),
            NeighbourEvent("02:00:00:00:00:02", "", 1 << 30, 9, 0),
        ],
        socket.AF_UNSPEC: [NeighbourEvent("10.0.0.2", "02:00:00:00:00:01", 1, 0, 0)],
    }
    door = Netlink(seen=lambda family, most: seen[socket.AddressFamily(family)][:most])
    scene = door.scene()
    assert [(each.mac, each.port) for each in scene.stations] == [("02:00:00:00:00:01", "lo")]
    assert [(each.address, each.device, each.mac) for each in scene.neighbours] == [
        ("10.0.0.2", "lo", "02:00:00:00:00:01")
    ]
