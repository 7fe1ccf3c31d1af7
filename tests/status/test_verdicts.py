"""The verdict on hardware for a pair, and for a device, with and without flows."""

from dataclasses import replace

import pytest

from offload.model.config import Mode
from offload.model.plan import DeviceDecision
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import PairHardware, Verdict
from offload.status.hardware.verdicts import Verdicts
from status.routers import pair

LAN_WAN, LAN_VPN = ("lan", "wan"), ("lan", "vpn")
BOUND, PROVEN, REFUSED = (
    PairHardware(("eth0",), verdict=proof) for proof in (Verdict.BOUND, Verdict.PROVEN, Verdict.REFUSED)
)
NO_DRIVER, BENEATH = ReasonCode.NO_HW_TC_OFFLOAD(), ReasonCode.HARDWARE_BENEATH(devices="lan1, lan2")


def device(*reasons: Reason, listed: tuple[str, ...] = ("hw",), asked: bool = True) -> DeviceDecision:
    return DeviceDecision("eth0", ("lan",), listed, asked, reasons)


DEVICES: dict[str, tuple[DeviceDecision, Verdicts, Verdict]] = {
    "not asked": (device(listed=("sw",), asked=False), Verdicts(), Verdict.NONE),
    "asked, and the driver cannot": (device(NO_DRIVER, listed=("sw",)), Verdicts(), Verdict.IMPOSSIBLE),
    "asked, and carries switch ports": (device(ReasonCode.DSA_CONDUIT(), listed=()), Verdicts(), Verdict.NONE),
    "asked, and missing": (device(ReasonCode.LINK_MISSING(device="eth0"), listed=()), Verdicts(), Verdict.REQUESTED),
    "the driver cannot, and its pairs are proven": (
        device(NO_DRIVER, listed=("sw",)), Verdicts({LAN_WAN: PROVEN}, {"eth0": PROVEN}), Verdict.IMPOSSIBLE,
    ),
    "listed": (device(), Verdicts(), Verdict.BOUND),
    "its zone is proven, by other devices": (device(), Verdicts({LAN_WAN: PROVEN}, {"lan2": PROVEN}), Verdict.BOUND),
    "its zone is proven, and its own flows are refused": (
        device(), Verdicts({LAN_WAN: PROVEN}, {"eth0": REFUSED}), Verdict.REFUSED,
    ),
    "proven by its own flows": (device(), Verdicts({LAN_WAN: PROVEN}, {"eth0": PROVEN}), Verdict.PROVEN),
    "proven, and its pair is not yet": (device(), Verdicts({LAN_WAN: BOUND}, {"eth0": PROVEN}), Verdict.PROVEN),
    "its flows are marked, and stray": (device(), Verdicts({LAN_WAN: REFUSED}, {"eth0": PROVEN}), Verdict.REFUSED),
    "those of one pair stray": (
        device(), Verdicts({LAN_WAN: REFUSED, LAN_VPN: PROVEN}, {"eth0": PROVEN}), Verdict.PROVEN,
    ),
    "receives what the processor does not count": (
        device(), Verdicts({LAN_WAN: replace(PROVEN, unbridged=("eth0",), still=2)}), Verdict.PROVEN,
    ),
    "another device receives that": (
        device(), Verdicts({LAN_WAN: replace(PROVEN, unbridged=("eth1",), still=2)}), Verdict.BOUND,
    ),
    "above ports in hardware": (device(BENEATH, listed=("sw",)), Verdicts(), Verdict.BOUND),
    "above ports that are proven": (device(BENEATH, listed=("sw",)), Verdicts({}, {"eth0": PROVEN}), Verdict.PROVEN),
}  # fmt: skip


@pytest.mark.parametrize(("decided", "verdicts", "expected"), DEVICES.values(), ids=DEVICES)
def test_a_device(decided: DeviceDecision, verdicts: Verdicts, expected: Verdict) -> None:
    assert verdicts.of_device(decided) is expected


UNCOVERED = ReasonCode.HARDWARE_UNCOVERED(devices="wlan0")


@pytest.mark.parametrize(
    ("effective", "reasons", "expected"),
    [
        (Mode.HARDWARE, (), Verdict.BOUND),
        (Mode.SOFTWARE, (UNCOVERED,), Verdict.IMPOSSIBLE),
        (Mode.NONE, (ReasonCode.ZONE_WITHOUT_DEVICES(zone="wan"),), Verdict.REQUESTED),
        (Mode.SOFTWARE, (ReasonCode.NOT_APPLIED(), UNCOVERED), Verdict.REQUESTED),
    ],
)
def test_a_pair(effective: Mode, reasons: tuple[Reason, ...], expected: Verdict) -> None:
    asked = pair("lan", "wan", effective, *reasons, asked=Mode.HARDWARE)
    assert Verdicts().of_pair(asked) is expected
    assert Verdicts().of_pair(replace(asked, always_slow=True, effective=Mode.NONE)) is Verdict.NONE


def test_a_proven_pair() -> None:
    asked = pair("lan", "wan", Mode.HARDWARE, asked=Mode.HARDWARE)
    assert Verdicts({LAN_WAN: PROVEN}).of_pair(asked) is Verdict.PROVEN
