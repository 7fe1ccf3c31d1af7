"""Requests to the kernel about one address, one set element and one connection; no reply of it raises an exception."""

import errno
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.errors import KernelError
from offload.model.flow import Tuple
from offload.model.network import Leaving
from offload.system.netlink import find_connection
from offload.system.netlink.route import leaving
from offload.system.netlink.route.rtnetlink import IFINFOMSG, RTMSG
from offload.system.netlink.wire import NLMSG_ERROR, attribute, message
from offload.system.nft import elements

ADDRESS = bytes((198, 51, 100, 9))
ENDS = Tuple(bytes((192, 168, 1, 50)), ADDRESS, 5000, 443)
LINK = message(16, IFINFOMSG.pack(0, 0, 3, 1, 0) + attribute(3, b"wan\0") + attribute(4, struct.pack("=I", 1500)))


def route(kind: int = 1, *more: bytes) -> bytes:
    return message(
        24, RTMSG.pack(2, 32, 0, 0, 254, 0, 0, kind, 0) + attribute(4, struct.pack("=I", 3)) + b"".join(more)
    )


def refusal(number: int) -> bytes:
    return message(NLMSG_ERROR, struct.pack("=i", -number))


def answers(monkeypatch: pytest.MonkeyPatch, module: object, *datagrams: bytes | OSError) -> None:
    left = list(datagrams)

    def ask(_protocol: int, _request: bytes) -> bytes:
        answer = left.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(module, "ask", ask)


def test_the_device_its_mtu_and_that_of_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, leaving, route(), LINK)
    assert leaving.leaving(ADDRESS) == Leaving("wan", 1500)
    answers(monkeypatch, leaving, route(1, attribute(8, attribute(2, struct.pack("=I", 1400)))), LINK)
    found = leaving.leaving(ADDRESS)
    assert found == Leaving("wan", 1500, 1400) and found.most == 1400


def test_packets_that_do_not_leave_have_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    local = 2
    for first in (route(local), refusal(errno.ENETUNREACH), OSError(errno.EPROTONOSUPPORT, "no")):
        answers(monkeypatch, leaving, first)
        assert leaving.leaving(ADDRESS) is None
    answers(monkeypatch, leaving, route(), refusal(errno.ENODEV))
    assert leaving.leaving(ADDRESS) is None


@pytest.mark.parametrize(
    ("datagram", "has"),
    [
        (message(10 << 8 | elements.NFT_MSG_NEWSETELEM, bytes(4)), True),
        (refusal(errno.ENOENT), False),
        (refusal(errno.EPERM), None),
        (OSError(errno.ETIMEDOUT, "no answer"), None),
    ],
)
def test_an_element_that_the_kernel_refuses_to_look_for_is_not_known(
    monkeypatch: pytest.MonkeyPatch, datagram: bytes | OSError, has: bool | None
) -> None:
    answers(monkeypatch, elements, datagram)
    assert elements.remembers("flow_offload", "replied4", bytes(12)) is has


@pytest.mark.parametrize(("number", "found"), [(errno.ENOENT, frozenset()), (errno.EPERM, None)])
def test_a_set_that_is_missing_has_no_keys_and_one_that_is_refused_is_not_known(
    monkeypatch: pytest.MonkeyPatch, number: int, found: frozenset[bytes] | None
) -> None:
    def stream(_protocol: int, _request: bytes) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(elements, "stream", stream)
    assert elements.keys("flow_offload", "replied4") == found


def test_a_refusal_to_look_for_a_connection_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, find_connection, refusal(errno.ENOENT), refusal(errno.ENOENT))
    assert find_connection.find(17, ENDS) == []
    for first in (refusal(errno.EPERM), OSError(errno.EPERM, "no")):
        answers(monkeypatch, find_connection, first)
        with pytest.raises(KernelError, match="run as root"):
            find_connection.find(17, ENDS)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda body: message(24, body)))
def test_any_answer_is_survived(datagram: bytes) -> None:
    with pytest.MonkeyPatch.context() as patched:
        for module in (leaving, elements, find_connection):
            patched.setattr(module, "ask", lambda *_: datagram)
        leaving.leaving(ADDRESS)
        assert elements.remembers("flow_offload", "replied4", bytes(12)) in {True, False, None}
        with suppress(KernelError):  # a refusal may be among them
            assert isinstance(find_connection.find(17, ENDS), list)
