"""hw-tc-offload, asked of this machine's kernel; tests/kernel has devices that can."""

import struct
from array import array

import pytest

from offload.system.netlink import ethtool
from offload.system.netlink.ethtool import hw_tc_offload


def test_what_cannot_and_what_is_not_there() -> None:
    assert hw_tc_offload(["lo", "no-such-device"]) == frozenset()


@pytest.mark.parametrize(("active", "expected"), [(1 << 49 - 32, {"lan1"}), (0, set()), (1 << 48 - 32, set())])
def test_the_bit_of_the_feature(monkeypatch: pytest.MonkeyPatch, active: int, expected: set[str]) -> None:
    def ask(_: object, name: str, command: "array[int]") -> "array[int]":
        if name != "lan1":
            raise OSError
        if command[0] == ethtool.GSSET_INFO:
            assert struct.unpack("=IIQI", command.tobytes()) == (0x37, 0, 1 << ethtool.SS_FEATURES, 0)
            return array("I", [*command[:-1], 60])
        if command[0] == ethtool.GSTRINGS:
            texts = b"".join(f"feature-{number}".encode().ljust(32, b"\0") for number in range(49))
            return array("I", [0, 0, 60]) + array("I", texts + b"hw-tc-offload".ljust(32, b"\0"))
        return array("I", [0, 2, *[~0 & 0xFFFFFFFF] * 4, 0, 0, active, 0])

    monkeypatch.setattr(ethtool, "_ask", ask)
    assert hw_tc_offload(["lo", "lan1"]) == expected


def test_a_kernel_that_names_no_features_is_not_asked_for_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would write them behind a place for none."""

    def ask(_: object, __: str, command: "array[int]") -> "array[int]":
        assert command[0] == ethtool.GSSET_INFO
        return command

    monkeypatch.setattr(ethtool, "_ask", ask)
    assert hw_tc_offload(["lan1"]) == frozenset()
