"""What treats packets of a device above others (a bridge, a VLAN) does so with offload on, though flows cross both."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from kernel import chip
from kernel.house import House, Shape
from kernel.inside import decided, observed
from kernel.rates import downloaded, noted, uploaded
from kernel.sides import bridge, vlan
from kernel.test_what_breaks_shapers import RATE, SIZE, chosen
from offload.model.problems.finding import FindingCode
from offload.service import reconcile
from offload.system.config.uci import Uci

ENGINE = ("lan1", "eth1")
SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": vlan(chip.port("eth1"), 7)})
# Row: the commands of tc, or the table; how to take them back; the device below that would let packets pass them by.
ROWS: dict[str, tuple[Sequence[str], Sequence[str], str]] = {
    "cake on an ifb for what comes in on a VLAN, 2 Mbit/s": (
        (
            "qdisc add dev eth1.7 handle ffff: ingress",
            "filter add dev eth1.7 parent ffff: protocol all matchall action mirred egress redirect dev ifb4wan",
            "qdisc add dev ifb4wan root cake bandwidth 2mbit",
        ),
        ("qdisc del dev eth1.7 ingress", "qdisc del dev ifb4wan root"),
        "eth1",
    ),
    "tbf on a bridge, for what goes out, 2 Mbit/s": (
        ("qdisc add dev br-lan root tbf rate 2mbit burst 8kb latency 100ms",),
        ("qdisc del dev br-lan root",),
        "lan1",
    ),
    "policer of a tc filter on a bridge, 2 Mbit/s": (
        (
            "qdisc add dev br-lan clsact",
            "filter add dev br-lan ingress protocol ip matchall action police rate 2mbit burst 16k drop",
        ),
        ("qdisc del dev br-lan clsact",),
        "lan1",
    ),
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        house.router.run("modprobe", "ifb", "numifbs=0")
        house.router.ip("link add ifb4wan type ifb", "link set ifb4wan up")
        yield house


@contextmanager
def treated(lab: House, commands: Sequence[str], back: Sequence[str]) -> Iterator[None]:
    for command in commands:
        lab.router.run("tc", *command.split())
    try:
        yield
    finally:
        for command in back:
            lab.router.run("tc", *command.split())


def rate(lab: House, row: str) -> tuple[float, bool]:
    """Mbit/s of a new connection, and whether all of it was fast."""
    talk = lab.call("lan", "wan")
    with lab.evidence.watch(talk) as seen:
        found = (uploaded if "policer" in row else downloaded)(talk, SIZE)
    return found, seen.fast(1)


def bypassed(lab: House) -> bool:
    """Whether `offload check` says so."""
    found = reconcile.findings(decided(lab.router, observed(lab.router)), Uci(lab.router.config))
    return any(each.code is FindingCode.SHAPER_BYPASSED for each in found)


@pytest.mark.parametrize("row", ROWS)
def test_what_treats_packets_of_a_device_above_others_keeps_doing_so(lab: House, row: str) -> None:
    commands, back, below = ROWS[row]
    with treated(lab, commands, back):
        figures = {}
        for mode in ("none", "software", "hardware"):
            got, reasons = chosen(lab, mode)
            assert (got, "SHAPED" in reasons) == ("none" if mode == "none" else "software", mode == "hardware")
            figures[mode], _ = rate(lab, row)
            assert not bypassed(lab)
        assert chosen(lab, "software", f"\tlist device '{below}'\n")[0] == "software"
        passed, fast = rate(lab, row)
        assert bypassed(lab)
    assert fast
    least = 0.4 if "policer" in row else 0.7  # what a policer drops makes TCP hesitate
    assert all(least * RATE < each < 1.1 * RATE for each in figures.values()), figures
    assert passed > 2 * RATE
    did = {"software": f"{below} is left out; else {passed:.0f} Mbit/s", "hardware": "the pair is in software"}
    for mode, words in did.items():
        noted(row, mode, figures["none"], figures[mode], words)
