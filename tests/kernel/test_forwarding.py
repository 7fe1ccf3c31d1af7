"""Forwarding that is switched off ends what is offloaded, too: offloaded packets bypass the place that asks for it."""

from collections.abc import Iterator

import pytest

from kernel.evidence import Sighting
from kernel.house import House, Shape
from kernel.resident import Resident, resident
from kernel.sides import bridge, port
from kernel.traffic import Talk

ENOUGH = 60
# Between two bridges no packet of an offloaded flow looks its route up again, so only the table itself ends it.
SHAPE = Shape({"lan": bridge(port("lan1")), "iot": bridge(port("iot1"), name="br-iot"), "wan": port("wan")})
SWITCHES = {4: ("net/ipv4/ip_forward",), 6: ("net/ipv6/conf/all/forwarding",)}
ONE_DEVICE = "net/ipv4/conf/br-lan/forwarding"


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


@pytest.fixture(name="service", scope="module")
def _service(lab: House) -> Iterator[Resident]:
    with resident(lab.router, logged=True) as service:
        service.until(lambda: "br-lan" in service.devices())
        service.quiet()
        yield service


def stands(talk: Talk) -> bool:
    """Whether no answer comes any more."""
    talk.patience(0.5)
    try:
        talk.echo(1)
    except TimeoutError:
        return True
    return False


def seen(lab: House, dest: str, version: int) -> tuple[Talk, Sighting]:
    talk = lab.call("lan", dest, version, "udp")
    return talk, lab.watch([talk], ENOUGH)[0]


@pytest.mark.parametrize("dest", ["iot", "wan"])
@pytest.mark.parametrize(
    ("version", "switch"),
    [*((version, name) for version, names in SWITCHES.items() for name in names), (4, ONE_DEVICE)],
)
def test_a_flow_ends_when_forwarding_does(lab: House, service: Resident, version: int, switch: str, dest: str) -> None:
    talk, sighting = seen(lab, dest, version)
    assert sighting.fast(ENOUGH)
    before = lab.router.generation()
    lab.router.sysctl({switch: 0})
    try:
        service.until(lambda: stands(talk), 10)
        # 6.1 itself makes flows to wan slow at once; what the service returns after that is not yet the next talk
        service.until(lambda: lab.router.generation() != before, 10)
    finally:
        lab.router.sysctl({switch: 1})
    assert seen(lab, dest, version)[1].fast(ENOUGH)
