"""A router with more devices than a flowtable takes, and with many or few connections."""

import pytest

from offload.compiler.devices import resolve
from offload.compiler.offload.plan import plan
from offload.model.config import Config, Globals, Mode, Permission, Zone
from offload.model.network import Kernel, Link, Snapshot
from offload.model.plan import MOST_DEVICES, Plan
from offload.model.problems.reason import ReasonCode

CONFIG = Config(
    zones=(Zone("lan", "@zone[0]", devices=("br-lan",)), Zone("wan", "@zone[1]", devices=("wan",))),
    permissions=(Permission("lan", "wan", "@forwarding[0]"),),
    globals=Globals(mode=Mode.SOFTWARE),
)


def with_ports(count: int, conntrack_max: int = 4096) -> Plan:
    ports = tuple(Link(f"port{number:03}", master="br-lan") for number in range(count))
    kernel = Kernel("6.6.0", flowtable=True, nft="1.1.1", conntrack_max=conntrack_max)
    snapshot = Snapshot(links=(Link("br-lan", kind="bridge"), Link("wan"), *ports), kernel=kernel)
    return plan(CONFIG, resolve(CONFIG, snapshot), snapshot)


def test_as_many_as_it_takes() -> None:
    found = with_ports(MOST_DEVICES - 2)
    assert len(found.tables[0].devices) == MOST_DEVICES
    assert not any(device.reasons for device in found.devices)


def test_l3_devices_are_listed_and_ports_are_left_out() -> None:
    found = with_ports(MOST_DEVICES + 44)
    listed = found.tables[0].devices
    assert len(listed) == MOST_DEVICES
    assert {"br-lan", "wan"} <= set(listed)
    left = {device.name: [reason.code for reason in device.reasons] for device in found.devices if device.reasons}
    assert left == {
        f"port{number:03}": [ReasonCode.FLOWTABLE_FULL] for number in range(MOST_DEVICES - 2, MOST_DEVICES + 44)
    }
    assert [pair.effective for pair in found.pairs] == [Mode.SOFTWARE]


@pytest.mark.parametrize(("most", "remembered"), [(0, 65536), (1, 1), (4096, 4096), (1 << 20, 65536)])
def test_a_table_remembers_as_many_replies_as_there_may_be_connections(most: int, remembered: int) -> None:
    """0 means to the kernel that there is no limit (nf_conntrack_core.c, __nf_conntrack_alloc())."""
    assert with_ports(1, most).tables[0].remembered == remembered
