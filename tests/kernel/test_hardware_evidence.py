"""The service's verdicts on hardware from live flows of a real kernel; only its clock is the test's."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from kernel import chip
from kernel.house import House, Shape
from kernel.local import Local
from kernel.pppoe import Pppoe
from kernel.scenes import WHY, shows
from kernel.sides import bridge, vlan
from kernel.steady import download
from kernel.traffic import Talk
from offload.service.bus.explaining.flow_list import list_flows
from offload.service.bus.methods import status
from offload.service.checking.check import check
from offload.service.engine import HARDWARE
from offload.service.hardware.give_up import FLOWS
from offload.service.hardware.hardware_monitor import APART
from offload.service.tasks import hardware
from offload.status.hardware.pair_hardware import PACKETS

LAN = bridge(chip.port("lan1"))
SHAPES = {
    "plain": (Shape({"lan": LAN, "wan": chip.port("wan")}), ("lan1", "wan")),
    "port": (Shape({"lan": chip.port("lan1"), "wan": chip.port("wan")}), ("lan1", "wan")),
    "vlan": (Shape({"lan": LAN, "wan": vlan(chip.port("eth1"), 7)}), ("lan1", "eth1")),
    "pppoe": (Shape({"lan": LAN, "wan": Pppoe(chip.port("eth1"))}), ("lan1", "eth1")),
}


# The kernel asks drivers for counters after a tenth of the timeout, and checks that every second.
TIMEOUT = {f"net/netfilter/nf_flowtable_{proto}_timeout": 10 for proto in ("tcp", "udp")}
COUNTED = 2.2


@dataclass
class Lab(Local):
    """A router in hardware, and the service's engine in this process."""

    ports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.house.router.sysctl(TIMEOUT)
        self.mode("hardware")
        with self.house.router.entered():
            assert self.service.work([HARDWARE]).error == ""

    def sample(self) -> None:
        """Let the service sample, APART seconds later on its clock and late enough for the drivers' counters."""
        self.now += APART
        time.sleep(COUNTED)
        with self.house.router.entered():
            hardware.run(self.service)

    def status(self) -> dict[str, Any]:
        """The part `hardware` of lan > wan in the answer of `status`, with reason codes and its devices' states."""
        with self.house.router.entered():
            answer = status(self.service, {})
        found: dict[str, Any] = next(p for p in answer["pairs"] if (p["src"], p["dest"]) == ("lan", "wan"))
        devices = {device["name"]: device["hardware"] for device in answer["devices"]}
        hardware: dict[str, Any] = found["hardware"]
        return hardware | {
            "codes": [reason["code"] for reason in found["hardware"]["reasons"]],
            "devices": {devices[name] for name in self.ports},
        }

    def flows(self) -> dict[str, list[str]]:
        """The codes of the reasons in the answer of `flows`, by family."""
        with self.house.router.entered():
            answer = list_flows(self.service, {"query": {}})["flows"]
        return {each["family"]: [reason["code"] for reason in each["reasons"]] for each in answer}

    def mode(self, mode: str) -> None:
        """Write this mode and let the service make a pass."""
        self.choose(f"config globals 'globals'\n\toption mode '{mode}'\n")

    def faulty(self, stack: ExitStack, name: str) -> None:
        """Give every port a fault."""
        for port in self.ports:
            stack.enter_context(chip.fault(self.house.router, port, name))

    def crowd(self, count: int, version: int = 4) -> list[Talk]:
        """Open so many conversations over UDP."""
        opened = [Talk(self.house.hosts["lan"], self.house.target("wan", version), "udp") for _ in range(count)]
        self.house.talks += opened
        return opened

    def talk(self, *talks: Talk, rounds: int = 8) -> None:
        """Talk, and sample after each round."""
        for _ in range(rounds):
            for each in talks:
                each.echo(12)
            self.sample()


def build(house: House, stack: ExitStack, name: str) -> Lab:
    shape, ports = SHAPES[name]
    stack.enter_context(house.shaped(shape))
    return Lab(house, ports=ports)


@pytest.fixture(name="stack")
def _stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(name="lab")
def _lab(house: House) -> Iterator[Lab]:
    with ExitStack() as shape:  # it ends after the faults of its devices
        yield build(house, shape, "plain")


def test_proven(lab: Lab) -> None:
    assert (lab.status()["proof"], lab.status()["devices"]) == ("bound", {"bound"})
    lab.talk(lab.house.call("lan", "wan"), lab.house.call("lan", "wan", 6, "udp"), rounds=3)
    pair = lab.status()
    assert (pair["proof"], pair["codes"], pair["devices"]) == ("proven", [], {"proven"})
    assert pair["flows"] == 2
    assert pair["strays"] * 20 <= pair["packets"]
    assert [name for name, _ in lab.service.news if name == "offload.degraded"] == []


@shows(WHY.HARDWARE_AWAITED, WHY.HARDWARE_DRIVER, WHY.HARDWARE_GIVEN_UP)
def test_refused_by_every_driver(lab: Lab, stack: ExitStack) -> None:
    lab.faulty(stack, "refuse")
    talk = lab.house.call("lan", "wan")
    assert lab.explain(talk).code == "HARDWARE_AWAITED"
    lab.talk(talk, *lab.crowd(FLOWS))
    pair = lab.status()
    assert (pair["proof"], pair["codes"], pair["devices"]) == ("refused", ["HARDWARE_DRIVER"], {"refused"})
    assert lab.flows() == {"ipv4": ["HARDWARE_DRIVER"]}
    assert lab.explain(talk).code == "HARDWARE_DRIVER"
    news, *more = [words for name, words in lab.service.news if name == "offload.degraded"]
    assert news["error"].startswith("lan > wan: ")
    assert len(more) == 1, "it is given up"
    assert lab.work().error == ""
    talk.echo(12)
    assert lab.explain(talk).code == "HARDWARE_GIVEN_UP"


@shows(WHY.HARDWARE_FAMILY, WHY.HARDWARE_FAMILY_GIVEN_UP)
def test_one_family_is_refused(lab: Lab, stack: ExitStack) -> None:
    lab.faulty(stack, "refuse-ipv6")
    talk = lab.house.call("lan", "wan", 6)
    lab.talk(lab.house.call("lan", "wan", 4), talk)
    assert (lab.status()["proof"], lab.status()["codes"]) == ("proven", ["HARDWARE_FAMILY"])
    assert lab.flows() == {"ipv4": [], "ipv6": ["HARDWARE_FAMILY"]}
    assert lab.explain(talk).code == "HARDWARE_FAMILY"
    lab.talk(talk, *lab.crowd(FLOWS, 6), rounds=2)
    assert lab.work().error == ""
    talk.echo(12)
    assert lab.explain(talk).code == "HARDWARE_FAMILY_GIVEN_UP"


@shows(WHY.HARDWARE_FULL)
def test_a_hundred_flows_beside_a_full_table(lab: Lab, stack: ExitStack) -> None:
    stack.enter_context(chip.parameter("table_size", "2"))
    first = lab.house.call("lan", "wan")
    lab.talk(first, rounds=2)
    crowd = lab.crowd(110)
    for _ in range(3):
        for each in crowd:
            each.echo(3)
        first.echo(12)
        lab.sample()
    assert (lab.status()["proof"], lab.status()["codes"]) == ("proven", ["HARDWARE_FULL"])
    assert lab.explain(crowd[-1]).code == "HARDWARE_FULL"


def test_a_kernel_that_binds_what_cannot(lab: Lab, stack: ExitStack) -> None:
    """OpenWrt's kernels bind any device: only flows show the truth."""
    lab.house.router.nft("delete table inet flow_offload_hw")
    stack.enter_context(chip.parameter("bind_anything", "1"))
    lab.faulty(stack, "no-bind")
    other = Lab(lab.house, ports=lab.ports)
    assert other.status()["proof"] == "bound"
    other.talk(other.house.call("lan", "wan"))
    assert (other.status()["proof"], other.status()["codes"]) == ("refused", ["HARDWARE_DRIVER"])
    lab.house.router.nft("delete table inet flow_offload_hw")


@shows(WHY.HARDWARE_STRAYS)
def test_marks_that_lie(house: House, stack: ExitStack) -> None:
    """A port that is not in the flowtable: marked as hardware's, and slow one way."""
    lab = build(house, stack, "port")
    router = lab.house.router
    # nft 1.0.6 deletes devices only of flowtables with priority 0
    text = router.run("nft", "-s", "list", "table", "inet", "flow_offload_hw")
    without = re.sub(r"(devices = \{[^}]*?)\"?\blan1\b\"?, ", r"\1", text, count=1)
    assert without != text
    router.nft("delete table inet flow_offload_hw")
    router.nft(without)
    talk = lab.house.call("lan", "wan")
    lab.talk(talk, rounds=5)
    assert lab.status()["flows"] == 1
    assert (lab.status()["proof"], lab.status()["codes"]) == ("refused", ["HARDWARE_STRAYS"])
    assert lab.explain(talk).steps["hardware"].codes == ("HARDWARE_STRAYS",)


@shows(WHY.HARDWARE_HALF)
def test_one_direction_in_hardware_and_the_other_in_software(lab: Lab, stack: ExitStack) -> None:
    """The mark is there, and no packet is slow; but the direction in hardware is counted only when the other rests."""
    lab.house.router.sysctl(dict.fromkeys(TIMEOUT, 30))
    stack.enter_context(chip.fault(lab.house.router, "wan", "refuse"))
    talk = lab.house.call("lan", "wan")
    with download(talk):
        for _ in range(4):
            lab.sample()
    pair = lab.status()
    assert (pair["flows"], pair["strays"] < PACKETS) == (1, True)
    assert (pair["proof"], pair["codes"], pair["devices"]) == ("refused", ["HARDWARE_HALF"], {"refused"})
    assert lab.explain(talk).steps["hardware"].codes == ("HARDWARE_HALF",)


@shows(WHY.HARDWARE_KEPT)
def test_a_driver_that_does_not_forget_the_flows_of_a_deleted_table(lab: Lab, stack: ExitStack) -> None:
    assert lab.explain(mode_none_after_hardware(lab, stack, keeps=True)).code == "HARDWARE_KEPT"


def test_a_driver_that_forgets_the_flows_of_a_deleted_table(lab: Lab, stack: ExitStack) -> None:
    assert lab.explain(mode_none_after_hardware(lab, stack, keeps=False)).code == "MODE_UNSET"


def mode_none_after_hardware(lab: Lab, stack: ExitStack, *, keeps: bool) -> Talk:
    """A conversation that was in hardware until mode none was chosen.

    The kernel destroys no rule of a table that goes: a driver that keeps them forwards (`keeps`), whatever is chosen.
    """
    if keeps:
        lab.faulty(stack, "keep-rules")
    talk = lab.house.call("lan", "wan", proto="udp")
    lab.talk(talk, rounds=3)
    assert lab.flows() == {"ipv4": []}
    lab.mode("none")
    before = chip.forwarded(lab.house.router, lab.ports)
    lab.talk(talk, rounds=3)
    assert (chip.forwarded(lab.house.router, lab.ports) > before) == keeps
    pair = lab.status()
    assert (pair["proof"], pair["codes"]) == ("none", ["HARDWARE_KEPT"] if keeps else [])
    assert lab.flows() == {"ipv4": ["HARDWARE_KEPT"] if keeps else ["MODE_UNSET"]}
    return talk


@shows(WHY.HARDWARE_FROZEN)
def test_frozen_counters(lab: Lab, stack: ExitStack) -> None:
    lab.faulty(stack, "uncounted")
    talk = lab.house.call("lan", "wan")
    talk.echo(30)
    for _ in range(5):
        talk.fetch(300_000)
        lab.sample()
    pair = lab.status()
    assert (pair["frozen"], pair["proof"], pair["codes"]) == (True, "proven", ["HARDWARE_FROZEN"])
    assert lab.explain(talk).steps["hardware"].codes == ("HARDWARE_FROZEN",)
    with lab.house.router.entered():
        found = check(lab.service, {})["findings"]
    assert [each["severity"] for each in found if each["code"] == "COUNTERS_FROZEN"] == ["notice"]


def test_a_session(house: House, stack: ExitStack) -> None:
    lab = build(house, stack, "pppoe")
    lab.talk(lab.house.call("lan", "wan"), rounds=3)
    assert (lab.status()["proof"], lab.status()["codes"]) == ("proven", [])


@shows(WHY.HARDWARE_ENCAPSULATED)
def test_tags_that_the_driver_does_not_take(house: House, stack: ExitStack) -> None:
    lab = build(house, stack, "vlan")
    lab.talk(lab.house.call("lan", "wan"), rounds=3)
    assert (lab.status()["proof"], lab.status()["codes"]) == ("proven", [])
    lab.faulty(stack, "refuse-vlan")
    again = Lab(house, ports=lab.ports)
    talk = again.house.call("lan", "wan", proto="udp")
    again.talk(talk)
    assert again.status()["codes"] == ["HARDWARE_ENCAPSULATED"]
    assert again.explain(talk).code == "HARDWARE_ENCAPSULATED"
