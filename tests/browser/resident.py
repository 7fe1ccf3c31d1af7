"""The service a browser test talks to.

Its loop, its replies, uci and the bus are real; nft, netlink and conntrack are fakes, because this machine's kernel may
have no flowtables (test_kernel.py has one that does). File `nft` in FOLDER has what was sent. Other files there,
written by the test, describe the router: `flows` (number of connections), `lacks` (a package that the kernel lacks),
`hardware` (all devices can do it; `wired`: the switch ports, but not the Wi-Fi port), `refusal` (nft's error for the
next transaction), `limit` (a device whose incoming packets a rule of another program limits).
"""

import os
import time
from dataclasses import replace
from pathlib import Path

from browser.traffic import entries, stations
from offload.model.flow import Entry
from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch, Ruleset
from offload.model.network import Kernel, Lack, Link, Neighbour, Station
from offload.service.main import build
from offload.system.config.uci import Uci
from offload.system.netlink.ct.conntrack import FakeConntrack
from offload.system.netlink.route.links import FakeNetlink, LinkDump
from offload.system.nft.complaints import complaint
from service.routers import SCENE, HoldingNft, router

HOSTS = 140  # connections whose hosts of the LAN are known to the bridge
FORWARD = LiveChain("inet", "rates", "forward", "forward", 0)
FOLDER = Path()


class RecordingNft(HoldingNft):
    """Writes each transaction to a file, and refuses it if FOLDER has a file `refusal`."""

    def apply(self, text: str) -> None:
        refusal = FOLDER / "refusal"
        if refusal.exists():
            raise complaint(f"Error: {refusal.read_text()}")
        with (FOLDER / "nft").open("a") as file:
            file.write(text)
        super().apply(text)

    def ruleset(self) -> Ruleset:
        limit = FOLDER / "limit"
        if not limit.exists():
            return self.foreign
        match = RuleMatch(iif=limit.read_text())
        return ((FORWARD,), (LiveRule("inet", "rates", "forward", ("limit", "drop"), match=match, comment="Guests"),))


class Traffic(FakeConntrack):
    """As many connections as the file says; they move on with time."""

    begin = time.monotonic()

    def entries(self, *, offloaded: bool = False) -> list[Entry]:  # noqa: ARG002 - as the door
        flows = FOLDER / "flows"
        return entries(int(flows.read_text()) if flows.exists() else 20, seconds=time.monotonic() - self.begin)


def kernel() -> Kernel:
    """The kernel's features: no flowtables if FOLDER has a file `lacks`."""
    lacks = FOLDER / "lacks"
    missing = (Lack("flowtables", lacks.read_text()),) if lacks.exists() else ()
    return Kernel("6.6.73", flowtable=not missing, nft="1.1.1", missing=missing)


def scene() -> LinkDump:
    """The router's devices, as able as the file says; beside a Wi-Fi port also the hosts of all ports."""
    hardware = FOLDER / "hardware"
    able = hardware.read_text() if hardware.exists() else ""
    chips = {link.name for link in SCENE.links if able and (able != "wired" or link.kind == "dsa")}
    links = tuple(replace(link, hw_tc_offload=link.name in chips) for link in SCENE.links)
    if able != "wired":
        return replace(SCENE, links=links)
    wireless = Link("phy0-ap0", master="br-lan", wireless=True)
    hosts = [(mac(number), address, wired) for number, (address, wired) in enumerate(stations(HOSTS))]
    return replace(
        SCENE,
        links=(*links, wireless),
        stations=tuple(Station(each, "lan1" if wired else "phy0-ap0") for each, _, wired in hosts),
        neighbours=tuple(Neighbour(address, "br-lan", each) for each, address, _ in hosts),
    )


def mac(number: int) -> str:
    """A host's MAC address, administered locally."""
    return f"02:00:00:00:00:{number:02x}"


def serve(folder: Path, socket: Path) -> None:
    """Serve in a process of its own until a signal ends it."""
    global FOLDER  # noqa: PLW0603  # the fakes here are of one process
    FOLDER = folder
    Traffic.begin = time.monotonic()
    os.environ["OFFLOAD_UBUS_SOCKET"] = str(socket)
    doors, nft = router().service.doors, RecordingNft()
    netlink = FakeNetlink(scene())
    loop = build(
        replace(
            doors,
            netlink=netlink,
            uci=Uci(FOLDER / "config"),
            nft=nft,
            conntrack=Traffic(),
            probe=kernel,
            clock=time.monotonic,
        )
    )
    nft.service = loop.engine
    loop.run()
