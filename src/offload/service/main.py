"""The resident service: its doors, built and handed in, and its beginning and end."""

import os
import signal
import time
from types import FrameType

from offload.errors import KernelError
from offload.service.life import Doors, Service
from offload.service.loop import STOP, Loop
from offload.service.tally import Tally
from offload.service.ubus_object import objects
from offload.system.bus import Bus
from offload.system.capability import probe
from offload.system.conntrack import Conntrack
from offload.system.endings import Endings
from offload.system.hints import Hints
from offload.system.netlink import Netlink, modules, release
from offload.system.nft import Nft
from offload.system.presence import Presence
from offload.system.uci import Uci

NFT_PATIENCE = 10.0  # seconds; who calls us over ubus waits as long
EVENTS = ("network.interface",)


def doors() -> Doors:
    """The real router's."""
    nft = Nft(timeout=NFT_PATIENCE)
    return Doors(
        uci=Uci(),
        nft=nft,
        bus=Bus(),
        netlink=Netlink(),
        conntrack=Conntrack(),
        probe=lambda: probe(nft, release(), modules()),
        clock=time.monotonic,
    )


def serve() -> int:
    """Serve until a signal says stop; then our tables are removed, and nothing else."""
    loop = build(doors())
    try:
        loop.run()
    finally:
        loop.close()
    return 0


def build(outside: Doors) -> Loop:
    """The loop, listening already, so that nothing falls between its first look and its first wait."""
    hints = Hints()
    service = Service(outside)
    return Loop(service, hints, Tally(service, _endings()), Presence(objects(service), EVENTS), _signals())


def _endings() -> Endings | None:
    """Without them all goes on, but for the totals; what the kernel lacks is told where flows are listed."""
    try:
        return Endings()
    except KernelError:
        return None


def _signals() -> int:
    """A descriptor from which the numbers of signals can be read."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (*STOP, signal.SIGHUP):
        signal.signal(number, _nothing)
    return reading


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The number stands in the pipe."""
