"""The table of topologies: the devices of a router's networks, those that a flowtable lists, and lists to compare.

`right` are other lists with which both directions are fast, so that listing more only costs time; `wrong` are lists
with which one direction is slow, although conntrack shows the flow as offloaded. docs/topologies.md has this for users.
"""

from dataclasses import dataclass

from kernel.house import Shape
from kernel.pppoe import Pppoe
from kernel.radio import wifi
from kernel.sides import Side, bond, bridge, container, filtering, port, vlan, vrf, wireguard

LAN = bridge(port("lan1"))
PPPOE = Pppoe(port("eth1"))


@dataclass(frozen=True)
class Topology:
    """A router's shape, the devices that shall be listed, and lists to compare with, each in one string."""

    shape: Shape
    listed: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    tried: tuple[str, str] = ("lan", "wan")  # who calls whom to try the other lists


def _wan(side: Side, **others: Side) -> Shape:
    return Shape({"lan": LAN, "wan": side, **others})


TOPOLOGIES = {
    "static": Topology(
        _wan(port("wan")),
        "br-lan lan1 wan",
        right=("br-lan wan", "lan1 wan"),
        wrong=("br-lan lan1",),
    ),
    "vlan-wan": Topology(
        _wan(vlan(port("eth1"), 7)),
        "br-lan lan1 eth1 eth1.7",
        right=("br-lan lan1 eth1", "br-lan lan1 eth1.7"),
    ),
    "pppoe": Topology(
        _wan(PPPOE),
        "br-lan eth1 lan1 pppoe-wan",
        right=("br-lan lan1 eth1", "br-lan lan1 pppoe-wan"),
    ),
    "pppoe-on-vlan": Topology(
        _wan(Pppoe(vlan(port("eth1"), 7))),
        "br-lan eth1 eth1.7 lan1 pppoe-wan",
        right=("br-lan lan1 eth1", "br-lan lan1 pppoe-wan"),
        wrong=("br-lan lan1 eth1.7",),
    ),
    "pppoe-on-two-vlans": Topology(
        _wan(Pppoe(vlan(vlan(port("eth1"), 7), 8))),
        "br-lan eth1.7 eth1.7.8 lan1 pppoe-wan",
        right=("br-lan lan1 pppoe-wan",),
        wrong=("br-lan lan1 pppoe-wan eth1",),
    ),
    "filtering-bridge": Topology(
        Shape({"lan": filtering("lan1", 10), "iot": filtering("lan2", 20, tagged=True), "wan": port("wan")}),
        "br-lan.10 br-lan.20 lan1 lan2 wan",
        right=("br-lan.10 wan", "lan1 wan"),
        wrong=("br-lan wan",),
    ),
    "swconfig": Topology(
        Shape({"lan": bridge(vlan(port("eth0"), 1)), "wan": vlan(port("eth1"), 2)}),
        "br-lan eth0 eth0.1 eth1 eth1.2",
        right=("br-lan eth1", "eth0 eth1"),
        wrong=("eth0.1 eth1",),
    ),
    "bond-wan": Topology(
        _wan(bond("eth1", "eth2")),
        "bond0 br-lan lan1",
        wrong=("br-lan lan1 eth1 eth2",),
    ),
    "bond-in-bridge": Topology(
        Shape({"lan": bridge(bond("eth1", "eth2")), "wan": port("wan")}),
        "bond0 br-lan wan",
        right=("br-lan wan", "bond0 wan"),
        wrong=("eth1 eth2 wan",),
    ),
    "wireguard": Topology(
        _wan(port("wan"), vpn=wireguard("wan")),
        "br-lan lan1 wan wg0",
        right=("br-lan lan1 wg0",),
        wrong=("br-lan lan1 wan",),
        tried=("lan", "vpn"),
    ),
    "container": Topology(
        _wan(port("wan"), docker=container),
        "br-lan docker0 lan1 veth1a2b3c4 wan",
        right=("docker0 wan", "veth1a2b3c4 wan"),
        tried=("docker", "wan"),
    ),
    "vrf": Topology(
        Shape({"lan": vrf(LAN), "wan": vrf(port("wan"))}),
        "br-lan lan1 wan",
        right=("br-lan wan",),
        wrong=("vrf0 br-lan",),
    ),
    "two-wans": Topology(_wan(port("eth1"), wan2=port("eth2")), "br-lan eth1 eth2 lan1"),
    "two-wans-one-zone": Topology(
        Shape({"lan": LAN, "wan": port("eth1"), "wan2": port("eth2")}, zones={"wan2": "wan"}),
        "br-lan eth1 eth2 lan1",
    ),
    "nat66": Topology(Shape({"lan": LAN, "wan": port("wan")}, nat66=True), "br-lan lan1 wan"),
    "wifi": Topology(
        Shape({"lan": wifi, "wan": port("wan")}),
        "br-lan wan",
        right=("phy0-ap0 wan", "br-lan phy0-ap0 wan"),  # while the station stays: test_moves.py
    ),
}
