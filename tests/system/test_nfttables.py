"""The kernel's list of tables: what it answers, and whatever else may come in its place."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.system.nft.tables import answer, question

INET, IP = 1, 2
NEWTABLE, DONE, ERROR = 0xA00, 3, 2


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def table(name: str, family: int = INET) -> bytes:
    value = name.encode() + b"\0"
    return message(NEWTABLE, bytes([family, 0, 0, 0]) + struct.pack("=HH", 4 + len(value), 1) + value)


def test_the_question_is_a_dump_of_one_family() -> None:
    assert question() == struct.pack("=IHHII", 20, 0xA01, 0x301, 1, 0) + bytes([INET, 0, 0, 0])


def test_names_come_in_one_datagram_or_several() -> None:
    assert answer(table("fw4") + table("flow_offload") + message(DONE, bytes(4))) == ({"fw4", "flow_offload"}, True)
    assert answer(table("fw4")) == ({"fw4"}, False)
    assert answer(message(DONE, bytes(4))) == (set(), True)


def test_tables_of_other_families_are_none() -> None:
    assert answer(table("filter", IP)) == (set(), False)


def test_a_refusal_has_its_number() -> None:
    with pytest.raises(PermissionError):
        answer(message(ERROR, struct.pack("=i", -1) + bytes(16)))


@given(st.binary(max_size=200))
def test_nothing_that_comes_breaks_it(datagram: bytes) -> None:
    names: set[str] = set()
    with suppress(OSError):  # a refusal
        names, _ = answer(datagram)
    assert all(names)
