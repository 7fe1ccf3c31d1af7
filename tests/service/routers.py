"""A small router made of fakes, for whatever works on one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface, ip_network

from offload.compiler.offload.tables.table import expected
from offload.model.kernel.live import LiveTable
from offload.model.network import Address, Kernel, Link, Route
from offload.model.sections.section import Section
from offload.service.doors import Doors
from offload.service.engine import Engine
from offload.system.config.uci import FakeUci
from offload.system.fake_nft import FakeNft
from offload.system.files.private_file import FakePrivateFile
from offload.system.netifd import DUMP
from offload.system.netlink.ct.conntrack import FakeConntrack
from offload.system.netlink.route.links import FakeNetlink, LinkDump
from offload.system.nft.complaints import complaint
from offload.system.ubus.client import FakeUbusClient

DEVICES = {"lan": "br-lan", "guest": "br-guest", "wan": "wan"}


def section(package: str, kind: str, name: str, /, **options: str | tuple[str, ...]) -> Section:
    return Section(package, kind, name, name, options)


FIREWALL = (
    *(section("firewall", "zone", f"z_{zone}", name=zone, network=(zone,), masq="1") for zone in DEVICES),
    section("firewall", "forwarding", "f1", src="lan", dest="wan"),
    section("firewall", "forwarding", "f2", src="guest", dest="wan"),
)
MODES = {"lan": "software", "guest": "none", "wan": "software"}
OFFLOAD = tuple(section("offload", "zone", zone, name=zone, mode=mode) for zone, mode in MODES.items())
REPLY = {
    "interface": [{"interface": zone, "up": True, "l3_device": name, "device": name} for zone, name in DEVICES.items()]
}
SCENE = LinkDump(
    links=(
        Link("lo"),
        Link("br-lan", "bridge"),
        Link("lan1", "dsa", master="br-lan"),
        Link("lan2", "dsa", master="br-lan"),
        Link("br-guest", "bridge"),
        Link("wan", "dsa"),
    ),
    addresses=(
        Address("br-lan", ip_interface("192.168.1.1/24")),
        Address("br-guest", ip_interface("192.168.2.1/24")),
        Address("wan", ip_interface("203.0.113.7/24")),
    ),
)
ROUTES = (Route(ip_network("0.0.0.0/0"), ("wan",)),)


@dataclass(slots=True)
class HoldingNft(FakeNft):
    """Holds what the service planned last, once something was sent; `refusals` are raised one after the other."""

    service: Engine | None = None
    refusals: list[str] = field(default_factory=list)
    took: bool = False

    def apply(self, text: str) -> None:
        if self.refusals:
            raise complaint(f"Error: {self.refusals.pop(0)}")
        FakeNft.apply(self, text)
        self.took = True

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        if self.took and self.service and self.service.decided:
            self.held = {table.name: expected(table) for table in self.service.decided.plan.tables}
            self.took = False
        return FakeNft.live(self, names, known)


class Clock:
    """Seconds that go where the test says."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Fakes:
    """The router's doors, each at hand."""

    uci: FakeUci
    nft: HoldingNft
    bus: FakeUbusClient
    netlink: FakeNetlink
    conntrack: FakeConntrack
    clock: Clock
    service: Engine
    saved: FakePrivateFile


def router(kernel: Kernel | None = None) -> Fakes:
    """The service on a router with lan, guest and wan, of which guest is slow."""
    uci = FakeUci({"firewall": FIREWALL, "network": (), "offload": OFFLOAD})
    nft, bus, netlink = HoldingNft(), FakeUbusClient({DUMP: REPLY}), FakeNetlink(SCENE, ROUTES)
    conntrack, clock, saved = FakeConntrack(), Clock(), FakePrivateFile()
    able = kernel or Kernel("6.1", flowtable=True, nft="1.0.6")
    service = Engine(Doors(uci, nft, bus, netlink, conntrack, lambda: able, clock, saved))
    nft.service = service
    return Fakes(uci, nft, bus, netlink, conntrack, clock, service, saved)


def without(scene: LinkDump, name: str) -> LinkDump:
    """The scene without a link."""
    return replace(scene, links=tuple(link for link in scene.links if link.name != name))
