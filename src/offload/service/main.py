"""The resident service: it builds the doors, runs the loop and removes our tables at the end."""

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

from offload.config.load import FILES
from offload.errors import KernelError
from offload.service.bus.ubus_object import objects
from offload.service.doors import Doors, FirewallDoors
from offload.service.engine import Engine
from offload.service.journal import Journal
from offload.service.loop import STOP, STOP_PATIENCE, Loop
from offload.service.read_snapshot import FIREWALL_PART
from offload.service.tasks.accounting import Accounting
from offload.system.config.uci import Uci
from offload.system.files.private_file import PrivateFile
from offload.system.firewall_files import FirewallFiles
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.ct.ctevents import ConntrackEvents
from offload.system.netlink.route.links import Netlink, conntrack_max, modules, release
from offload.system.netlink.route.monitor import Monitor
from offload.system.nft.door import Nft
from offload.system.nft.probe import probe
from offload.system.syslog import SystemLog
from offload.system.ubus.client import UbusClient
from offload.system.ubus.server import UbusServer

NFT_PATIENCE = 10.0  # seconds; a caller over ubus waits as long
OURS = Path("/var/run/offload")
SAVED_EXEMPTS = OURS / "exempts.json"
STATION_FILE = OURS / "places"
SAVED_TOTALS = OURS / "totals.json"
EVENTS = ("network.interface",)


def doors() -> Doors:
    """The doors of the real router."""
    nft = Nft(timeout=NFT_PATIENCE)
    return Doors(
        uci=Uci(),
        nft=nft,
        bus=UbusClient(),
        netlink=Netlink(),
        conntrack=Conntrack(),
        probe=lambda: probe(nft, release(), modules(), conntrack_max()),
        clock=time.monotonic,
        saved=PrivateFile(SAVED_EXEMPTS),
        firewall=firewall_doors(OURS) if FIREWALL_PART.exists() else None,
        stations=PrivateFile(STATION_FILE),
        totals=PrivateFile(SAVED_TOTALS),
        files=FirewallFiles(),
    )


def firewall_doors(ours: Path, root: Path = Path("/")) -> FirewallDoors:
    """The doors of our firewall; `ours` is our directory in /var/run, which a reboot empties."""
    return FirewallDoors(
        files=FirewallFiles(root),
        loaded=PrivateFile(ours / "firewall.json"),
        boot=PrivateFile(ours / "firewall.nft"),
        stop=PrivateFile(ours / "firewall.stopped"),
    )


def serve() -> int:
    """Run until a signal ends it, then remove our tables."""
    Uci().sweep(FILES)
    loop = build(doors())
    try:
        loop.run()
    finally:
        loop.close()
    return 0


def build(outside: Doors) -> Loop:
    """The loop. It listens to notifications already, so that none is lost between its first pass and its first wait."""
    hints = Monitor()
    engine = Engine.of(outside)
    signals = _signals(lambda: outside.nft.hurry(STOP_PATIENCE))
    journal = Journal(SystemLog(), outside.clock)
    poll = select.poll()
    accounting = Accounting(engine, _endings(), poll)
    return Loop(engine, hints, accounting, UbusServer(objects(engine), EVENTS), journal, signals, poll)


def _endings() -> ConntrackEvents | None:
    """Conntrack's events; None if the kernel has none: then the totals are missing, and `flows` names the feature."""
    try:
        return ConntrackEvents()
    except KernelError:
        return None


def _signals(stopping: Callable[[], None]) -> int:
    """A descriptor to read signal numbers from; `stopping` is called at once for signals that end the service."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOP:
        signal.signal(number, lambda *_: stopping())
    signal.signal(signal.SIGHUP, lambda *_: None)  # its number is read from the pipe
    return reading
