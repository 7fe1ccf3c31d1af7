"""The emulated offload engine (kernel module in engine/): devices and cables of it, its faults, and its counters.

A packet that the engine forwards reaches neither the router's forward hook nor its qdiscs. The engine has a rule for
each direction of a flow, at the device that its packets come in on, as the kernel's flowtable adds them.
"""

import fcntl
import os
import socket
import struct
import subprocess
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kernel.netns import Namespace
from kernel.sides import Ends, Side
from kernel.traffic import Talk

MODULE = Path(os.environ.get("OFFLOAD_ENGINE", "engine.ko"))
SIOCETHTOOL, ETHTOOL_GSTATS = 0x8946, 0x1D  # include/uapi/linux/{sockios,ethtool}.h
PARAMETERS = Path("/sys/module/engine/parameters")


class Count(NamedTuple):
    """The counters of a device of the engine, as `ethtool -S` prints them; they count packets that come in there."""

    rules: int  # in its table now
    taken: int
    refused: int
    destroyed: int
    forwarded: int  # packets
    forwarded_bytes: int
    nanoseconds: int  # of the processor, for emulating it


def load() -> None:
    """Make devices of type `engine` possible in this machine."""
    if not PARAMETERS.exists():
        subprocess.run(["insmod", MODULE], check=True)


def cable(one: Namespace, device: str, other: Namespace, peer: str) -> None:
    """Join two hosts as `netns.cable` does, with devices of the engine."""
    load()
    one.ip(
        f"link add {device} type engine",
        f"link add link {device} name {peer} netns {other.name} type engine",
        f"link set {device} up",
    )
    other.ip(f"link set {peer} up")


def port(name: str, peer: str = "eth0") -> Side:
    """A side of a router as `sides.port` makes it, with a device of the engine."""

    def lay(router: Namespace, far: Namespace, _: object) -> Ends:
        cable(router, name, far, peer)
        return Ends(name, peer)

    return lay


def count(host: Namespace, device: str) -> Count:
    """The counters of a device; asked here, for a process takes a quarter of a second without KVM."""
    answer = array("Q", [ETHTOOL_GSTATS | len(Count._fields) << 32, *(0 for _ in Count._fields)])
    with host.entered(), socket.socket() as control:
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("@16sP16x", device.encode(), answer.buffer_info()[0]))
    return Count(*answer[1:])


def rules(host: Namespace, *devices: str) -> int:
    """How many rules these devices have now."""
    return sum(count(host, device).rules for device in devices)


@contextmanager
def fault(host: Namespace, device: str, name: str) -> Iterator[None]:
    """For as long as it takes a device has one of the faults of engine.h."""
    host.run("ethtool", "--set-priv-flags", device, name, "on")
    try:
        yield
    finally:
        if f"{device}:" in host.run("ip", "-o", "link").replace("@", ":"):
            host.run("ethtool", "--set-priv-flags", device, name, "off")


@contextmanager
def parameter(name: str, value: str) -> Iterator[None]:
    """For as long as it takes the module has this parameter: `bind_anything`, `table_size`."""
    load()
    file = PARAMETERS / name
    before = file.read_text()
    file.write_text(value)
    try:
        yield
    finally:
        file.write_text(before)


@contextmanager
def without_offer(host: Namespace, device: str) -> Iterator[None]:
    """For as long as it takes a device's hw-tc-offload is off."""
    host.run("ethtool", "-K", device, "hw-tc-offload", "off")
    try:
        yield
    finally:
        host.run("ethtool", "-K", device, "hw-tc-offload", "on")


def forwarded(host: Namespace, devices: Iterable[str]) -> int:
    """Packets that these devices of the engine have forwarded."""
    return sum(count(host, device).forwarded for device in devices)


def at_rest(router: Namespace, devices: Iterable[str]) -> int:
    """The same once it stays as it is: the acknowledgement of a conversation before is up to 40 ms late."""
    named, before = tuple(devices), -1
    while (now := forwarded(router, named)) != before:
        before = now
        time.sleep(0.06)
    return now


def settled(host: Namespace, devices: Iterable[str], talk: Talk) -> Talk:
    """Talk until the engine has the conversation, or fail; it is asked by a thread of the kernel's own."""
    named = tuple(devices)
    for _ in range(100):
        before = forwarded(host, named)
        talk.echo(3)
        if forwarded(host, named) - before >= 2 * 3:
            return talk
        time.sleep(0.1)
    raise AssertionError("the engine does not forward it")
