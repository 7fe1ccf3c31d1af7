"""The resident service: build its doors and its loop, and run it."""

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from offload.config.load import FILES
from offload.errors import KernelError
from offload.service.doors import Doors, FirewallDoors
from offload.service.engine import Engine
from offload.service.read_snapshot import FIREWALL_PART
from offload.system.config.uci import Uci
from offload.system.files.private_file import PrivateFile
from offload.system.firewall_files import FirewallFiles
from offload.system.kernel import conntrack_max, modules, release
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.route.links import Netlink
from offload.system.nft.door import Nft
from offload.system.nft.dry_run import DryRun
from offload.system.nft.probe import probe
from offload.system.sole import sole
from offload.system.ubus.client import UbusClient

# What only the service needs is imported where it starts: a command without a service imports this file for `doors`.
if TYPE_CHECKING:
    from offload.service.loop import Loop
    from offload.system.netlink.ct.ctevents import ConntrackEvents

NFT_PATIENCE = 10.0  # seconds for a run of nft, in which callers over ubus wait
OURS = Path("/var/run/offload")
SAVED_EXEMPTS = OURS / "exempts.json"
STATION_FILE = OURS / "places"
SAVED_TOTALS = OURS / "totals.json"
EVENTS = ("network.interface",)


def doors() -> Doors:
    """The interfaces to the router that this process runs on. The service's own files are in OURS (/var/run/offload).

    `firewall` is None if the package offload-firewall is not installed.
    """
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
        dry_run=DryRun(),
    )


def firewall_doors(ours: Path, root: Path = Path("/")) -> FirewallDoors:
    """The doors to our firewall's files: three of its own in the directory `ours`, and the router's below `root`."""
    return FirewallDoors(
        files=FirewallFiles(root),
        loaded=PrivateFile(ours / "firewall.json"),
        boot=PrivateFile(ours / "firewall.nft"),
        stop=PrivateFile(ours / "firewall.stopped"),
    )


def serve() -> int:
    """Run the service until SIGTERM or SIGINT (our tables are removed) or SIGUSR1 (an upgrade: they stay); gives 0.

    First it removes temporary files of killed processes of ours. RunningError if a service seems to run already.
    KernelError if the kernel's notifications cannot be received. Without ubusd or nft it runs on.
    """
    with sole():
        Uci().sweep(FILES)
        loop = build(doors())
        try:
            loop.run()
        finally:
            loop.close()
    return 0


def build(outside: Doors) -> "Loop":
    """The loop of the service for these doors.

    The call opens the sockets of the kernel's notifications, replaces the handlers of SIGHUP, SIGTERM, SIGINT and
    SIGUSR1, and reads the totals of an earlier service. KernelError if notifications of links or nftables cannot be
    received; without those of ended connections these are not counted.
    """
    from offload.service.bus.ubus_object import objects
    from offload.service.counting.accounting import Accounting
    from offload.service.journal import Journal
    from offload.service.loop import STOP_PATIENCE, Loop
    from offload.system.netlink.route.monitor import Monitor
    from offload.system.syslog import SystemLog
    from offload.system.ubus.server import UbusServer

    monitor = Monitor()
    engine = Engine.of(outside)
    signals = _signals(lambda: outside.nft.hurry(STOP_PATIENCE))
    journal = Journal(SystemLog(), outside.clock)
    poll = select.poll()
    accounting = Accounting(engine, _endings(), poll)
    return Loop(engine, monitor, accounting, UbusServer(objects(engine), EVENTS), journal, signals, poll)


def _endings() -> "ConntrackEvents | None":
    # None if the kernel sends no DESTROY events: then ended connections are not counted
    from offload.system.netlink.ct.ctevents import ConntrackEvents

    try:
        return ConntrackEvents()
    except KernelError:
        return None


def _signals(stopping: Callable[[], None]) -> int:
    # gives the descriptor of a pipe: each received signal writes its number there as a byte, which wakes the poll
    from offload.service.loop import STOP

    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOP:
        signal.signal(number, lambda *_: stopping())
    signal.signal(signal.SIGHUP, lambda *_: None)  # its number is read from the pipe
    return reading
