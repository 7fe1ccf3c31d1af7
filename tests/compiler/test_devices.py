"""Stacks of links -> what a flowtable should list of them, and why not the rest."""

from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import pytest

from offload.compiler.devices import resolve
from offload.compiler.offload.summary import no_device_reason
from offload.model.config import Config, Interface, Mode, Zone, ZoneChoice
from offload.model.kernel.live_rule import PacketRule, RuleMatch
from offload.model.network import Filter, Kernel, Link, Network, Qdisc, Snapshot
from offload.model.problems.reason import ReasonCode
from offload.model.topology import ZoneDevices


@dataclass(frozen=True)
class PairHardware:
    """Links, the l3 device of the only zone, and what comes of it."""

    links: tuple[Link, ...]
    l3: str
    listed: list[str]
    left_out: dict[str, ReasonCode]
    leaves: list[str]


def ports(master: str, *names: str, kind: str = "", wireless: bool = False) -> tuple[Link, ...]:
    return tuple(Link(name, kind, master=master, wireless=wireless) for name in names)


BRIDGE = (Link("br-lan", "bridge"), *ports("br-lan", "lan1", "lan2"), *ports("br-lan", "wlan0", wireless=True))
CASES = {
    "a device alone": PairHardware((Link("eth1"),), "eth1", ["eth1"], {}, ["eth1"]),
    "a bridge": PairHardware(
        BRIDGE, "br-lan", ["br-lan", "lan1", "lan2"], {"wlan0": ReasonCode.WIRELESS_PORT}, ["lan1", "lan2", "wlan0"]
    ),
    "a bridge without ports": PairHardware((Link("br-lan", "bridge"),), "br-lan", ["br-lan"], {}, ["br-lan"]),
    "a VLAN of a filtering bridge": PairHardware(
        (*BRIDGE, Link("br-lan.10", "vlan", lower=("br-lan",))),
        "br-lan.10",
        ["br-lan.10", "lan1", "lan2"],
        {"br-lan": ReasonCode.BRIDGE_UNDER_VLAN, "wlan0": ReasonCode.WIRELESS_PORT},
        ["lan1", "lan2", "wlan0"],
    ),
    "a VLAN that is a bridge port": PairHardware(
        (Link("br-lan", "bridge"), Link("eth0.1", "vlan", master="br-lan", lower=("eth0",)), Link("eth0")),
        "br-lan",
        ["br-lan", "eth0.1", "eth0"],
        {},
        ["eth0"],
    ),
    "VLANs of access points": PairHardware(
        (
            *(Link("br-iot", "bridge"), Link("lan1.10", "vlan", master="br-iot", lower=("lan1",)), Link("lan1")),
            *(Link(f"phy{i}-ap0.10", "vlan", master="br-iot", lower=(f"phy{i}-ap0",)) for i in (0, 1)),
            *(Link(f"phy{i}-ap0", wireless=True) for i in (0, 1)),
        ),
        "br-iot",
        ["br-iot", "lan1.10", "lan1"],
        dict.fromkeys(("phy0-ap0", "phy0-ap0.10", "phy1-ap0", "phy1-ap0.10"), ReasonCode.WIRELESS_PORT),
        ["lan1", "phy0-ap0", "phy1-ap0"],
    ),
    "a VLAN of an access point, beneath a VLAN of the bridge": PairHardware(
        (
            *(Link("br.5", "vlan", lower=("br",)), Link("br", "bridge")),
            Link("ap0.10", "vlan", master="br", lower=("ap0",)),
            Link("ap0", wireless=True),
        ),
        "br.5",
        ["br.5"],
        {"br": ReasonCode.BRIDGE_UNDER_VLAN, "ap0.10": ReasonCode.WIRELESS_PORT, "ap0": ReasonCode.WIRELESS_PORT},
        ["ap0"],
    ),
    "a VLAN of a Wi-Fi station that is no bridge's": PairHardware(
        (Link("sta0.10", "vlan", lower=("sta0",)), Link("sta0", wireless=True)),
        "sta0.10",
        ["sta0.10", "sta0"],
        {},
        ["sta0"],
    ),
    "switch ports": PairHardware(
        (Link("br-lan", "bridge"), Link("lan1", "dsa", master="br-lan", lower=("eth0",)), Link("eth0")),
        "br-lan",
        ["br-lan", "lan1"],
        {"eth0": ReasonCode.DSA_CONDUIT},
        ["lan1"],
    ),
    "a bond": PairHardware(
        (Link("bond0", "bond"), *ports("bond0", "eth0", "eth1")),
        "bond0",
        ["bond0"],
        {"eth0": ReasonCode.BOND_MEMBER, "eth1": ReasonCode.BOND_MEMBER},
        ["bond0"],
    ),
    "a VLAN on a bond in a bridge": PairHardware(
        (
            *(Link("br-lan", "bridge"), Link("bond0.7", "vlan", master="br-lan", lower=("bond0",))),
            *(Link("bond0", "bond"), *ports("bond0", "eth0")),
        ),
        "br-lan",
        ["br-lan", "bond0.7", "bond0"],
        {"eth0": ReasonCode.BOND_MEMBER},
        ["bond0"],
    ),
    "a macvlan": PairHardware(
        (Link("mac0", "macvlan", lower=("eth1",)), Link("eth1")),
        "mac0",
        ["mac0"],
        {"eth1": ReasonCode.NOT_FOLLOWED},
        ["mac0"],
    ),
    "containers": PairHardware(
        (Link("docker0", "bridge"), *ports("docker0", "veth1", kind="veth")),
        "docker0",
        ["docker0", "veth1"],
        {},
        ["veth1"],
    ),
    "a port with a name nft cannot take": PairHardware(
        (Link("br-lan", "bridge"), *ports("br-lan", "a{b}")),
        "br-lan",
        ["br-lan"],
        {"a{b}": ReasonCode.ODD_NAME},
        ["a{b}"],
    ),
    "a port with a name that nft may take for an index": PairHardware(
        (Link("br-lan", "bridge"), *ports("br-lan", "7")),
        "br-lan",
        ["br-lan"],
        {"7": ReasonCode.ODD_NAME},
        ["7"],
    ),
    "PPPoE on two VLANs": PairHardware(
        (
            Link("eth1"),
            Link("eth1.7", "vlan", lower=("eth1",)),
            Link("eth1.7.8", "vlan", lower=("eth1.7",)),
            Link("pppoe-wan", "ppp", lower=("eth1.7.8",)),
        ),
        "pppoe-wan",
        ["pppoe-wan", "eth1.7.8", "eth1.7"],
        {"eth1": ReasonCode.TOO_DEEP},
        ["eth1.7"],
    ),
    "links that stand on each other": PairHardware(
        (Link("a", "vlan", lower=("b",)), Link("b", "vlan", lower=("a",))), "a", ["a", "b"], {}, ["b"]
    ),
    "a link that stands on itself": PairHardware((Link("a", "vlan", lower=("a",)),), "a", ["a"], {}, ["a"]),
}


def found(zone: Zone, snapshot: Snapshot, *interfaces: str) -> ZoneDevices:
    return resolve(Config(zones=(zone,), interfaces=tuple(map(Interface, interfaces))), snapshot).zones[zone.name]


def codes(devices: ZoneDevices) -> dict[str, ReasonCode]:
    return {name: reason.code for name, reason in devices.left_out}


@pytest.mark.parametrize("name", CASES)
def test_a_stack(name: str) -> None:
    case = CASES[name]
    snapshot = Snapshot(links=case.links, networks=(Network("lan", l3_device=case.l3, device=case.l3),))
    devices = found(Zone("lan", "@zone[0]", networks=("lan",)), snapshot)
    assert devices.l3 == (case.l3,)
    assert list(devices.listed) == case.listed
    assert codes(devices) == case.left_out
    assert list(devices.leaves_of(case.l3)) == case.leaves


def test_pppoe_stands_on_the_device_of_netifd() -> None:
    links = (Link("pppoe-wan", "ppp"), Link("eth1.7", "vlan", lower=("eth1",)), Link("eth1"))
    network = Network("wan", l3_device="pppoe-wan", device="eth1.7", proto="pppoe")
    devices = found(Zone("wan", "@zone[0]", networks=("wan",)), Snapshot(links=links, networks=(network,)))
    assert devices.listed == ("pppoe-wan", "eth1.7", "eth1")
    assert devices.leaves_of("pppoe-wan") == ("eth1",)


SLOW, FAST = {"eth1": ReasonCode.PPPOE_PARENT}, dict[str, ReasonCode]()
RELEASES = {
    "5.15.0": SLOW,
    "5.15.156": SLOW,
    "5.15.156-rt70+": SLOW,
    "5.15.157": FAST,
    "5.15.1570": FAST,
    "5.15.167-0-openwrt": FAST,
    "5.10.156": FAST,
    "6.1.87": SLOW,
    "6.1.0-56-amd64": FAST,
    "6.6.28": SLOW,
    "6.6.86": FAST,
    "6.12.1": FAST,
    "": FAST,
}


@pytest.mark.parametrize("release", RELEASES)
def test_what_carries_pppoe_stays_out_on_kernels_with_the_fault(release: str) -> None:
    links = (Link("pppoe-wan", "ppp"), Link("eth1"))
    network = Network("wan", l3_device="pppoe-wan", device="eth1", proto="pppoe")
    snapshot = Snapshot(kernel=Kernel(release=release), links=links, networks=(network,))
    devices = found(Zone("wan", "@zone[0]", networks=("wan",)), snapshot)
    assert codes(devices) == RELEASES[release]
    assert devices.listed == ("pppoe-wan",) if RELEASES[release] else ("pppoe-wan", "eth1")


INGRESS = {"qdiscs": (Qdisc("eth1.7", "clsact"),), "filters": (Filter("eth1.7", "bpf"),)}
CHAIN = {"packet_rules": (PacketRule("netdev own", "in", "ingress", "limit", RuleMatch(iif="eth1.7")),)}
OUT = {"packet_rules": (PacketRule("netdev own", "out", "egress", "ttl", RuleMatch(oif="eth1.7")),)}
HOOKS: dict[str, tuple[dict[str, Any], bool]] = {
    "a tc filter on the ingress hook": (INGRESS, True),
    "one that only counts": (INGRESS | {"filters": (Filter("eth1.7", "u32", treats=False),)}, False),
    "a filter that chooses a class of its queue": (INGRESS | {"qdiscs": (Qdisc("eth1.7", "htb"),)}, False),
    "a chain on the ingress hook": (CHAIN, True),
    "a chain on the egress hook": (OUT, False),
    "a queue": ({"qdiscs": (Qdisc("eth1.7", "cake"),)}, False),
    "a filter of the device below": (
        {"qdiscs": (Qdisc("eth1", "ingress"),), "filters": (Filter("eth1", "u32"),)},
        False,
    ),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_nothing_is_listed_below_a_device_whose_ingress_hook_treats_packets(hook: str) -> None:
    more, treats = HOOKS[hook]
    links = (Link("pppoe-wan", "ppp"), Link("eth1.7", "vlan", lower=("eth1",)), Link("eth1"))
    network = Network("wan", l3_device="pppoe-wan", device="eth1.7", proto="pppoe")
    devices = found(Zone("wan", "@zone[0]", networks=("wan",)), Snapshot(links=links, networks=(network,), **more))
    assert devices.listed == (("pppoe-wan", "eth1.7") if treats else ("pppoe-wan", "eth1.7", "eth1"))
    assert codes(devices) == ({"eth1": ReasonCode.HOOKED_ABOVE} if treats else {})
    assert devices.leaves_of("pppoe-wan") == ("eth1",), "hardware sees its packets there"


def test_nothing_is_listed_below_a_bridge_with_a_queue() -> None:
    snapshot = Snapshot(links=BRIDGE, networks=(Network("lan", l3_device="br-lan"),), qdiscs=(Qdisc("br-lan", "cake"),))
    devices = found(Zone("lan", "@zone[0]", networks=("lan",)), snapshot)
    assert devices.listed == ("br-lan",)
    hooked, wireless = ReasonCode.HOOKED_ABOVE, ReasonCode.WIRELESS_PORT
    assert codes(devices) == {"lan1": hooked, "lan2": hooked, "wlan0": wireless}


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (Network("wan", up=False), ReasonCode.NETWORK_DOWN),
        (Network("wan", l3_device="eth9"), ReasonCode.LINK_MISSING),
        (Network("wan", l3_device="lo"), ReasonCode.LOOPBACK),
    ],
)
def test_a_network_without_a_usable_device(network: Network, why: ReasonCode) -> None:
    devices = found(Zone("wan", "@zone[0]", networks=("wan",)), Snapshot(links=(Link("lo"),), networks=(network,)))
    assert devices.l3 == ()
    assert why in {*codes(devices).values(), *(reason.code for reason in devices.reasons)}


def test_vlans_too_deep_for_a_flow_to_remember() -> None:
    links = (Link("eth1.7.8", "vlan", lower=("eth1.7",)), Link("eth1.7", "vlan", lower=("eth1",)), Link("eth1"))
    pppoe = Link("pppoe-wan", "ppp")
    network = Network("wan", l3_device="pppoe-wan", device="eth1.7.8", proto="pppoe")
    devices = found(Zone("wan", "@zone[0]", networks=("wan",)), Snapshot(links=(*links, pppoe), networks=(network,)))
    assert devices.listed == ("pppoe-wan", "eth1.7.8", "eth1.7")
    assert codes(devices) == {"eth1": ReasonCode.TOO_DEEP}
    assert devices.leaves_of("pppoe-wan") == ("eth1.7",)


def test_a_network_of_the_config_that_netifd_has_not_is_down() -> None:
    zone = Zone("wan", "@zone[0]", networks=("wan",))
    topology = resolve(Config(zones=(zone,), interfaces=(Interface("wan"),)), Snapshot())
    assert [reason.code for reason in topology.zones["wan"].reasons] == [ReasonCode.NETWORK_DOWN]


def test_an_unknown_network_is_a_problem_only_where_a_choice_for_its_zone_has_no_effect() -> None:
    """OpenWrt's own default lists `wan` and `wan6`, which not every router has."""
    alone, chosen = Zone("wan", "@zone[0]", networks=("wna",)), (ZoneChoice("wan", "wan", Mode.SOFTWARE),)
    (problem,) = resolve(
        Config(zones=(alone,), interfaces=(Interface("wan"),), zone_choices=chosen), Snapshot()
    ).problems
    assert str(problem).startswith(
        "firewall.@zone[0].network: there is no network 'wna' (did you mean 'wan'?), and zone"
    )
    unchosen = resolve(Config(zones=(alone,)), Snapshot())
    assert unchosen.problems == ()
    assert [reason.code for reason in unchosen.zones["wan"].reasons] == [ReasonCode.NETWORK_UNKNOWN]
    more: list[dict[str, Any]] = [
        {"networks": ("wna", "wan")},
        {"devices": ("wan",)},
        {"subnets": (ip_network("192.0.2.0/24"),)},
    ]
    for each in more:
        config = Config(zones=(replace(alone, **each),), interfaces=(Interface("wan"),), zone_choices=chosen)
        assert resolve(config, Snapshot()).problems == ()


def test_the_bridge_of_an_access_points_vlan_is_named() -> None:
    links = (
        *(Link("br-iot", "bridge"), Link("ap0.10", "vlan", master="br-iot", lower=("ap0",))),
        Link("ap0", wireless=True),
    )
    devices = found(Zone("iot", "@zone[0]", devices=("br-iot",)), Snapshot(links=links))
    assert {reason.text.partition(":")[0] for _, reason in devices.left_out} == {"Wi-Fi port of br-iot"}


def test_devices_by_pattern_and_networks_by_their_own_word() -> None:
    links = tuple(map(Link, ("wg10", "wg2", "wgx", "awg", "tun0")))
    networks = (Network("peer", l3_device="tun0", zone="vpn"), Network("other", l3_device="awg", zone="lan"))
    zone = Zone("vpn", "@zone[0]", devices=("wg*",))
    devices = found(zone, Snapshot(links=links, networks=networks))
    assert set(devices.l3) == {"wg10", "wg2", "wgx", "tun0"}
    assert found(zone, Snapshot()).reasons == (ReasonCode.LINK_MISSING(device="wg*"),)


def test_a_zone_of_what_it_is_not() -> None:
    devices = found(Zone("rest", "@zone[0]", inverted=True), Snapshot())
    assert [reason.code for reason in devices.reasons] == [ReasonCode.ZONE_INVERTED]
    assert no_device_reason(devices).code is ReasonCode.ZONE_INVERTED  # that it has none now would be false
