"""The service's engine in this process, on the router of a house: only its clock and its ubus are the test's."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from kernel.house import House
from kernel.inside import NETIFD, capability, devices_of
from kernel.scenes import Explained, explained
from kernel.traffic import Talk
from offload.model.applied import Applied
from offload.model.network import Kernel
from offload.service.bus.explaining.explanations import explain
from offload.service.doors import Doors
from offload.service.engine import Engine
from offload.service.hardware.hardware_monitor import APART
from offload.system.config.uci import Uci
from offload.system.files.private_file import FakePrivateFile
from offload.system.netifd import DUMP
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.route.links import Netlink
from offload.system.nft.door import Nft
from offload.system.ubus.client import FakeUbusClient


@dataclass
class Local:
    """A router, and a service that has just started on it."""

    house: House
    now: float = 1000.0
    service: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, nft: Nft | None = None, probe: Callable[[], Kernel] = capability) -> None:
        """Let a new service take the place of the last one; it has read nothing yet."""
        router = self.house.router
        doors = Doors(
            uci=Uci(router.config),
            nft=nft or Nft(),
            bus=FakeUbusClient({DUMP: json.loads((router.replies / NETIFD).read_text())}),
            netlink=Netlink(devices_of(router)),
            conntrack=Conntrack(),
            probe=probe,
            clock=lambda: self.now,
            saved=FakePrivateFile(),
        )
        self.service = Engine(doors)

    def work(self) -> Applied:
        """Let the service make a pass, later than what it remembers is used."""
        self.now += APART
        with self.house.router.entered():
            return self.service.work()

    def choose(self, text: str) -> None:
        """Write /etc/config/offload, and let the service make a pass."""
        self.house.router.write("offload", text)
        assert self.work().error == ""

    def explain(self, what: Talk | str) -> Explained:
        """Ask the service's method `explain` about a conversation, or the connection that a text names."""
        text = what if isinstance(what, str) else named(what)
        with self.house.router.entered():
            return explained(explain(self.service, {"query": {"text": text}}))


def named(talk: Talk) -> str:
    """A conversation as a user would name it."""
    near, far = ((f"[{host}]" if host.version == 6 else str(host), number) for host, number in (talk.near, talk.far))
    return f"{talk.proto} {near[0]}:{near[1]} {far[0]}:{far[1]}"
