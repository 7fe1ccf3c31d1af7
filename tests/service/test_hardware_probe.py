"""Which devices can join a hardware flowtable: drivers and kernel are asked once, and only if a pair wants hardware."""

from dataclasses import dataclass, field

from offload.config.load import Packages
from offload.model.kernel.live import LiveTable
from offload.model.network import Kernel, Link, Snapshot
from offload.service.hardware.hardware_probe import HardwareProbe
from offload.system.fake_nft import FakeNft
from offload.system.netlink.route.links import FakeNetlink
from offload.system.nft.complaints import complaint
from service.routers import section

WANTED: Packages = {"offload": (section("offload", "zone", "z", name="lan", mode="hardware"),)}
UNWANTED: Packages = {"offload": (section("offload", "zone", "z", name="lan", mode="software"),)}
SNAPSHOT = Snapshot(links=tuple(map(Link, ("lo", "lan1", "lan2", "wan"))), kernel=Kernel(flowtable=True))


@dataclass(slots=True)
class Picky(FakeNft):
    """A kernel that refuses some devices, and every transaction with one of them."""

    refuses: frozenset[str] = frozenset()
    no: str = "Could not process rule: Operation not supported"
    asked: list[str] = field(default_factory=list)

    def check(self, text: str) -> None:
        self.asked.append(text.partition("devices = { ")[2].partition(" }")[0].replace('"', ""))
        if any(f'"{name}"' in text for name in self.refuses):
            raise complaint(f"Error: {self.no}")


def able(snapshot: Snapshot) -> dict[str, bool]:
    """The devices whose drivers support hardware offload, each with the kernel's answer."""
    return {link.name: link.hw_bind for link in snapshot.links if link.hw_tc_offload}


def test_a_mode_in_capitals_asks_for_hardware_too() -> None:
    packages: Packages = {"offload": (section("offload", "globals", "globals", mode="HARDWARE"),)}
    found = HardwareProbe().probe(SNAPSHOT, packages, FakeNetlink(able=frozenset({"wan"})), Picky())
    assert able(found) == {"wan": True}


def test_no_driver_is_asked_where_no_pair_wants_hardware() -> None:
    nft = Picky()
    assert HardwareProbe().probe(SNAPSHOT, UNWANTED, FakeNetlink(able=frozenset({"wan"})), nft) == SNAPSHOT
    assert nft.asked == []


def test_all_are_asked_at_once_and_once() -> None:
    nft, drivers, probe = Picky(), FakeNetlink(able=frozenset({"lan1", "wan"})), HardwareProbe()
    assert able(probe.probe(SNAPSHOT, WANTED, drivers, nft)) == {"lan1": True, "wan": True}
    probe.probe(SNAPSHOT, WANTED, drivers, nft)
    assert nft.asked == ["lan1, wan"]


def test_one_bad_device_is_found_among_good_ones() -> None:
    nft, drivers = Picky(refuses=frozenset({"lan2"})), FakeNetlink(able=frozenset({"lan1", "lan2", "wan"}))
    found = HardwareProbe().probe(SNAPSHOT, WANTED, drivers, nft)
    assert able(found) == {"lan1": True, "lan2": False, "wan": True}
    assert nft.asked == ["lan1, lan2, wan", "lan1", "lan2", "wan"]


def test_what_our_table_has_is_not_asked_for_because_it_is_busy() -> None:
    nft, drivers = Picky(refuses=frozenset({"lan1"})), FakeNetlink(able=frozenset({"lan1", "wan"}))
    nft.held["flow_offload_hw"] = LiveTable("flow_offload_hw", frozenset({"lan1"}))
    assert able(HardwareProbe().probe(SNAPSHOT, WANTED, drivers, nft)) == {"lan1": True, "wan": True}
    assert nft.asked == ["wan"]


def test_a_device_that_came_back_is_asked_again() -> None:
    nft, drivers, probe = Picky(), FakeNetlink(able=frozenset({"wan"})), HardwareProbe()
    probe.probe(SNAPSHOT, WANTED, drivers, nft)
    probe.probe(SNAPSHOT, WANTED, FakeNetlink(), nft)
    nft.refuses = frozenset({"wan"})
    assert able(probe.probe(SNAPSHOT, WANTED, drivers, nft)) == {"wan": False}


def test_a_kernel_without_flowtables_is_not_asked() -> None:
    nft = Picky()
    blind = Snapshot(links=SNAPSHOT.links, kernel=Kernel(flowtable=False))
    assert HardwareProbe().probe(blind, WANTED, FakeNetlink(able=frozenset({"wan"})), nft) == blind
    assert nft.asked == []


def test_a_device_that_was_busy_is_asked_again() -> None:
    nft, drivers, probe = Picky(refuses=frozenset({"wan"})), FakeNetlink(able=frozenset({"wan"})), HardwareProbe()
    nft.no = "Could not process rule: Device or resource busy"
    assert able(probe.probe(SNAPSHOT, WANTED, drivers, nft)) == {"wan": False}
    nft.refuses = frozenset()
    assert able(probe.probe(SNAPSHOT, WANTED, drivers, nft)) == {"wan": True}
