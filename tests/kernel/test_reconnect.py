"""A PPPoE session that ends and comes back: its flows are slow until the resident service has seen the new device.

The kernel removes the device of an ended session from the flowtable, and the new device has another index; the service
adds it to flowtable and map each time it comes back.
"""

import json
import os
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest
import ubus

from kernel.daemons import wait_until
from kernel.evidence import Sighting
from kernel.house import House
from kernel.inside import NETIFD, applied, decided, observed
from kernel.resident import Resident, resident
from kernel.topologies import PPPOE, TOPOLOGIES

ENOUGH = 60
LISTED = sorted(TOPOLOGIES["pppoe"].listed.split())
RECONNECTS = 100 if os.environ.get("OFFLOAD_SOAK") else 10
SAMPLED = 5  # every so many reconnects a new conversation shows which path it takes


@pytest.fixture(scope="module", name="line")
def _line(house: House) -> Iterator[House]:
    with house.shaped(TOPOLOGIES["pppoe"].shape):
        yield house


def test_a_pppoe_session_that_comes_back_is_fast_once_its_index_is_known(line: House) -> None:
    line.router.offload("apply")
    assert one(line).fast(ENOUGH)

    PPPOE.hang_up()
    PPPOE.dial()
    assert line.listed() == ["br-lan", "eth1", "lan1"]  # the kernel has dropped the old device
    seen = one(line)
    assert min(seen.slow.original, seen.slow.reply) >= ENOUGH, seen

    applied(line.router, decided(line.router, observed(line.router)))
    assert line.listed() == LISTED
    assert one(line).fast(ENOUGH)


def test_the_service_follows_every_session(line: House) -> None:
    netifd = Netifd(line)
    with resident(line.router) as service:
        service.until(lambda: line.listed() == LISTED)
        size = service.descriptors()
        took = [reconnect(line, netifd, service, sampled=not turn % SAMPLED) for turn in range(RECONNECTS)]
        print(f"\n{RECONNECTS} reconnects: listed {median(took):.2f} s after netifd's event, at most {max(took):.2f} s")
        assert service.descriptors() == size
    line.router.offload("apply")


def reconnect(line: House, netifd: "Netifd", service: Resident, *, sampled: bool) -> float:
    """Let the session end and come back; how long the service took to list its device again."""
    PPPOE.hang_up()
    netifd.tell(up=False)
    wait_until(lambda: "pppoe-wan" not in service.devices(), "the flowtable without pppoe-wan")
    PPPOE.dial()
    netifd.tell(up=True)
    begin = time.monotonic()
    service.until(lambda: service.devices() == LISTED, 20)
    took = time.monotonic() - begin
    if sampled:
        # the session's own routes may come after the pass, and flows are slow for a moment once more
        wait_until(lambda: one(line).fast(ENOUGH), "a conversation without slow packets")
    return took


class Netifd:
    """Netifd's reports of wan: its dump, and the ubus event of a change."""

    def __init__(self, line: House) -> None:
        self._file = line.router.replies / NETIFD
        self._dump: dict[str, Any] = json.loads(self._file.read_text())

    def tell(self, *, up: bool) -> None:
        """Report wan up, on its l3 device, or down: the new dump first, then the event."""
        others = [each for each in self._dump["interface"] if each["interface"] != "wan"]
        wan = next(each for each in self._dump["interface"] if each["interface"] == "wan")
        down = {name: value for name, value in wan.items() if name != "l3_device"} | {"up": False}
        self._file.write_text(json.dumps({"interface": [*others, wan if up else down]}))
        ubus.send("network.interface", {"action": "ifup" if up else "ifdown", "interface": "wan"})


def one(house: House) -> Sighting:
    """The packets of a new conversation from lan to wan, by path."""
    (seen,) = house.watch([house.call("lan", "wan")], ENOUGH)
    return seen
