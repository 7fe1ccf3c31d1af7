"""Read which devices have the feature `hw-tc-offload` on, by ethtool's ioctl.

Structures and numbers: include/uapi/linux/ethtool.h.
"""

import fcntl
import socket
import struct
from array import array
from collections.abc import Iterable

SIOCETHTOOL = 0x8946
GSSET_INFO, GSTRINGS, GFEATURES = 0x37, 0x1B, 0x3A
SS_FEATURES = 4
NAME_LENGTH = 32  # ETH_GSTRING_LEN
FEATURE = b"hw-tc-offload"
WORDS_OF_A_BLOCK, ACTIVE = 4, 2  # struct ethtool_get_features_block: available, requested, active, never_changed
SSET_INFO = struct.Struct("=IIQI")  # command, reserved, mask of sets (64 bits, whatever the byte order), their size
REQUEST = struct.Struct("@16sP16x")  # struct ifreq with a pointer in it


def hw_tc_offload(names: Iterable[str]) -> frozenset[str]:
    """The devices among `names` whose ethtool feature `hw-tc-offload` is on.

    A device that does not exist, or whose driver does not answer, is not in the result; no error is raised for it.
    """
    found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        place: int | None = None
        for name in names:
            try:
                place = _number_of_feature(control, name) if place is None else place  # the same for every device
                blocks = _features(control, name, place)
            except (OSError, ValueError):
                continue
            if blocks[2 + place // 32 * WORDS_OF_A_BLOCK + ACTIVE] >> place % 32 & 1:
                found.add(name)
    return frozenset(found)


def _number_of_feature(control: socket.socket, name: str) -> int:
    # the number of the feature, the same for every device
    count = _ask(control, name, array("I", SSET_INFO.pack(GSSET_INFO, 0, 1 << SS_FEATURES, 0)))[-1]
    if not count:
        raise ValueError(f"{name} names no features")  # the kernel would write them behind the buffer
    texts = _ask(control, name, array("I", [GSTRINGS, SS_FEATURES, count]) + array("I", bytes(count * NAME_LENGTH)))
    listed = texts[3:].tobytes()
    return [listed[at : at + NAME_LENGTH].rstrip(b"\0") for at in range(0, len(listed), NAME_LENGTH)].index(FEATURE)


def _features(control: socket.socket, name: str, place: int) -> "array[int]":
    blocks = place // 32 + 1
    return _ask(control, name, array("I", [GFEATURES, blocks]) + array("I", bytes(blocks * WORDS_OF_A_BLOCK * 4)))


def _ask(control: socket.socket, name: str, command: "array[int]") -> "array[int]":
    # the kernel writes its reply into the array
    address, _ = command.buffer_info()
    fcntl.ioctl(control, SIOCETHTOOL, REQUEST.pack(name.encode(), address))
    return command
