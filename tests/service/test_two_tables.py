"""A table that was created stays, with its flows, where nft refuses the other one."""

from dataclasses import dataclass, field

import pytest

from offload.compiler.offload.tables.table import expected
from offload.errors import KernelError
from offload.model.kernel.to_return import ToReturn
from offload.model.network import Neighbour
from offload.service.engine import HARDWARE, SOFTWARE, Engine
from offload.service.firewall.firewall import Firewall
from offload.service.reconcile import Decided
from offload.service.tasks import returns
from offload.system.nft.complaints import complaint
from service.firewalls import firewall_router
from service.routers import Fakes, HoldingNft, router, section

CREATION, DELETION = "flags offload", f"delete table inet {HARDWARE}\n"
MODES = tuple(
    section("offload", "zone", zone, name=zone, mode=mode)
    for zone, mode in {"lan": "hardware", "guest": "software", "wan": "hardware"}.items()
)


@dataclass
class TwoTables:
    """A router with both tables, whose nft holds what it accepted; it refuses `refuse` texts with `word`."""

    patch: pytest.MonkeyPatch
    refuse: int = 0
    word: str = CREATION
    fakes: Fakes = field(default_factory=router)

    def __post_init__(self) -> None:
        self.fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
        self.fakes.uci.packages["offload"] = MODES
        read = Engine.read

        def reads(engine: Engine) -> Decided:
            self.decided = read(engine)
            return self.decided

        self.patch.setattr(Engine, "read", reads)
        self.patch.setattr(HoldingNft, "apply", lambda _, text: self.apply(text))
        assert not self.service.work().error
        self.fakes.clock.now += 10.0
        self.fakes.nft.sent.clear()

    @property
    def service(self) -> Engine:
        """The service of the router."""
        return self.fakes.service

    def apply(self, text: str) -> None:
        """Hold the tables of a text as the last decision has them."""
        if self.word in text and self.refuse:
            self.refuse -= 1
            raise complaint("Error: Could not process rule: Device or resource busy")
        for name in (SOFTWARE, HARDWARE):
            if f"delete table inet {name}\n" in text:
                self.fakes.nft.held.pop(name, None)
        for table in self.decided.plan.tables:
            if f"table inet {table.name} {{" in text or table.name in self.fakes.nft.held:
                self.fakes.nft.held[table.name] = expected(table)
        self.fakes.nft.sent.append(text)

    def created(self, name: str) -> int:
        """How often the table was created since the first pass."""
        return sum(f"table inet {name} {{" in text for text in self.fakes.nft.sent)

    def gateway_changes(self) -> None:
        """The provider's router is exchanged."""
        for mac in ("02:00:00:00:00:77", "02:00:00:00:00:78"):
            self.service.stations.neighbour(Neighbour("203.0.113.1", "wan", mac))


@pytest.mark.parametrize("cause", ["station", "routes", "rules", "owed"])
@pytest.mark.parametrize("refused", [1, 3])
@pytest.mark.parametrize("word", [CREATION, DELETION], ids=["creation", "deletion"])
def test_it_is_not_created_again(monkeypatch: pytest.MonkeyPatch, word: str, cause: str, refused: int) -> None:
    two = TwoTables(monkeypatch)
    two.refuse, two.word = refused, word
    if cause == "station":
        two.gateway_changes()
        two.service.work()
    elif cause == "routes":
        two.service.route_returns.changed(ToReturn.ALL, two.fakes.clock.now)
        two.fakes.clock.now += 1.0
        two.service.work()
    elif cause == "rules":
        two.service.rule_returns.changed(two.fakes.clock.now)
        two.fakes.clock.now += 1.0
        returns.for_rules(two.service)
    else:
        two.service.work(forced=(SOFTWARE, HARDWARE))
    for _ in range(3):
        two.fakes.clock.now += 1.0
        two.service.work()
    assert (two.created(SOFTWARE), two.created(HARDWARE)) == (1, 1)
    assert two.service.owed == frozenset() and returns.routes_due(two.service) is None


def test_a_flow_that_a_new_exempt_concerns_is_returned_by_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    two = TwoTables(monkeypatch)
    two.fakes.conntrack.error = KernelError("so any flow may be offloaded")
    two.fakes.uci.packages["offload"] = (*MODES, section("offload", "exempt", "e1", src_ip=("192.168.1.5",)))
    two.refuse, two.word = 3, DELETION
    assert two.service.work(forced=(HARDWARE,)).error and not two.created(SOFTWARE)
    while two.service.work().error:
        pass
    assert (two.created(SOFTWARE), two.created(HARDWARE)) == (1, 1)
    assert two.service.work().changes == 0


def with_new_rules(patch: pytest.MonkeyPatch, refused: int) -> tuple[TwoTables, Firewall]:
    """Both tables beside our firewall, which has rules to load; nft refuses so many deletions of the hardware table."""
    host = firewall_router()
    host.fakes.nft = host.nft
    two = TwoTables(patch, fakes=host.fakes)
    assert two.service.firewall is not None
    two.service.firewall.force()
    two.refuse, two.word = refused, DELETION
    return two, two.service.firewall


def test_after_new_rules_of_our_firewall_the_next_pass_creates_the_table_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two, _ = with_new_rules(monkeypatch, 3)
    applied = two.service.work()
    assert applied.error and applied.loaded
    while two.service.work().error:
        pass
    assert (two.created(SOFTWARE), two.created(HARDWARE)) == (1, 1)


def test_a_table_that_was_created_before_a_second_load_of_our_firewall_is_created_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two, firewall = with_new_rules(monkeypatch, 1)
    read = Engine.read

    def reads(engine: Engine) -> Decided:
        if two.created(SOFTWARE) and two.word == DELETION:  # a service of procd has another rule by now
            firewall.force()
            two.fakes.netlink.able = frozenset({"lan1", "wan"})  # so it decides otherwise, and tries again
            two.refuse, two.word = 2, f"table inet {SOFTWARE} {{"
        return read(engine)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "read", reads)
        assert two.service.work().error and two.created(SOFTWARE) == 1
    assert two.service.owed == {SOFTWARE, HARDWARE}
    assert not two.service.work().error and (two.created(SOFTWARE), two.created(HARDWARE)) == (2, 1)
