"""The file of where stations (hosts behind bridges) and neighbours were seen last. Pure.

One line each, `MAC bridge VLAN port` or `address device -1 MAC`, the most important first. Invalid lines are ignored.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import islice

from offload.model.network import DEVICE_NAME
from offload.nouns import dataclass
from offload.service.memory.remembered import Key
from offload.status.lookup.device_paths import NEIGHBOUR

MOST_SAVED = 8192  # lines, so that the file is smaller than a megabyte
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.ASCII)
NUMBER = re.compile(r"-1|\d{1,4}", re.ASCII)
HIGHEST_VLAN = 4094


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file of stations has, when it may be written again, and why the last write failed.

    `version`: of StationTracker when the file was written last; -1: not yet. `next`: in monotonic seconds. `error`: a
    sentence; empty: it did not fail.
    """

    version: int = -1
    next: float = 0.0
    error: str = ""


def written(stations: Mapping[Key, str]) -> bytes:
    """The file's content for (MAC, bridge, VLAN) -> port and (address, device, NEIGHBOUR) -> MAC, in this order.

    Of more than MOST_SAVED (8192) stations and neighbours only the first are in it.
    """
    lines = (f"{name} {device} {vlan} {value}\n" for (name, device, vlan), value in stations.items())
    return "".join(islice(lines, MOST_SAVED)).encode()


def read(content: bytes) -> tuple[tuple[Key, str], ...]:
    """The stations and neighbours in the file's `content`: ((key, value), ...) as `written` takes them.

    Lines that are not valid, and those after the first MOST_SAVED (8192), are left out; empty content gives none.
    """
    lines = content.decode(errors="replace").split("\n")[:MOST_SAVED]
    return tuple(found for line in lines for found in _entry(line.split(" ")))


def _entry(words: list[str]) -> Iterator[tuple[Key, str]]:
    match words:
        case [name, device, vlan, value] if DEVICE_NAME.fullmatch(device) and NUMBER.fullmatch(vlan):
            if _is_station(name, int(vlan), value) or _is_neighbour(name, int(vlan), value):
                yield (name, device, int(vlan)), value


def _is_station(name: str, vlan: int, value: str) -> bool:
    return bool(0 <= vlan <= HIGHEST_VLAN and MAC.fullmatch(name) and DEVICE_NAME.fullmatch(value))


def _is_neighbour(name: str, kind: int, value: str) -> bool:
    if kind != NEIGHBOUR or not MAC.fullmatch(value):
        return False
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
