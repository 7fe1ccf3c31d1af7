"""How far hardware has come with a pair, and with a device that flows pass, or do not."""

from dataclasses import replace

import pytest

from offload.model.config import Mode
from offload.model.plan import DeviceDecision
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.proof.evidence import Evidence
from offload.status.proof.hardware import PairHardware, Proof
from status.routers import pair

LAN_WAN, LAN_VPN = ("lan", "wan"), ("lan", "vpn")
BOUND, PROVEN, REFUSED = (PairHardware(("eth0",), proof=proof) for proof in (Proof.BOUND, Proof.PROVEN, Proof.REFUSED))
NO_DRIVER, BENEATH = ReasonCode.NO_HW_TC_OFFLOAD(), ReasonCode.HARDWARE_BENEATH(devices="lan1, lan2")


def device(*reasons: Reason, listed: tuple[str, ...] = ("hw",), asked: bool = True) -> DeviceDecision:
    return DeviceDecision("eth0", ("lan",), listed, asked, reasons)


DEVICES: dict[str, tuple[DeviceDecision, Evidence, Proof]] = {
    "not asked": (device(listed=("sw",), asked=False), Evidence(), Proof.NONE),
    "asked, and the driver cannot": (device(NO_DRIVER, listed=("sw",)), Evidence(), Proof.IMPOSSIBLE),
    "asked, and carries switch ports": (device(ReasonCode.DSA_CONDUIT(), listed=()), Evidence(), Proof.NONE),
    "asked, and missing": (device(ReasonCode.LINK_MISSING(device="eth0"), listed=()), Evidence(), Proof.REQUESTED),
    "the driver cannot, and its pairs are proven": (
        device(NO_DRIVER, listed=("sw",)), Evidence({LAN_WAN: PROVEN}, {"eth0": PROVEN}), Proof.IMPOSSIBLE,
    ),
    "listed": (device(), Evidence(), Proof.BOUND),
    "its zone is proven, by other devices": (device(), Evidence({LAN_WAN: PROVEN}, {"lan2": PROVEN}), Proof.BOUND),
    "its zone is proven, and its own flows are refused": (
        device(), Evidence({LAN_WAN: PROVEN}, {"eth0": REFUSED}), Proof.REFUSED,
    ),
    "proven by its own flows": (device(), Evidence({LAN_WAN: PROVEN}, {"eth0": PROVEN}), Proof.PROVEN),
    "proven, and its pair is not yet": (device(), Evidence({LAN_WAN: BOUND}, {"eth0": PROVEN}), Proof.PROVEN),
    "its flows are marked, and stray": (device(), Evidence({LAN_WAN: REFUSED}, {"eth0": PROVEN}), Proof.REFUSED),
    "those of one pair stray": (
        device(), Evidence({LAN_WAN: REFUSED, LAN_VPN: PROVEN}, {"eth0": PROVEN}), Proof.PROVEN,
    ),
    "receives what the processor does not count": (
        device(), Evidence({LAN_WAN: replace(PROVEN, unbridged=("eth0",), still=2)}), Proof.PROVEN,
    ),
    "another device receives that": (
        device(), Evidence({LAN_WAN: replace(PROVEN, unbridged=("eth1",), still=2)}), Proof.BOUND,
    ),
    "above ports in hardware": (device(BENEATH, listed=("sw",)), Evidence(), Proof.BOUND),
    "above ports that are proven": (device(BENEATH, listed=("sw",)), Evidence({}, {"eth0": PROVEN}), Proof.PROVEN),
}  # fmt: skip


@pytest.mark.parametrize(("decided", "evidence", "expected"), DEVICES.values(), ids=DEVICES)
def test_a_device(decided: DeviceDecision, evidence: Evidence, expected: Proof) -> None:
    assert evidence.of_device(decided) is expected


UNCOVERED = ReasonCode.HARDWARE_UNCOVERED(devices="wlan0")


@pytest.mark.parametrize(
    ("effective", "reasons", "expected"),
    [
        (Mode.HARDWARE, (), Proof.BOUND),
        (Mode.SOFTWARE, (UNCOVERED,), Proof.IMPOSSIBLE),
        (Mode.NONE, (ReasonCode.ZONE_WITHOUT_DEVICES(zone="wan"),), Proof.REQUESTED),
        (Mode.SOFTWARE, (ReasonCode.NOT_APPLIED(), UNCOVERED), Proof.REQUESTED),
    ],
)
def test_a_pair(effective: Mode, reasons: tuple[Reason, ...], expected: Proof) -> None:
    asked = pair("lan", "wan", effective, *reasons, asked=Mode.HARDWARE)
    assert Evidence().of_pair(asked) is expected
    assert Evidence().of_pair(replace(asked, kept=True, effective=Mode.NONE)) is Proof.NONE


def test_a_proven_pair() -> None:
    asked = pair("lan", "wan", Mode.HARDWARE, asked=Mode.HARDWARE)
    assert Evidence({LAN_WAN: PROVEN}).of_pair(asked) is Proof.PROVEN
