"""/etc/config/firewall as fw4 reads it: zones, and the forwardings permitted between them."""

from ipaddress import ip_network

import pytest

from config.packages import ZONES, Options, loaded
from offload.config.fw4.options import fw4_values
from offload.model.config import Permission, Policy
from offload.model.problems.problem import ProblemCode
from offload.model.sections.match import Address
from offload.model.text.networks import as_networks


def permissions(*sections: tuple[str, Options]) -> list[tuple[str, str, str]]:
    config, _ = loaded(firewall=(*ZONES, *sections))
    return [(each.src, each.dest, each.dest_ip) for each in config.permissions]


def test_a_zone() -> None:
    config, faults = loaded(
        firewall=(
            ("defaults", {"forward": "ACCEPT"}),
            (
                "zone",
                {"name": "lan", "network": ("lan", "!guest", "a_name_longer_than_a_device"), "device": "wg+ eth1"},
            ),
            ("zone", {"name": "wan", "forward": "drop", "subnet": "10.0.0.0/8", "masq": "yes", "unheard": "of"}),
            ("zone", {"name": "off", "enabled": "0"}),
        )
    )
    lan, wan = config.zones
    assert (lan.networks, lan.devices, lan.inverted) == (("lan", "a_name_longer_than_a_device"), ("wg*", "eth1"), True)
    assert (lan.forward, wan.forward) == (Policy.ACCEPT, Policy.DROP)
    assert (wan.masq, wan.subnets, wan.inverted) == (True, (ip_network("10.0.0.0/8"),), False)
    assert faults == []  # fw4 ignores an option that it does not know, and so do we


@pytest.mark.parametrize("odd", ["!10.0.0.0/8", "10.0.0.1-10.0.0.9", "lan", "::1/::ffff"])
def test_subnets_that_are_no_networks_may_be_any_address(odd: str) -> None:
    config, _ = loaded(firewall=(("zone", {"name": "lab", "subnet": ("192.168.1.9/25", odd)}),))
    assert config.zones[0].subnets == (ip_network("0.0.0.0/0"), ip_network("::/0"))


@pytest.mark.parametrize("word", ["!192.168.1.0/24", "192.168.1.1-192.168.1.9", "0.0.0.5/0.0.0.255"])
def test_a_condition_that_no_networks_express_has_none(word: str) -> None:
    found = fw4_values.network(word)
    assert isinstance(found, Address)
    assert as_networks([found]) is None and as_networks([]) == ()


@pytest.mark.parametrize(("defaults", "forward"), [({"forward": "ACC"}, Policy.ACCEPT), ({}, Policy.DROP)])
def test_what_becomes_of_the_rest_between_zones(defaults: Options, forward: Policy) -> None:
    config, _ = loaded(firewall=(("defaults", defaults), *ZONES))
    assert config.forward is forward


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ([("forwarding", {"src": "lan", "dest": "wan"})], [("lan", "wan", "")]),
        ([("forwarding", {"src": "lan", "dest": "*"})], [("lan", "*", "")]),
        ([("forwarding", {"src": "lan", "dest": "wan", "enabled": "0"})], []),
        ([("forwarding", {"src": "lan", "dest": "moon"})], []),
        ([("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT"})], [("wan", "lan", "")]),
        ([("rule", {"src": "*", "dest": "lan", "target": "acc", "proto": "udp"})], [("*", "lan", "")]),
        ([("rule", {"src": "wan", "dest": "lan", "target": "REJECT"})], []),
        ([("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT", "src_ip": "10.0.0.300"})], []),
        (
            [("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT", "src_ip": "no_such_network"})],
            [("wan", "lan", "")],
        ),
        ([("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT", "proto": "esp"})], []),
        ([("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT", "proto": "gre"})], [("wan", "lan", "")]),
        ([("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT", "proto": "!icmp"})], [("wan", "lan", "")]),
        # GRE with NAT is never offloaded
        ([("redirect", {"src": "wan", "dest": "lan", "dest_ip": "192.168.1.9", "proto": "gre"})], []),
        ([("rule", {"src": "wan", "dest": "lan", "target": "ACCEPT", "proto": ("icmp", "tcp")})], [("wan", "lan", "")]),
        ([("rule", {"src": "wan", "target": "ACCEPT"})], []),
        ([("rule", {"src": "wan", "dest": "lan"})], []),
        (
            [("redirect", {"src": "wan", "dest": "lan", "dest_ip": "192.168.1.9"})],
            [("wan", "lan", ""), ("lan", "lan", "")],
        ),
        ([("redirect", {"src": "wan", "dest": "lan", "dest_ip": "1.2.3.4", "reflection": "0"})], [("wan", "lan", "")]),
        (
            [("zone", {"name": "v6", "masq6": "1"}), ("redirect", {"src": "v6", "dest": "lan", "dest_ip": "fd00::1"})],
            [("v6", "lan", ""), ("lan", "lan", "")],
        ),
        (
            [("redirect", {"src": "wan", "dest": "lan", "dest_ip": "1.2.3.4", "reflection_zone": ("lan", "wan")})],
            [("wan", "lan", ""), ("lan", "lan", ""), ("wan", "lan", "")],
        ),
        ([("redirect", {"src": "lan", "dest": "wan", "dest_ip": "1.2.3.4"})], [("lan", "wan", "")]),  # lan has no masq
        # the zone that has the address, where fw4 looks for it, is the one that is reflected too
        ([("redirect", {"src": "wan", "dest_ip": "1.2.3.4"})], [("wan", "", "1.2.3.4"), ("", "", "1.2.3.4")]),
        ([("redirect", {"src": "wan", "dest_ip": "1.2.3.4", "reflection": "0"})], [("wan", "", "1.2.3.4")]),
        (
            [("redirect", {"src": "wan", "dest_ip": "1.2.3.4", "reflection_zone": "lan"})],
            [("wan", "", "1.2.3.4"), ("lan", "", "1.2.3.4")],
        ),
        ([("redirect", {"src": "wan", "dest": "lan", "src_dport": "80"})], []),  # to the router itself
        ([("redirect", {"src": "wan", "dest": "lan", "dest_ip": "1.2.3.4", "target": "SNAT"})], []),
    ],
)
def test_what_the_firewall_lets_through(
    sections: list[tuple[str, Options]], expected: list[tuple[str, str, str]]
) -> None:
    assert permissions(*sections) == expected


def test_permissions_name_their_section() -> None:
    config, _ = loaded(firewall=(*ZONES, ("forwarding", {"src": "lan", "dest": "wan"})))
    assert config.permissions == (Permission("lan", "wan", "@forwarding[0]"),)


def test_fw4_offloading_by_itself_is_reported() -> None:
    config, faults = loaded(firewall=(("defaults", {"flow_offloading": "1"}), *ZONES))
    assert config.fw4_offloads
    assert faults == [ProblemCode.FW4_OFFLOADS]
