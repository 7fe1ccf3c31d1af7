"""A router with the package offload-firewall, made of fakes."""

from dataclasses import dataclass, field, replace

from offload.errors import NftError, NftFault
from offload.model.kernel.live_rule import LiveChain, LiveRule
from offload.model.sections.section import Section
from offload.service.doors import FirewallDoors
from offload.service.engine import Engine
from offload.service.firewall.inputs import Inputs, read
from offload.system.files.private_file import FakePrivateFile
from offload.system.firewall_files import FakeFirewallFiles
from service.routers import FIREWALL, REPLY, Fakes, HoldingNft, router, section


def rule(number: int, **options: str) -> Section:
    """A rule that drops traffic to a port."""
    words = {"name": f"Rule {number}", "src": "lan", "proto": "tcp", "dest_port": str(number), "target": "DROP"}
    return section("firewall", "rule", f"r{number}", **(words | options))


RULES = tuple(map(rule, range(1, 9)))
OTHERS = ("input_wan", 4711, 1)  # a rule of another program


@dataclass(slots=True)
class PickyNft(HoldingNft):
    """Gives rules of table fw4 numbers. Refuses texts with one of `bad` in a line, which it names unless `mute`."""

    bad: tuple[str, ...] = ()
    mute: bool = False
    fault: NftFault = NftFault.REFUSED
    path: str = "/dev/stdin"
    included: tuple[tuple[LiveChain, ...], tuple[LiveRule, ...]] = ((), ())  # rules in the files of /etc/nftables.d
    checks: int = 0
    last: int = 0
    table: int = 1  # handle of table fw4

    def check(self, text: str) -> None:
        self.checks += 1
        lines = [number for number, line in enumerate(text.splitlines(), 1) if any(word in line for word in self.bad)]
        if lines:
            places = () if self.mute else tuple((self.path, number) for number in lines)
            raise NftError("syntax error, unexpected word", self.fault, places)

    def apply(self, text: str) -> None:
        HoldingNft.apply(self, text)
        held = set(self.rules.get("fw4", ()))
        for line in text.splitlines():
            words = line.split()
            if line.strip() in {"flush table inet fw4", "delete table inet fw4"}:
                held = set()
            elif words[:4] == ["flush", "chain", "inet", "fw4"]:
                held = {each for each in held if each[0] != words[4]}
            elif words[:1] == ["chain"] and "table inet fw4 {" in text:
                self.last += 1
                held.add((words[1], self.last, self.table))
        if 'include "/etc/nftables.d/' in text:
            self.foreign = self.included
        self.rules["fw4"] = frozenset(held)
        self.others = self.others | {"fw4"} if held else self.others - {"fw4"}


def inputs(*sections: Section, files: FakeFirewallFiles | None = None, data: object = None) -> Inputs:
    """The inputs of a router with these sections."""
    there = files or FakeFirewallFiles()
    return read(sections, REPLY, data, there, there.modules(), there.devices(), there.installed())


@dataclass
class FirewallRouter:
    """A router whose firewall is ours."""

    fakes: Fakes
    nft: PickyNft
    files: FakeFirewallFiles = field(default_factory=FakeFirewallFiles)
    loaded: FakePrivateFile = field(default_factory=FakePrivateFile)
    boot: FakePrivateFile = field(default_factory=FakePrivateFile)
    stop: FakePrivateFile = field(default_factory=FakePrivateFile)

    def start(self) -> Engine:
        """The service starts, for the first time or again."""
        doors = FirewallDoors(self.files, self.loaded, self.boot, self.stop)
        self.fakes.service = Engine.of(replace(self.fakes.service.doors, nft=self.nft, firewall=doors))
        self.nft.service = self.fakes.service
        return self.fakes.service

    @property
    def service(self) -> Engine:
        """The service that runs now."""
        return self.fakes.service

    def configure(self, *sections: Section) -> None:
        """Write other sections beside the zones and forwardings."""
        self.fakes.uci.packages["firewall"] = (*FIREWALL, *sections)


def firewall_router(*sections: Section) -> FirewallRouter:
    """A router whose firewall is ours, with these sections besides its zones; its service has not made a pass yet."""
    made = FirewallRouter(router(), PickyNft(others=frozenset()))
    made.configure(*(sections or RULES))
    made.fakes.bus.replies["service get_data"] = {}
    made.start()
    return made
